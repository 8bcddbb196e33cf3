"""Who looks every few seconds does so when the others do, and never later than it would alone."""

from __future__ import annotations

import asyncio

import pytest

from host.folders import moments


@pytest.mark.parametrize("every", [0.02, 0.06, 1.0, 5.0])
@pytest.mark.parametrize("now", [0.0, 0.06, 12.34567, 86_400.0 * 400])
def test_the_next_moment_lies_ahead_and_no_further_than_the_interval(now: float, every: float) -> None:
    due = moments.after(now, every)
    assert now < due <= now + every + 1e-6


async def test_those_who_wait_for_a_moment_wake_in_one_turn_of_the_loop() -> None:
    turns, woke = 0, list[int]()
    loop = asyncio.get_running_loop()

    def turn() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(turn)

    async def waits(every: float) -> None:
        await moments.come(every)
        woke.append(turns)

    turn()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(waits(0.05))
            await asyncio.sleep(0)
    assert len(set(woke)) == 1


async def test_who_waits_for_long_wakes_at_most_a_step_before_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(moments, "STEP", 0.01)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(5):
        await moments.come(0.2)
    assert loop.time() - began >= 0.19 - 1e-6
