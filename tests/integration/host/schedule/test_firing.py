"""Firing: never twice, never lost, whatever dies in between and however long nobody was there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from host.config.recurrence import ScheduleError
from host.mailbox import tasks
from host.mailbox.missed import Policy
from host.registry.port import Statements
from host.registry.sessions import Session
from host.schedule import index
from host.schedule.orders import Order, Update
from host.schedule.service import AT_ONCE
from sessiondb import Address, Status, Unavailable, content
from tests.support.firing import PLACE, Clock, Life, MortalDisk, living, living_on
from tests.support.postgres import Server

MONDAY = int(datetime(2026, 11, 23, 8, 30, tzinfo=UTC).timestamp() * 1000)
HOUR, DAY = 3_600_000, 86_400_000
T = TypeVar("T")


async def test_a_due_time_fires_once_and_the_index_knows_the_next(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.schedule(session, "0 9 * * *")
        await life.scheduler.fire()
        assert await life.runs(session) == []
        clock.at += HOUR
        for _ in range(3):
            await life.scheduler.fire()
            await life.end_runs(session)
        [run] = await life.runs(session)
        assert run.occurrence_at == MONDAY + HOUR // 2
        assert await life.db.read(index.earliest) == run.occurrence_at + DAY
        assert session.id in life.woken


async def test_a_run_is_copied_for_other_nodes_before_the_copy_of_its_task_says_that_it_was_fired(
    tmp_path: Path,
) -> None:
    clock, found = Clock(MONDAY), list[tuple[int, bool]]()
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.schedule(session, "0 9 * * *")
        await life.scheduler.fire()
        kept = await life.db.read(lambda c: index.copies_of(c, session.id))

        async def copied(one: Session) -> None:
            is_kept = await life.db.read(lambda c: index.copies_of(c, one.id)) == kept
            found.append((len(await life.runs(one)), is_kept))
            if len(found) == 1:
                raise Unavailable(tmp_path, "the database is away")

        life.copied = copied
        clock.at += HOUR
        assert not await life.scheduler.look(session)
        assert await life.scheduler.look(session)
        assert found == [(1, True), (1, True)]
        assert await life.db.read(lambda c: index.copies_of(c, session.id)) != kept


async def test_what_an_order_changed_is_on_the_next_node_once_it_is_answered(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon its node goes: no look of its schedule comes in between."""
    url, clock = postgres.database(), Clock(MONDAY)

    async def has(life: Life, session: Session, id_: str) -> tuple[str, str, int]:
        task = await life.mailboxes.use(session, lambda w: w.tasks.get(id_))
        assert task is not None
        return task.state, task.prompt, len(await life.runs(session))

    async with living_on(url, tmp_path / "ada", "ada", clock) as ada:
        session = await ada.session()
        id_ = await ada.schedule(session, "0 9 * * *")
        change = Order(
            "e1", "update_task", Update(task_id=id_, prompt="q"), PLACE, "person", "UTC", master=True
        )
        await ada.scheduler.carry_out(session, change)
        copied: list[int] = []

        async def counts(one: Session) -> None:
            copied.append(len(await ada.runs(one)))

        ada.copied = counts
        await ada.change(session, "run_task_now", id_)
        assert copied == [1]
        assert ada.woken == [session.id]
        await ada.end_runs(session)
        await ada.change(session, "pause_task", id_)
        assert await has(ada, session, id_) == ("paused", "q", 1)
    async with living_on(url, tmp_path / "bob", "bob", clock) as bob:
        session = await bob.session()
        assert await has(bob, session, id_) == ("paused", "q", 0)
        assert not any("being set up or changed" in str(notice.text) for notice in await bob.owed(session))
        write = bob.db.write

        async def refuses(job: Callable[[Statements], T]) -> T:
            if (
                task := await bob.mailboxes.use(session, lambda w: w.tasks.get(id_))
            ) and task.state == "active":
                raise Unavailable(tmp_path, "the database is away")
            return await write(job)

        with monkeypatch.context() as patch:
            patch.setattr(bob.db, "write", refuses)
            with pytest.raises(Unavailable):
                await bob.change(session, "resume_task", id_)
        assert "Resumed" in await bob.change(session, "resume_task", id_)  # the same order, once more
    async with living_on(url, tmp_path / "cyd", "cyd", clock) as cyd:
        assert (await has(cyd, await cyd.session(), id_))[0] == "active"


