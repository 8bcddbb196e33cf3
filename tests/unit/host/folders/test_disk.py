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
