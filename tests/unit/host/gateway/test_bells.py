"""Hearing runners: by their bells, and by looking where none can ring, for little."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from host.folders import moments
from host.gateway.bells import (
    ASKED,
    POLL_FASTEST,
    POLL_NEAR,
    POLL_QUIET,
    POLL_RUNG,
    POLL_UNASKED,
    RINGS_PER_SECOND,
    SOON,
    Ears,
)
from host.registry.sessions import Session
from sessiondb import SessionFolder
from sessiondb.records import Address
from sessiondb.signals import POLL_SLOWEST, POLL_WITHOUT_BELL, Bell

NEVER = 3_600.0  # s


class CountingDisk:
    """Runs what it is given at once, and notes it."""

    def __init__(self) -> None:
        self.looks: list[int] = []  # at how many sessions each time
        self.asked = asyncio.Event()

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.looks.append(len(args[0]))
        self.asked.set()
        return function(*args, **kwargs)

    def close(self) -> None:
        return


def session(root: Path, name: str = "s1", *, bells: bool = True) -> Session:
    folder = SessionFolder(root / name)
    folder.create()
    folder.outbound_db.write_bytes(b"1")
    os.utime(folder.outbound_db, (1, 1))
    if bells:
        assert Bell.make(folder.bell_to_host)
        assert Bell.make(folder.bell_to_runner)
    return Session(name, "default", Address("console", "w", "c"), "public", folder)


class Heard:
    """What the ears told, and the next time they tell something."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._more = asyncio.Event()

    def __call__(self, one: Session) -> None:
        self.ids.append(one.id)
        self._more.set()

    async def next(self) -> str:
        async with asyncio.timeout(10):
            await self._more.wait()
        self._more.clear()
        return self.ids[-1]


@asynccontextmanager
async def polling(ears: Ears) -> AsyncIterator[None]:
    task = asyncio.create_task(ears.poll())
    try:
        yield
    finally:
        task.cancel()


async def test_a_runner_s_ring_is_heard(tmp_path: Path) -> None:
    heard, one = Heard(), session(tmp_path)
    ears = Ears(CountingDisk(), heard, bells=True, slowest=NEVER)
    ears.listen(one)
    ring(one)
    assert await heard.next() == "s1"
    ears.forget(one)


async def test_a_bell_that_never_rests_is_heard_so_often_and_no_more(tmp_path: Path) -> None:
    heard, one = Heard(), session(tmp_path)
    ears = Ears(CountingDisk(), heard, bells=True, slowest=NEVER)
    ears.listen(one)
    for _ in range(RINGS_PER_SECOND * 3):
        ears._rung(one.id)  # what the loop calls for each ring
    assert len(heard.ids) <= RINGS_PER_SECOND * 2  # a second may have passed meanwhile
    ears.forget(one)


async def test_what_a_runner_writes_is_found_though_it_has_no_bell(tmp_path: Path) -> None:
    heard, one = Heard(), session(tmp_path, bells=False)
    ears = Ears(CountingDisk(), heard, bells=False, slowest=0)
    async with polling(ears):
        ears.listen(one)
        assert await heard.next() == "s1"  # there was something when it began
        one.folder.outbound_db.write_bytes(b"22")
        assert await heard.next() == "s1"
    ears.forget(one)


async def test_a_session_that_is_given_work_and_has_no_bell_is_looked_at_soon(tmp_path: Path) -> None:
    heard, one = Heard(), session(tmp_path, bells=False)
    ears = Ears(CountingDisk(), heard, bells=False, slowest=NEVER)
    ears.listen(one)
    live = ears._live[one.id]
    live.interval, live.due = NEVER, asyncio.get_running_loop().time() + NEVER  # as after a long silence
    async with polling(ears):
        ears.ring(one)
        assert await heard.next() == "s1"
    ears.forget(one)


async def test_a_session_with_a_bell_is_told_by_it_and_not_looked_at_for_it(tmp_path: Path) -> None:
    one = session(tmp_path)
    ears = Ears(CountingDisk(), Heard(), bells=True, slowest=NEVER)
    ears.listen(one)
    live = ears._live[one.id]
    live.interval, live.due = NEVER, asyncio.get_running_loop().time() + NEVER
    mine = Bell(one.folder.bell_to_runner)
    ears.ring(one)
    assert os.read(mine.fileno(), 10) == b"!"
    assert live.interval == NEVER
    mine.close()
    ears.forget(one)