@pytest.mark.parametrize(
    ("policy", "runs", "stands_for"), [("run_once", 1, 3), ("run_all", 3, 1), ("skip", 0, 0)]
)
async def test_after_three_days_the_policy_decides(
    tmp_path: Path, policy: Policy, runs: int, stands_for: int
) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        task = await life.schedule(session, "0 9 * * *", missed=policy)
    clock.at += 3 * DAY
    async with living(tmp_path, clock) as life:
        session = await life.session()
        for _ in range(5):
            await life.scheduler.fire()
            assert await life.end_runs(session) <= 1  # one at a time
            await life.scheduler.look(session)
        found = await life.runs(session)
        nine = MONDAY + HOUR // 2
        assert [run.occurrence_at for run in found] == (
            [nine, nine + DAY, nine + 2 * DAY][-runs:] if runs else []
        )
        assert all(run.content.count("09:00 UTC") >= stands_for + 1 for run in found)
        kept = await life.mailboxes.use(session, lambda w: w.tasks.occurrences(task, 10))
        assert {one.outcome for one in kept} == ({"completed"} if runs else {"skipped"})
        assert await life.db.read(index.earliest) == nine + 3 * DAY


@pytest.mark.parametrize("after", [False, True])
async def test_a_death_at_any_moment_around_a_firing_loses_nothing_and_doubles_nothing(
    tmp_path: Path, after: bool
) -> None:
    """From the order that makes the task, over three due times, to the last look: a death before or after every job."""
    number = deaths = 0
    while True:
        number += 1
        data, clock, mortal = tmp_path / str(number), Clock(MONDAY), MortalDisk(number, after=after)
        died = await _three_days(data, clock, mortal)
        deaths += died
        clock.at = max(clock.at, MONDAY)
        await _three_days(data, clock, MortalDisk())
        async with living(data, clock) as life:
            runs = await life.runs(await life.session())
            nine = MONDAY + HOUR // 2
            assert [run.occurrence_at for run in runs] == [nine + day * DAY for day in range(3)], number
            assert {run.status for run in runs} == {"completed"}, number
        if not died:
            break
    assert deaths >= 25, deaths  # twice, with and without what was just done: fifty points and more


async def _three_days(data: Path, clock: Clock, disk: MortalDisk) -> bool:
    """Schedules, then lives until the third due time has run; True when it died on the way."""
    life = asyncio.create_task(_live(data, clock, disk))
    death = asyncio.create_task(disk.died.wait())
    async with asyncio.timeout(30):
        await asyncio.wait([life, death], return_when=asyncio.FIRST_COMPLETED)
        died = not life.done()
        for task in (life, death):
            task.cancel()
        await asyncio.wait([life, death])
    return died


async def _live(data: Path, clock: Clock, disk: MortalDisk) -> None:
    async with living(data, clock, disk) as life:
        session = await life.session()
        await life.schedule(session, "0 9 * * *")
        while clock.at < MONDAY + 3 * DAY:
            await life.scheduler.fire()
            await life.end_runs(session)
            clock.at += HOUR if clock.at % DAY < MONDAY % DAY + HOUR else DAY - HOUR


