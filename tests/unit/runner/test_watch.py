"""Waiting for a commit: what was written is found without a bell, and a ring is heard at once and once."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.watch import FileWatch
from sessiondb.signals import POLL_SLOWEST, POLL_WITHOUT_BELL, Bell, slowest_poll

NEVER = 3_600.0  # s: nothing is found by looking while a test lasts, once the pauses have grown


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "inbound.db"
    path.write_bytes(b"1")
    os.utime(path, (1, 1))
    return path


@pytest.fixture
def bells(tmp_path: Path) -> Iterator[tuple[Bell, Bell]]:
    """The runner's end and the host's of one FIFO."""
    path = tmp_path / "bell"
    assert Bell.make(path)
    mine, theirs = Bell(path), Bell(path)
    yield mine, theirs
    mine.close()
    theirs.close()


async def quiet(watch: FileWatch) -> None:
    """Takes in what is there, so that the next change is the test's own."""
    async with asyncio.timeout(10):
        await watch.changed()


async def test_a_file_that_is_seen_for_the_first_time_has_changed(file: Path) -> None:
    await quiet(FileWatch(file, None, NEVER))


async def test_a_write_is_found_though_no_bell_rings(file: Path) -> None:
    watch = FileWatch(file, None, POLL_WITHOUT_BELL)
    await quiet(watch)
    waiting = asyncio.create_task(watch.changed())
    await asyncio.sleep(0)
    assert not waiting.done()
    file.write_bytes(b"22")
    async with asyncio.timeout(10):
        await waiting


async def test_a_ring_is_heard_at_once_by_whoever_waits_and_by_nobody_after(
    file: Path, bells: tuple[Bell, Bell]
) -> None:
    mine, theirs = bells
    watch = FileWatch(file, mine, NEVER)
    await quiet(watch)
    waiting = asyncio.create_task(watch.changed())
    await asyncio.sleep(0)
    theirs.ring()
    theirs.ring()
    async with asyncio.timeout(10):
        await waiting
    later = asyncio.create_task(watch.changed())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.shield(later)
    later.cancel()
    watch.close()


async def test_a_ring_that_nobody_waits_for_is_not_forgotten(file: Path, bells: tuple[Bell, Bell]) -> None:
    mine, theirs = bells
    watch = FileWatch(file, mine, NEVER)
    await quiet(watch)
    theirs.ring()
    rung = asyncio.Event()
    asyncio.get_running_loop().call_soon(rung.set)  # behind the loop's look at its descriptors
    await rung.wait()
    async with asyncio.timeout(10):
        await watch.changed()
    watch.close()


async def test_a_wait_that_is_given_up_leaves_no_timer_behind(file: Path) -> None:
    watch = FileWatch(file, None, NEVER)
    await quiet(watch)
    waiting = asyncio.create_task(watch.changed())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    file.write_bytes(b"22")
    async with asyncio.timeout(10):
        await watch.changed()


def watching() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "watch"]


async def in_a_thread(watch: FileWatch) -> asyncio.Task[None]:
    """A wait that has gone on for so long that a thread looks for it."""
    waiting = asyncio.create_task(watch.changed())
    await asyncio.sleep(0)
    watch._look(POLL_WITHOUT_BELL)  # what the timer calls once the pauses have grown
    return waiting


async def test_a_write_in_a_long_silence_is_found_by_a_thread_which_ends_with_it(file: Path) -> None:
    watch = FileWatch(file, None, POLL_WITHOUT_BELL)
    await quiet(watch)
    for text in (b"22", b"333"):
        waiting = await in_a_thread(watch)
        [thread] = watching()
        file.write_bytes(text)
        async with asyncio.timeout(10):
            await waiting
            await asyncio.to_thread(thread.join)


async def test_a_wait_that_is_given_up_ends_its_thread_and_what_that_saw_is_told_to_the_next(
    file: Path,
) -> None:
    watch = FileWatch(file, None, POLL_WITHOUT_BELL)
    await quiet(watch)
    waiting = await in_a_thread(watch)
    [thread] = watching()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(10):
        await asyncio.to_thread(thread.join)
    watch._found()  # by the thread, in the moment in which the wait was given up
    async with asyncio.timeout(10):
        await watch.changed()


async def test_looking_seldom_needs_no_thread(file: Path) -> None:
    watch = FileWatch(file, None, NEVER)
    await quiet(watch)
    waiting = asyncio.create_task(watch.changed())
    await asyncio.sleep(0)
    watch._look(NEVER)
    assert watching() == []
    waiting.cancel()


@pytest.mark.parametrize(
    ("told", "bell", "slowest"),
    [(0.0, True, POLL_SLOWEST), (0.0, False, POLL_WITHOUT_BELL), (5.0, True, 5.0), (5.0, False, 5.0)],
)
def test_a_look_without_a_bell_is_near_unless_the_operator_says_otherwise(
    told: float, bell: bool, slowest: float
) -> None:
    assert slowest_poll(told, bell=bell) == slowest
