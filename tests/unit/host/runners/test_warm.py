"""The pool of warm runners: how many are kept, who gets which, and that none outlives its use."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from host.runners.launch.warm import DEMAND, Kind, Pool, Warm, has_room, wanted
from tests.support.waiting import eventually

KIND = Kind("here", "mock")
OTHER = Kind("here", "claude")


class Making:
    """Makes processes that end with their line, as runners do."""

    def __init__(self) -> None:
        self.made: list[Warm] = []
        self.fails = False

    async def __call__(self, kind: Kind) -> Warm:
        if self.fails:
            raise OSError("no more processes")
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-S", "-c", "import sys; sys.stdin.buffer.read()", stdin=theirs.fileno()
            )
        self.made.append(Warm(process, ours))
        return self.made[-1]


@pytest.fixture
async def making() -> AsyncIterator[Making]:
    made = Making()
    yield made
    for one in made.made:
        await one.end()


@pytest.mark.parametrize(
    ("starts", "most", "kept"),
    [
        ([], 2, 0),
        ([100.0], 2, 0),  # one conversation alone needs no other
        ([99.0, 100.0], 2, 1),
        ([98.0, 99.0, 100.0], 2, 2),
        ([97.0, 98.0, 99.0, 100.0], 2, 2),
        ([97.0, 98.0, 99.0, 100.0], 0, 0),
        ([100.0 - DEMAND, 100.0 - DEMAND - 1, 100.0], 2, 0),  # demand is forgotten
    ],
)
def test_as_many_are_kept_as_starts_of_late_foretell(starts: list[float], most: int, kept: int) -> None:
    assert wanted(starts, 100.0, most) == kept


def warm() -> float | None:
    return REGISTRY.get_sample_value("dovecote_runners_warm")


async def test_a_second_start_has_one_warmed_and_the_next_gets_it(making: Making) -> None:
    pool = Pool(2, making, rest=0)
    assert pool.take(KIND) is None
    assert pool.take(KIND) is None
    await eventually(lambda: pool.ready(KIND) == 1)
    taken = pool.take(KIND)
    assert taken is making.made[0]
    await eventually(lambda: pool.ready(KIND) == 2)
    await eventually(lambda: warm() == 2)  # as monitoring sees it
    assert taken not in (pool.take(KIND), pool.take(KIND))
    await pool.close()
    assert warm() == 0


async def test_a_kind_s_runners_are_for_nobody_of_another(making: Making) -> None:
    pool = Pool(1, making, rest=0)
    for _ in range(3):
        pool.take(KIND)
    await eventually(lambda: pool.ready(KIND) == 1)
    assert pool.take(OTHER) is None
    assert pool.take(Kind("elsewhere", "mock")) is None
    assert pool.ready(KIND) == 1
    await pool.close()


async def test_one_that_died_while_it_waited_is_given_to_nobody(making: Making) -> None:
    pool = Pool(1, making, rest=0)
    for _ in range(2):
        pool.take(KIND)
    await eventually(lambda: pool.ready(KIND) == 1)
    making.made[0].process.kill()
    await making.made[0].process.wait()
    assert pool.ready(KIND) == 0
    taken = pool.take(KIND)
    assert taken is not making.made[0]
    await pool.close()


async def test_what_was_not_used_ends_with_the_pool(making: Making) -> None:
    pool = Pool(2, making, rest=0)
    for _ in range(3):
        pool.take(KIND)
    await eventually(lambda: pool.ready(KIND) == 2)
    await pool.close()
    assert not any(one.alive for one in making.made)


async def test_a_pool_that_is_off_warms_nobody(making: Making) -> None:
    pool = Pool(0, making, rest=0)
    for _ in range(5):
        assert pool.take(KIND) is None
    await pool.close()
    assert making.made == []


async def test_memory_pressure_empties_it(making: Making) -> None:
    room = [True]
    pool = Pool(2, making, roomy=lambda: room[0], rest=0)
    for _ in range(3):
        pool.take(KIND)
    await eventually(lambda: pool.ready(KIND) == 2)
    room[0] = False
    pool.take(OTHER)  # any start has it look again
    await eventually(lambda: pool.ready(KIND) == 0)
    await eventually(
        lambda: not any(one.alive for one in making.made)
    )  # the last is taken off before it has ended
    await pool.close()


async def test_a_machine_that_has_no_process_left_is_asked_again_later(making: Making) -> None:
    making.fails = True
    pool = Pool(1, making, rest=0)
    for _ in range(2):
        assert pool.take(KIND) is None
    making.fails = False
    assert pool.take(KIND) is None
    await eventually(lambda: pool.ready(KIND) == 1)
    await pool.close()


async def test_one_whose_end_of_the_line_is_gone_takes_no_session(making: Making, tmp_path: Path) -> None:
    one = await making(KIND)
    one.process.kill()
    await one.process.wait()
    output = os.open(tmp_path / "log", os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError, match=r"pipe|reset"):
        one.hand_over({"A": "b" * 1_000_000}, tmp_path, output)
    os.close(output)


def test_this_machine_has_room_or_says_so() -> None:
    assert has_room() in (True, False)
