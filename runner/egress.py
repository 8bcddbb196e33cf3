"""A port on the container's loopback: what programs send there goes out by the gateway's socket, and it decides.

As a proxy it leads to the hosts that are allowed, as an address to the model. It only carries bytes. Which hosts may be
reached is checked where this code's neighbours cannot change it: on the host.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from runner.sockets import reachable

CHUNK = 65_536  # bytes
HERE = "localhost,127.0.0.1,::1"
VARIABLES = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "NODE_USE_ENV_PROXY",
)


@asynccontextmanager
async def proxy(gateway_socket: Path) -> AsyncIterator[Mapping[str, str]]:
    """Runs while the block does; yields the variables that lead programs to it."""
    async with port(reachable(gateway_socket)) as url:
        yield {
            name: HERE if name.lower() == "no_proxy" else "1" if name.startswith("NODE") else url
            for name in VARIABLES
        }


@asynccontextmanager
async def port(path: str, hears: Callable[[bytes], None] = lambda _: None) -> AsyncIterator[str]:
    """Runs while the block does; yields its URL. `path` is what `reachable` made of the gateway's socket; `hears` is told
    of whatever comes back, before it is passed on."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(path)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer, hears))
        finally:
            writer.close()
            far_writer.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _copy(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    hears: Callable[[bytes], None] = lambda _: None,
) -> None:
    """Until one side ends; its end is passed on."""
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            hears(chunk)
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
