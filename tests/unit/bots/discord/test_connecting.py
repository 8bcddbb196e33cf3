"""A connection of a library whose waits may keep a cancellation to themselves."""

from __future__ import annotations

import asyncio

import pytest

from bots.discord.client.connecting import connected, ended

BOUND = 10.0  # s; each takes one at most


class Library:
    """Connects when the server answers, as discord.py does, and then listens until it is ended."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    async def connect(self) -> None:
        await asyncio.wait_for(self.answered.wait(), 60.0)
        await asyncio.Event().wait()


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_ends_in_whatever_turn_of_its_making_it_is_ended(turns: int) -> None:
    library = Library()
    task = asyncio.create_task(library.connect())
    await asyncio.sleep(0)
    library.answered.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(BOUND):
        await ended(task)
    assert task.cancelled()


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_waits_for_a_connection_can_be_ended_in_any_turn(turns: int) -> None:
    library = Library()
    waiting = asyncio.create_task(connected(library.connect(), "test"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    library.answered.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(BOUND):
        await asyncio.wait([waiting])
    assert waiting.cancelled()


async def test_what_ended_a_connection_reaches_whoever_waits_for_it() -> None:
    async def refused() -> None:
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        await connected(refused(), "test")
