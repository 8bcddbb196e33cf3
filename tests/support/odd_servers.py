"""Servers on loopback that do one wrong thing, whatever they are asked."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

from aiohttp import web


@asynccontextmanager
async def answering(
    status: int, body: object, *, trust: ssl.SSLContext | None = None, date: float | None = None
) -> AsyncIterator[str]:
    """Its address. `body` is JSON, or a page when it is a text; `date` (s) is what its clock shows."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        headers = {"Date": formatdate(date, usegmt=True)} if date is not None else {}
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="text/html", headers=headers)
        return web.json_response(body, status=status, headers=headers)

    async with _serving(answer, trust) as address:
        yield address


@asynccontextmanager
async def engine(about: dict[str, Any], image: dict[str, Any] | None) -> AsyncIterator[str]:
    """A container engine that tells of itself and of one image, as Docker's API does."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        match request.path.rsplit("/", 1)[-1]:
            case "version":
                return web.json_response({"ApiVersion": "1.41", "MinAPIVersion": "1.12"})
            case "info":
                return web.json_response({"ServerVersion": "20.10", "KernelVersion": "0", **about})
            case "json" if image is not None:
                return web.json_response({"Id": "sha256:1", "RepoTags": [], **image})
        return web.json_response({"message": "No such image"}, status=404)

    async with _serving(answer) as address:
        yield address.replace("http://", "tcp://")


@asynccontextmanager
async def _serving(handler: Any, trust: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"{'https' if trust else 'http'}://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def silent(*, closing: bool) -> AsyncIterator[str]:
    """Takes connections and says nothing; `closing` ends them at once."""
    held: list[asyncio.StreamWriter] = []

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        if closing:
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in held:
            writer.close()
        server.close()


def nowhere() -> str:
    """An address at which nobody listens: port 1 is nobody's."""
    return "http://127.0.0.1:1"


def unused_socket(path: Path) -> str:
    """A socket's file that nobody listens at any more."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    return f"unix://{path}"
