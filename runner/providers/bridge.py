"""A port on loopback that leads into the gateway's socket, for harnesses that can only speak HTTP to an address.

Bytes pass as they are: the gateway knows the session by its socket and adds the credential, as for everything else. In a
container without a network nobody but the session's own processes can reach the port.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PIECE = 64 * 1024  # bytes passed on at a time


@asynccontextmanager
async def bridge(address: str) -> AsyncIterator[str]:
    """The base URL, for as long as the context is open. `address` is what `reachable` made of the socket's path."""
    passing: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_pass(address, reader, writer), name="bridge")
        passing.add(task)
        task.add_done_callback(passing.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in passing:
            task.cancel()


async def _pass(address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either side is through; a gateway that is gone looks like a connection that was lost."""
    with contextlib.suppress(OSError), contextlib.closing(writer):
        back, forth = await asyncio.open_unix_connection(address)
        with contextlib.closing(forth):
            tasks = [asyncio.create_task(_pump(*pair)) for pair in ((reader, forth), (back, writer))]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()


def reachable(socket: Path) -> str:
    """The path, or a short one through an open folder: the address of a socket holds 107 bytes."""
    if len(os.fsencode(socket)) <= 107:
        return str(socket)
    return f"/proc/self/fd/{os.open(socket.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)}/{socket.name}"
