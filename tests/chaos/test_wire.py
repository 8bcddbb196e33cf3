"""A wire to a database that is cut, goes silent, or becomes slow: against a server that says everything back."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos import wire
from tests.chaos.wire import SOCKET, Wire

WITHIN = 20  # s


class Server:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard = 0
        self._here: asyncio.Server | None = None

    async def start(self) -> None:
        self._here = await asyncio.start_unix_server(self._serve, self.folder / SOCKET)

    def stop(self) -> None:
        assert self._here is not None
        self._here.close()
        (self.folder / SOCKET).unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.heard += 1
            writer.write(line)
            await writer.drain()
        writer.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def says(self, word: str) -> str:
        """What comes back; '' from a wire that is cut."""
        try:
            self.writer.write(f"{word}\n".encode())
            async with asyncio.timeout(WITHIN):
                return (await self._reader.readline()).decode().strip()
        except ConnectionError:
            return ""


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory(prefix="w-", dir="/tmp") as folder:  # a socket's address is short
        made = Server(Path(folder))
        await made.start()
        yield made


@pytest.fixture
async def laid(server: Server) -> AsyncIterator[Wire]:
    made = Wire(server.folder / "wire", server.folder)
    await made.lay()
    yield made
    await made.close()


async def client(laid: Wire) -> Client:
    return Client(*await asyncio.open_unix_connection(laid.folder / SOCKET))


async def test_a_wire_that_is_well_carries_both_ways(laid: Wire) -> None:
    one, other = await client(laid), await client(laid)
    assert [await one.says("a"), await other.says("b"), await one.says("c")] == ["a", "b", "c"]


async def test_a_wire_that_is_cut_ends_who_is_connected_and_lets_nobody_in_until_it_is_well(
    laid: Wire, server: Server
) -> None:
    one = await client(laid)
    assert await one.says("a") == "a"
    laid.become("cut")
    assert await one.says("b") == ""
    assert await (await client(laid)).says("c") == ""
    assert server.heard == 1
    laid.become("well")
    assert await (await client(laid)).says("d") == "d"


async def test_on_a_silent_wire_all_stay_connected_and_nothing_is_heard_until_it_is_well(
    laid: Wire, server: Server
) -> None:
    one = await client(laid)
    assert await one.says("a") == "a"
    laid.become("silent")
    waiting = [asyncio.create_task(one.says("b")), asyncio.create_task((await client(laid)).says("c"))]
    done, _ = await asyncio.wait(waiting, timeout=0.2)
    assert not done
    assert server.heard == 1
    laid.become("well")
    assert await asyncio.gather(*waiting) == ["b", "c"]


async def test_on_a_slow_wire_each_piece_takes_its_time(laid: Wire) -> None:
    one = await client(laid)
    laid.become("slow")
    began = asyncio.get_running_loop().time()
    assert await one.says("a") == "a"
    assert asyncio.get_running_loop().time() - began >= 2 * wire.SLOWNESS


async def test_who_comes_while_the_server_is_away_is_cut_off(laid: Wire, server: Server) -> None:
    server.stop()
    assert await (await client(laid)).says("a") == ""
    await server.start()
    assert await (await client(laid)).says("b") == "b"
