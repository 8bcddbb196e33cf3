"""What a service manager hears: datagrams at a socket of our own, in the place of systemd's."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import apsw
import pytest

from host.cli import pausing
from host.ports.bot import Hearing
from host.registry import resumption
from host.registry.db import beside
from host.registry.where import VERSION
from host.upkeep.service import Manager
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, now_ms, serving
from tests.support.upgrades import older


class Ear(asyncio.DatagramProtocol):
    """Every datagram, in order."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.put_nowait(data.decode())

    async def next(self) -> str:
        async with asyncio.timeout(TIMEOUT):
            return await self.heard.get()

    async def until(self, beginning: str) -> str:
        while not (said := await self.next()).startswith(beginning):
            pass
        return said


class Hanging(MemoryBot):
    """It takes itself for connected, and from some moment on looks no more."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False
        self._asked = asyncio.Semaphore(0)

    async def asked(self, times: int) -> None:
        """Until somebody has asked so often from now on: a round of the feeder each."""
        while not self._asked.locked():
            await self._asked.acquire()
        async with asyncio.timeout(TIMEOUT):
            for _ in range(times):
                await self._asked.acquire()

    def hearing(self) -> Hearing:
        self._asked.release()
        return Hearing(connected=True, looked_at=asyncio.get_running_loop().time() - 10_000 * self.hangs)


@asynccontextmanager
async def manager(path: Path) -> AsyncIterator[Ear]:
    address = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    address.bind(str(path))
    address.setblocking(False)
    transport, ear = await asyncio.get_running_loop().create_datagram_endpoint(Ear, sock=address)
    try:
        yield ear
    finally:
        transport.close()


async def test_a_manager_hears_that_the_host_is_ready_goes_on_and_stops(tmp_path: Path) -> None:
    async with manager(tmp_path / "notify") as ear:
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000"}
        async with serving(config(tmp_path), environment=environment):
            assert "Serving memory" in await ear.until("READY=1")
            assert await ear.until("WATCHDOG=1")
        assert await ear.until("STOPPING=1")


async def test_the_watchdog_falls_silent_when_a_platforms_way_in_hangs(tmp_path: Path) -> None:
    bot = Hanging()
    async with manager(tmp_path / "notify") as ear:
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000"}
        async with serving(config(tmp_path), bot, environment=environment):
            await ear.until("WATCHDOG=1")
            bot.hangs = True
            await bot.asked(2)
            while not ear.heard.empty():  # what was said before it hung
                ear.heard.get_nowait()
            await bot.asked(3)
            assert ear.heard.empty()
            bot.hangs = False
            assert await ear.until("WATCHDOG=1")


async def test_a_host_on_a_restored_folder_feeds_the_watchdog_while_it_is_held(tmp_path: Path) -> None:
    async with serving(config(tmp_path)):
        pass
    with beside(tmp_path / "host.db") as registry:
        resumption.hold(registry, now_ms(), now_ms())

    async def serve() -> None:
        async with serving(config(tmp_path), environment=environment):
            pass

    async with manager(tmp_path / "notify") as ear:
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000"}
        held = asyncio.create_task(serve())
        assert "Records: restored from a backup and held" in await ear.until("READY=1")
        assert [await ear.next() for _ in range(2)] == ["WATCHDOG=1"] * 2
        assert not held.done()
        pausing.resume(config(tmp_path), "", answer=True)
        assert "Serving memory" in await ear.until("READY=1")
        await held


async def test_a_host_without_a_manager_says_nothing_and_one_of_another_process_feeds_no_watchdog(
    tmp_path: Path,
) -> None:
    async with manager(tmp_path / "notify") as ear:
        Manager({}).ready("nobody listens")
        others = Manager(
            {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000", "WATCHDOG_PID": "1"}
        )
        async with serving(config(tmp_path)) as (host, _):
            await others.feed(host.house.state)  # returns: there is no dog of ours
        assert ear.heard.empty()


async def test_a_manager_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    gone = Manager({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "40000"})
    gone.ready("nobody there")
    gone.stopping()
    abstract = Manager({"NOTIFY_SOCKET": "@dovecote-nobody"})
    abstract.ready("nobody there")


async def test_a_manager_is_asked_for_more_time_again_and_again_while_a_beginning_takes_long(
    tmp_path: Path,
) -> None:
    """A migration that waits for somebody else's commit, in the place of one over millions of messages."""
    data = tmp_path / "data"
    older(data, VERSION - 1)
    bot = MemoryBot()

    async def serve() -> None:
        async with serving(config(data), bot, environment=environment):
            await bot.until(lambda: bot.said("c") == ["from before"])

    with closing(apsw.Connection(str(data / "host.db"))) as other:
        other.execute("BEGIN IMMEDIATE")
        async with manager(tmp_path / "notify") as ear:
            environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000"}
            serves = asyncio.create_task(serve())
            for _ in range(3):
                said = await ear.until("EXTEND_TIMEOUT_USEC=300000000\nSTATUS=Records of an earlier version")
                assert said.endswith("changed: 1 of 1 conversations")
                assert await ear.until("WATCHDOG=1")
            other.execute("ROLLBACK")
            assert await ear.until("EXTEND_TIMEOUT_USEC=300000000\nSTATUS=Taking up what was under way")
            assert await ear.until("READY=1")
            await serves


async def test_the_watchdog_falls_silent_while_the_loop_hangs(tmp_path: Path) -> None:
    """Heard by a thread: nobody on the loop could tell."""
    address = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    address.bind(str(tmp_path / "notify"))
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()

    def hear() -> None:
        for said in iter(lambda: address.recv(4096).decode(), "over"):
            heard.put(said)

    hears = threading.Thread(target=hear)
    hears.start()

    def hang() -> None:
        with pytest.raises(queue.Empty):
            heard.get(timeout=1)  # the feeder's time came fifty times

    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000"}
    async with serving(config(tmp_path / "data"), environment=environment):
        while await asyncio.to_thread(heard.get, timeout=TIMEOUT) != "WATCHDOG=1":
            pass
        with contextlib.suppress(queue.Empty):
            while True:
                heard.get(timeout=0.2)  # on the loop, which hangs already: what was said before
        hang()
        while await asyncio.to_thread(heard.get, timeout=TIMEOUT) != "WATCHDOG=1":
            pass
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as over:
        over.sendto(b"over", str(tmp_path / "notify"))
    await asyncio.to_thread(hears.join, TIMEOUT)
    address.close()
