"""A node's wire to the database, which can be cut, go silent, or become slow."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Literal

Mood = Literal["well", "cut", "silent", "slow"]
SOCKET = ".s.PGSQL.5432"
SLOWNESS = 0.2  # s that each piece takes on a slow wire
MOST = 65_536  # bytes at once


class Wire:
    """`cut`: whoever is connected is cut off and nobody gets through. `silent`: all stay connected and hear nothing, as where a
    network goes away without a word."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder = folder
        self._server = server
        self._mood: Mood = "well"
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._here: asyncio.Server | None = None

    async def lay(self) -> None:
        self.folder.mkdir()
        self._here = await asyncio.start_unix_server(self._accept, self.folder / SOCKET)

    def become(self, mood: Mood) -> None:
        self._mood = mood
        self._changed.set()
        self._changed = asyncio.Event()
        if mood == "cut":
            for writer in self._open:
                writer.transport.abort()

    async def close(self) -> None:
        if self._here is not None:
            self._here.close()
        self.become("cut")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._until_heard()
            if self._mood == "cut":
                return
            behind, there = await asyncio.open_unix_connection(self._server / SOCKET)
            self._open.add(there)
            ways = [
                asyncio.create_task(self._carry(reader, there)),
                asyncio.create_task(self._carry(behind, writer)),
            ]
            self._tasks.update(ways)
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                self._tasks.difference_update(ways)
                self._open.discard(there)
                there.transport.abort()
        except OSError:
            return  # the server is not there
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(MOST):
                await self._until_heard()
                if self._mood == "slow":
                    await asyncio.sleep(SLOWNESS)
                writer.write(data)
                await writer.drain()

    async def _until_heard(self) -> None:
        while self._mood == "silent":
            await self._changed.wait()
