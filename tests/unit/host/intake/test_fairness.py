"""So many of one address at a time, in their order, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import random

import pytest

from host.intake.fairness import AT_ONCE, Gates
from sessiondb import Address

FLOODED, OTHER = Address("memory", "w", "c", "t"), Address("memory", "w", "c", "u")
MANY = AT_ONCE * 3


class Crowd:
    """Events at gates, each of which stays inside until it is let go."""

    def __init__(self) -> None:
        self.gates = Gates()
        self.inside: list[int] = []
        self.most = 0
        self.let_go = asyncio.Event()
        self._within = 0

    def comes(self, number: int, address: Address = FLOODED) -> asyncio.Task[None]:
        return asyncio.create_task(self._through(number, address))

    async def _through(self, number: int, address: Address) -> None:
        async with self.gates.through(address):
            self.inside.append(number)
            self._within += address == FLOODED
            self.most = max(self.most, self._within)
            await self.let_go.wait()
            self._within -= address == FLOODED


async def settled() -> None:
    """Whatever can go on without anybody's help has done so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_flood_waits_for_itself_in_its_order_and_nobody_else_waits_for_it() -> None:
    crowd = Crowd()
    tasks = [crowd.comes(number) for number in range(MANY)]
    await settled()
    assert crowd.inside == list(range(AT_ONCE))
    other = crowd.comes(1_000, OTHER)
    await settled()
    assert crowd.inside[-1] == 1_000
    crowd.let_go.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks, other)
    assert [number for number in crowd.inside if number != 1_000] == list(range(MANY))
    assert crowd.most == AT_ONCE


async def test_a_flood_among_others_leaves_room_between_its_commits_and_alone_it_does_not() -> None:
    for others in (True, False):
        crowd = Crowd()
        tasks = [crowd.comes(number) for number in range(MANY)]
        await settled()
        if others:
            tasks.append(crowd.comes(1_000, OTHER))
            await settled()
        crowd.let_go.set()
        for _ in range(
            2
        ):  # in the first they leave, in the second the next come, unless they are let in by a clock
            await asyncio.sleep(0)
        came = [number for number in crowd.inside if number != 1_000]
        assert came == list(range(AT_ONCE if others else 2 * AT_ONCE))
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks)
        assert [number for number in crowd.inside if number != 1_000] == list(range(MANY))


async def test_whoever_gives_up_waiting_leaves_the_place_to_the_next_and_the_last_leaves_nothing() -> None:
    crowd = Crowd()
    tasks = [crowd.comes(number) for number in range(AT_ONCE + 3)]
    await settled()
    for given_up in (tasks[AT_ONCE], tasks[0]):  # the first that waits, and one inside
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
    await settled()
    assert crowd.inside == [*range(AT_ONCE), AT_ONCE + 1]
    crowd.let_go.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks[1:AT_ONCE], *tasks[AT_ONCE + 1 :])
    assert crowd.gates._gates == {}


async def test_what_fails_inside_frees_its_place() -> None:
    gates = Gates()
    for _ in range(AT_ONCE * 2):
        with pytest.raises(ValueError, match="full"):
            async with gates.through(FLOODED):
                raise ValueError("full")
    assert gates._gates == {}


async def test_who_gives_up_in_the_moment_in_which_its_turn_comes_is_passed_over_and_takes_nobodys_place() -> (
    None
):
    """Cancelled, it has not run yet when those inside leave."""
    crowd = Crowd()
    tasks = [crowd.comes(number) for number in range(MANY)]
    await settled()
    crowd.let_go.set()  # those inside run next, and then those that are cancelled
    for task in tasks[AT_ONCE : AT_ONCE + 2]:
        task.cancel()
    async with asyncio.timeout(10):
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in ended if one is not None] == [asyncio.CancelledError] * 2
    assert not crowd.gates._gates
    crowd.inside.clear()
    crowd.most = 0
    crowd.let_go.clear()
    tasks = [crowd.comes(number) for number in range(MANY)]
    await settled()
    assert crowd.inside == list(range(AT_ONCE))  # as many as ever
    crowd.let_go.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
    assert crowd.most == AT_ONCE


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_gives_up_whenever_it_does_the_others_all_come_through(seed: int) -> None:
    chance = random.Random(seed)
    crowd = Crowd()
    crowd.let_go.set()
    tasks = [crowd.comes(number, chance.choice((FLOODED, FLOODED, OTHER))) for number in range(60)]
    left = set(tasks)
    for task in chance.sample(tasks, 20):
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
        if task.cancel():
            left.discard(task)
    async with asyncio.timeout(10):
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(one) for one in ended} <= {type(None), asyncio.CancelledError}
    assert all(task.exception() is None for task in left)
    assert crowd.most <= AT_ONCE
    assert not crowd.gates._gates


async def test_who_comes_in_the_moment_in_which_a_turn_is_given_does_not_overtake() -> None:
    crowd = Crowd()
    tasks = [crowd.comes(number) for number in range(AT_ONCE + 1)]
    await settled()
    crowd.let_go.set()  # those inside leave together, as from one commit, and whoever comes now runs before the next has woken
    late = asyncio.create_task(crowd._through(1_000, FLOODED))
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks, late)
    assert crowd.inside == [*range(AT_ONCE + 1), 1_000]
    assert not crowd.gates._gates