async def test_a_failed_run_ends_no_series_and_five_in_a_row_pause_it_with_one_alert(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        task = await life.schedule(session, "0 * * * *")
        for _ in range(8):
            clock.at += HOUR
            await life.scheduler.fire()
            await life.end_runs(session, Status.FAILED, "no tea")
            await life.scheduler.look(session)
        assert len(await life.runs(session)) == 5
        [alert] = await life.owed(session)
        assert "5 times" in alert.text
        assert "no tea" in alert.text
        assert "Resumed" in await life.change(session, "resume_task", task)
        clock.at += HOUR
        await life.scheduler.fire()
        assert len(await life.runs(session)) == 6


async def test_a_success_forgets_the_failures_before_it(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.schedule(session, "0 * * * *")
        for number in range(12):
            clock.at += HOUR
            await life.scheduler.fire()
            await life.end_runs(session, Status.COMPLETED if number % 4 == 3 else Status.FAILED)
        assert len(await life.runs(session)) == 12
        assert await life.owed(session) == []


async def test_pausing_during_a_run_holds(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        task = await life.schedule(session, "0 * * * *")
        clock.at += HOUR
        await life.scheduler.fire()
        assert "finished first" in await life.change(session, "pause_task", task)
        await life.end_runs(session)
        clock.at += DAY
        await life.scheduler.fire()
        assert len(await life.runs(session)) == 1
        await life.change(session, "resume_task", task)
        await life.scheduler.fire()
        assert len(await life.runs(session)) == 1  # what came due while it was paused is not made up for


async def test_a_run_that_is_still_under_way_is_not_joined_by_the_next(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.schedule(session, "0 * * * *")
        for _ in range(3):
            clock.at += HOUR
            await life.scheduler.fire()
        assert len(await life.runs(session)) == 1
        await life.end_runs(session)
        await life.scheduler.look(session)
        _, second = await life.runs(session)
        assert second.content.count("UTC") == 3  # itself, and the two it stands for


async def test_a_clock_that_goes_back_fires_nothing_again(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.schedule(session, "*/30 * * * *")
        clock.at += HOUR
        await life.scheduler.fire()
        await life.end_runs(session)
        clock.at -= 2 * HOUR
        for _ in range(5):
            await life.scheduler.fire()
            await life.end_runs(session)
            clock.at += HOUR // 2
        times = [run.occurrence_at for run in await life.runs(session)]
        assert len(times) == len(set(times)) == 1


async def test_an_index_that_was_lost_is_made_again_from_the_files(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.schedule(session, "0 9 * * *")
        await life.db.write(
            lambda c: c.execute("DELETE FROM due; DELETE FROM meta WHERE key = 'due_complete'").fetchall()
        )
    clock.at += HOUR
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.scheduler.fire()
        assert len(await life.runs(session)) == 1


async def test_a_session_that_cannot_be_read_when_the_index_is_made_again_is_looked_at_later(
    tmp_path: Path,
) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.schedule(session, "0 9 * * *")
        await life.db.write(
            lambda c: c.execute("DELETE FROM due; DELETE FROM meta WHERE key = 'due_complete'").fetchall()
        )
    aside = session.folder.inbound_db.rename(tmp_path / "aside")
    session.folder.inbound_db.mkdir()
    async with living(tmp_path, clock):
        pass
    session.folder.inbound_db.rmdir()
    aside.rename(session.folder.inbound_db)
    clock.at += HOUR
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.scheduler.fire()
        assert len(await life.runs(session)) == 1
        assert await life.db.read(index.earliest) == MONDAY + HOUR // 2 + DAY


async def test_a_task_whose_id_is_made_to_be_anothers_is_refused_and_takes_nothing_from_it(
    tmp_path: Path,
) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        victim, thief = await life.session(), await life.session(Address("memory", "w", "C2", "t1"))
        task = await life.schedule(victim, "0 9 * * *")
        with pytest.raises(ScheduleError, match="once more"):
            await life.schedule(thief, "0 9 * * *")  # the same order's id, hence the same task's
        await life.db.write(lambda c: index.settle(c, thief.id, [(task, "", MONDAY + 9 * DAY)]))
        clock.at += HOUR
        await life.scheduler.fire()
        assert len(await life.runs(victim)) == 1
        assert await life.runs(thief) == []


async def test_an_order_given_twice_is_carried_out_once(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        task = await life.schedule(session, "0 9 * * *")
        assert await life.schedule(session, "0 9 * * *") == task
        first = await life.change(session, "run_task_now", task)
        assert await life.change(session, "run_task_now", task) == first
        assert len(await life.runs(session)) == 1


async def test_a_session_whose_file_cannot_be_written_delays_no_other(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        sick, well = await life.session(), await life.session(Address("memory", "w", "C2", "t1"))
        await life.schedule(sick, "0 9 * * *")
        await life.schedule(well, "0 9 * * *", name="o2")
        await life.mailboxes.close()
        sick.folder.inbound_db.write_bytes(b"this is no database" * 1_000)
        clock.at += HOUR
        await life.scheduler.fire()
        assert len(await life.runs(well)) == 1


async def test_many_that_are_due_start_in_the_order_of_their_due_times(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        expected = []
        for number in range(AT_ONCE + 6):
            minute = (number * 37) % 60
            session = await life.session(Address("memory", "w", f"C{number}", "t"))
            await life.schedule(session, f"{minute} 10 * * *", name=f"o{number}")
            expected.append((minute, session.id))
        await life.scheduler.fire()
        clock.at += 4 * HOUR
        await life.scheduler.fire()
        assert life.woken == [id_ for _, id_ in sorted(expected)]


async def test_a_task_that_is_over_is_forgotten_after_a_month(tmp_path: Path) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        task = await life.schedule(session, "0 9 * * *")
        await life.change(session, "cancel_task", task)
        await life.scheduler.fire()
        clock.at = await life.db.read(index.earliest)
        assert clock.at == MONDAY + 30 * DAY
        await life.scheduler.fire()
        assert await life.db.read(index.earliest) == index.NEVER
        assert await life.mailboxes.use(session, lambda w: w.tasks.known()) == []


async def test_the_timer_fires_when_the_clock_says_so_and_sees_changes_at_once(tmp_path: Path) -> None:
    clock = Clock(MONDAY + HOUR // 2 - 150)  # 150 ms before nine
    async with living(tmp_path, clock) as life:
        session = await life.session()
        timer = asyncio.create_task(life.scheduler.run())
        await life.schedule(session, "0 9 * * *")
        loop = asyncio.get_running_loop()
        began, at = loop.time(), clock.at
        async with asyncio.timeout(30):
            while session.id not in life.woken:
                clock.at = at + int((loop.time() - began) * 1000)
                await asyncio.sleep(0.01)
        assert len(await life.runs(session)) == 1
        timer.cancel()
        await asyncio.wait([timer])


def damage(data: Path, sql: str) -> None:
    [path] = data.glob("sessions/*/inbound/inbound.db")
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    connection.close()


@pytest.mark.parametrize(
    "wrong",
    ["zone = 'Europe/Nowhere'", "cron = 'every now and then'", "cron = '0 9 31 2 *'", "zone = '../etc'"],
)
async def test_a_task_that_cannot_be_told_is_set_aside_and_said_once_and_the_others_fire(
    tmp_path: Path, wrong: str
) -> None:
    """audit_more: unknown_zone."""
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        sick = await life.schedule(session, "0 9 * * *", name="sick")
        await life.schedule(session, "0 9 * * *", name="well")
    damage(tmp_path, f"UPDATE tasks SET {wrong} WHERE id = '{sick}'")
    clock.at += HOUR
    async with living(tmp_path, clock) as life:
        session = await life.session()
        for _ in range(3):
            await life.scheduler.fire()
            await life.end_runs(session)
            await life.scheduler.look(session)
        assert len({run.task_id for run in await life.runs(session)} - {sick}) == 1
        found = await life.mailboxes.use(session, lambda writer: writer.tasks.get(sick))
        assert found is not None
        told = [notice.text for notice in await life.owed(session)]
        assert found.state == "paused"
        assert len(told) == 1
        assert "I paused the task “T”" in told[0]
        assert "Change its time or its zone" in told[0]
        assert sick in await life.mailboxes.use(
            session, lambda writer: "; ".join(tasks.in_words(task, clock.at) for task in writer.tasks.all())
        )
        with pytest.raises(ScheduleError):
            await life.change(session, "resume_task", sick)


async def test_a_task_put_off_by_a_clock_that_was_years_ahead_comes_at_its_next_natural_time(
    tmp_path: Path,
) -> None:
    clock = Clock(MONDAY)
    async with living(tmp_path, clock) as life:
        session = await life.session()
        task = await life.schedule(session, "0 9 * * *")
    clock.at += 5 * 365 * DAY
    async with living(tmp_path, clock) as life:
        session = await life.session()
        await life.scheduler.fire()
        await life.end_runs(session)
    clock.at = MONDAY
    async with living(tmp_path, clock) as life:
        session = await life.session()
        running = asyncio.create_task(life.scheduler.run())
        try:
            async with asyncio.timeout(20):
                while await life.db.read(index.earliest) != MONDAY + HOUR // 2:
                    pass
        finally:
            running.cancel()
            await asyncio.wait([running])
        clock.at += HOUR
        await life.scheduler.fire()
        assert [run.occurrence_at for run in await life.runs(session)][-1] == MONDAY + HOUR // 2
        paused = await life.change(session, "pause_task", task)
        assert "Paused" in paused
        await life.end_runs(session)
        assert "24 November 2026" in await life.change(session, "resume_task", task)


async def test_tasks_of_the_same_minute_are_fired_over_their_window_and_never_before_their_time(
    tmp_path: Path,
) -> None:
    """Also when the host starts in the middle of it, and when a clock is set back in the middle of it: each once."""
    clock = Clock(MONDAY)
    due, window = MONDAY + HOUR // 2, 300_000
    fired: dict[str, int] = {}

    async def fire(life: Life, places: Sequence[Address]) -> None:
        await life.scheduler.fire()
        for place in places:
            for run in await life.runs(await life.session(place)):
                fired.setdefault(run.task_id, clock.at)

    places = [Address("memory", "w", f"C{number}") for number in range(20)]
    async with living(tmp_path, clock) as life:
        for number, place in enumerate(places):
            await life.schedule(await life.session(place), "0 9 * * *", name=f"o{number}", window=window)
        clock.at = due - 1
        await fire(life, places)
        assert not fired
        clock.at = due + 60_000
        await fire(life, places)
        assert 0 < len(fired) < 20
    clock.at = due + 180_000  # it was down meanwhile
    async with living(tmp_path, clock) as life:
        await life.scheduler.catch_up()
        await fire(life, places)
        assert len(fired) < 20
        clock.at = due + 30_000
        await life.scheduler.catch_up()
        await fire(life, places)
        clock.at = due + window
        await fire(life, places)
        runs = [await life.runs(await life.session(place)) for place in places]
        assert [len(of) for of in runs] == [1] * 20
        told = [content.decode_inbound(run.content) for of in runs for run in of]
        assert {(one.stands_for, one.promised) for one in told if isinstance(one, content.Task)} == {
            ((), due + window)
        }
