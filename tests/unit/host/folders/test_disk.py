"""Blocking work off the loop, and what a cancellation may not do to it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from host.folders.disk import ThreadDisk


async def test_a_cancelled_caller_goes_on_only_when_its_thread_has_ended() -> None:
    disk, lock, steps = ThreadDisk(1), asyncio.Lock(), list[str]()
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        may_end.wait(30)
        steps.append("thread ended")

    async def hold() -> None:
        async with lock:
            await disk.run(work)

    async def next_holder() -> None:
        async with lock:
            steps.append("lock handed on")

    holder = asyncio.create_task(hold())
    async with asyncio.timeout(30):
        await begun.wait()
        waiting = asyncio.create_task(next_holder())
        holder.cancel()
        await asyncio.wait([waiting], timeout=0.05)
        may_end.set()
        await waiting
    assert steps == ["thread ended", "lock handed on"]
    with pytest.raises(asyncio.CancelledError):
        await holder
    disk.close()


async def test_an_error_is_the_callers_and_the_thread_goes_on() -> None:
    disk = ThreadDisk(1)
    with pytest.raises(ZeroDivisionError):
        await disk.run(divmod, 1, 0)
    assert await disk.run(divmod, 7, 2) == (3, 1)
    disk.close()
    with pytest.raises(RuntimeError):
        await disk.run(divmod, 7, 2)


async def test_calls_go_on_beside_each_other_as_far_as_there_are_threads() -> None:
    disk, all_here = ThreadDisk(3), threading.Barrier(3)
    async with asyncio.timeout(30):
        await asyncio.gather(*(disk.run(all_here.wait, 30) for _ in range(3)))
        await asyncio.gather(*(disk.run(divmod, number, 2) for number in range(20)))
    disk.close()