async def test_a_bell_that_was_heard_is_trusted_in_silence_and_one_that_never_rang_is_not(
    tmp_path: Path,
) -> None:
    """A FIFO that lies between two kernels can be opened at both ends, and carries nothing."""
    one, deaf, told = session(tmp_path), session(tmp_path, "s2"), session(tmp_path, "s3")
    heard = Heard()
    ears, ordered = (
        Ears(CountingDisk(), heard, bells=True, slowest=0),
        Ears(CountingDisk(), heard, bells=True, slowest=7.0),
    )
    ears.listen(one)
    ears.listen(deaf)
    ordered.listen(told)
    for ringing in (one, told):
        ring(ringing)
        assert await heard.next() == ringing.id
    assert ears._live[one.id].unasked == POLL_QUIET
    assert ears._live[one.id].soonest == POLL_RUNG  # it rings for what comes next, too
    assert ears._live[deaf.id].soonest == ordered._live[told.id].soonest == POLL_FASTEST
    assert ears._live[one.id].slowest == POLL_SLOWEST  # as long as something may come
    assert ears._live[deaf.id].unasked == POLL_SLOWEST
    assert ordered._live[told.id].unasked == 7.0  # the operator's word stands
    began = asyncio.get_running_loop().time()
    ears.ring(deaf)
    assert ears._live[deaf.id].asked_at >= began
    for which, whose in ((ears, one), (ears, deaf), (ordered, told)):
        which.forget(whose)


async def test_fifty_sessions_that_are_quiet_are_looked_at_in_one_turn_of_a_thread(tmp_path: Path) -> None:
    disk = CountingDisk()
    ears = Ears(disk, lambda _: None, bells=False, slowest=0)
    sessions = [session(tmp_path, f"s{number}", bells=False) for number in range(50)]
    now = asyncio.get_running_loop().time()
    for number, one in enumerate(sessions):
        ears.listen(one)
        live = ears._live[one.id]
        live.interval = live.slowest
        live.due = moments.after(
            now - live.slowest * number / 1_000, live.slowest
        )  # they fell silent one after another
    dues = [live.due for live in ears._live.values()]
    assert len(set(dues)) <= 2  # so many moments lie within a twentieth of the interval
    async with polling(ears):
        async with asyncio.timeout(10):
            await disk.asked.wait()
    assert disk.looks[0] >= dues.count(min(dues))
    for one in sessions:
        ears.forget(one)


async def test_looks_without_a_bell_stay_near_while_an_answer_may_come_and_only_then(tmp_path: Path) -> None:
    one, other = session(tmp_path, bells=False), session(tmp_path, "s2", bells=True)
    ears = Ears(CountingDisk(), lambda _: None, bells=True, slowest=0)
    ears.listen(one)
    ears.listen(other)
    without, with_ = ears._live[one.id], ears._live[other.id]
    assert without.slowest == POLL_WITHOUT_BELL < without.unasked == POLL_UNASKED
    assert with_.slowest == with_.unasked == POLL_SLOWEST
    assert without.asked_at < asyncio.get_running_loop().time() - ASKED
    ears.ring(one)
    assert without.asked_at > asyncio.get_running_loop().time() - ASKED
    ears.ring(other)
    for ago, intervals in (
        (0.0, (POLL_NEAR, 0.04)),
        (0.4, (0.05, 0.04)),  # an eighth of what it has taken so far
        (SOON, (2 * POLL_NEAR, 0.04)),
        (ASKED, (2 * POLL_NEAR, 0.04)),
    ):
        found = (without.next_interval(without.asked_at + ago), with_.next_interval(with_.asked_at))
        assert tuple(round(interval, 6) for interval in found) == intervals
    without.interval = 1.0
    assert without.next_interval(without.asked_at + SOON) == POLL_WITHOUT_BELL
    assert without.next_interval(without.asked_at + ASKED) == POLL_UNASKED
    told = Ears(CountingDisk(), lambda _: None, bells=False, slowest=7.0)
    told.listen(one)
    assert told._live[one.id].slowest == told._live[one.id].unasked == 7.0
    for which, whose in ((ears, one), (ears, other), (told, one)):
        which.forget(whose)


def ring(one: Session) -> None:
    bell = Bell(one.folder.bell_to_host)
    bell.ring()
    bell.close()
