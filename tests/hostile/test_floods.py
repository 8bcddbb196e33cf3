"""Rows without an end: what a session makes the host write of them, and tell people, has one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from host.app import Host
from host.delivery import losses, notes, room
from host.delivery.portion import Collected, Ready
from host.delivery.service import Deliveries
from host.mailbox import bounds
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import Parcel
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.sessions import Session
from host.runners.launch.fake import FakeLauncher
from sessiondb import content
from tests.fakes.platform import TIMEOUT
from tests.support.attacked import neighbour_is_served, two_sessions
from tests.support.attacks import FINE, Target, answer, database, insert
from tests.support.hosting import config, serving
from tests.support.redteam import Seat, attack, honest, walled

pytestmark = attack(Seat.CONTAINER, 8)

MANY = 200
NO_WALL = 1_000_000
ROWS: dict[str, Callable[[int], content.Outbound | str]] = {
    "no JSON": lambda _: "{",
    "actions that nobody knows": lambda _: content.Action("evil", {}),
    "questions that cannot be asked": lambda _: '{"type": "ask_question", "text": "Which?", "options": 5}',
    "questions that stay open": lambda n: content.Question(f"{n}?", ("a", "b"), expires_at=4_000_000_000_000),
    "edits of foreign messages": lambda _: content.Edit("m123", "evil"),
}


@pytest.fixture
def standing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """The wall at a height that a quick test reaches, or none."""
    there = bool(request.param)
    for name, height in {"KEPT_RECEIPTS": 50, "KEPT_NOTES": 50, "MOST_UNREAD": 25}.items():
        monkeypatch.setattr(bounds, name, height if there else NO_WALL)
    return there


reached = pytest.mark.parametrize("standing", [True, False], ids=["standing", "taken_away"], indirect=True)


def flood(target: Target, make: Callable[[int], content.Outbound | str], count: int = MANY) -> None:
    with database(target) as connection, connection:
        for number in range(count):
            made = make(number)
            text = made if isinstance(made, str) else content.encode(made)
            kind = "system" if isinstance(made, content.Action) else "chat"
            insert(connection, target, 2 * number + 1, f"flood-{number}", kind=kind, content=text)


def counted(writer: InboundWriter) -> tuple[int, int]:
    """Receipts that cost nothing, and what the agent is told."""
    writer.catch_up()
    [(receipts,)] = writer._connection.execute(
        f"SELECT count(*) FROM delivered WHERE state IN {bounds.FREE_OF_COST}"
    ).fetchall()
    [(notes,)] = writer._connection.execute(
        "SELECT count(*) FROM messages_in WHERE kind = 'system'"
    ).fetchall()
    return int(str(receipts)), int(str(notes))


async def kept(host: Host, target: Target) -> tuple[int, int]:
    [session] = await host.house.scheduler.sessions([target.folder.root.name])
    return await host.house.records.mailboxes.use(session, counted)


async def known(host: Host) -> int:
    """Notices of failures in host.db."""

    def job(connection: Statements) -> int:
        sql = "SELECT count(*) FROM notices WHERE about LIKE 'undelivered:%'"
        return int(str(connection.execute(sql).fetchall()[0][0]))

    return await host.house.records.db.read(job)


@reached
@pytest.mark.parametrize("what", ROWS)
async def test_rows_without_an_end_leave_little_in_the_hosts_own_file(
    tmp_path: Path, what: str, standing: bool
) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        flood(target, ROWS[what])
        answer(target)
        await bot.until(lambda: FINE in bot.said("bad"))
        await neighbour_is_served(bot, target)
        receipts, notes = await kept(host, target)

    assert (receipts <= 51 and notes <= 51) is standing


async def one_within_the_other(of: Deliveries, session: Session, ready: Ready) -> bool:
    """Each action is carried out while the one before it still is."""
    done = await of._read_on(session, ready)
    return done is not None and (done.more or done.asked is not None) and await the_next(of, session, done)


async def the_next(of: Deliveries, session: Session, done: Collected) -> bool:
    if done.asked is None:
        return await one_within_the_other(of, session, Ready())
    async with of._collector.actions.prepared(session, done.asked) as handler:
        ready = Ready(handlers={done.asked.row_id: handler}, rest=done.rest)
        return await one_within_the_other(of, session, ready)


@walled
async def test_actions_without_an_end_are_answered_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """However many lie there, none is reached from within the one before it."""
    broken = asyncio.Event()

    async def collect_within(of: Deliveries, session: Session) -> bool:
        try:
            return await one_within_the_other(of, session, Ready())
        except RecursionError:
            broken.set()
            raise

    if not standing:
        monkeypatch.setattr(Deliveries, "_collect", collect_within)
        monkeypatch.setattr(bounds, "MOST_UNREAD", NO_WALL)  # which alone would end it earlier
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (_, bot):
        target = await two_sessions(bot, launcher)
        flood(target, ROWS["actions that nobody knows"], 700)
        answer(target)
        if standing:
            await bot.until(lambda: FINE in bot.said("bad"))
            await neighbour_is_served(bot, target)
        else:
            async with asyncio.timeout(TIMEOUT):
                await broken.wait()


@walled
async def test_answers_that_cannot_be_shown_are_told_once_for_each_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    if not standing:
        once = notes.undelivered

        def each(parcel: Parcel, session_id: str, now: int) -> Notice:
            return replace(once(parcel, session_id, now), about=f"undelivered:{parcel.key}")

        monkeypatch.setattr(notes, "undelivered", each)
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        flood(target, ROWS["edits of foreign messages"], MANY if standing else 20)
        answer(target)
        await bot.until(lambda: FINE in bot.said("bad"))
        if not standing:
            await bot.until(lambda: len(bot.said("bad")) == 21)
        assert (await known(host) == 1) is standing
    assert (len(bot.said("bad")) == 2) is standing


@reached
async def test_a_session_that_reads_what_it_asks_for_can_ask_for_ever(tmp_path: Path, standing: bool) -> None:
    """It acknowledges each answer, so that none is unread: then the oldest go."""
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        for number in range(12):
            with database(target) as connection, connection:
                for one in range(number * 20, number * 20 + 20):
                    action = content.encode(content.Action("evil", {}))
                    insert(connection, target, 2 * one + 1, f"f{one}", kind="system", content=action)
                    connection.execute(
                        "INSERT INTO processing_ack VALUES (?, 'completed', 'i', 0, 't', '', 1)",
                        (content.result_id(f"f{one}"),),
                    )
            await consumed(host, target, number * 20 + 19)
        receipts, notes = await kept(host, target)
        await neighbour_is_served(bot, target)

    assert (receipts <= 50 and notes <= 50) is standing


async def consumed(host: Host, target: Target, number: int) -> None:
    """Waits until the host has taken the acknowledgement of that answer."""
    [session] = await host.house.scheduler.sessions([target.folder.root.name])
    id_ = content.result_id(f"f{number}")

    def job(writer: InboundWriter) -> bool:
        found = writer.message(id_)
        return found is not None and found.status == "completed"

    async with asyncio.timeout(TIMEOUT):
        while not await host.house.records.mailboxes.use(session, job):  # noqa: ASYNC110 - the host's next look
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("standing", [True, False], ids=["standing", "taken_away"])
@pytest.mark.parametrize("what", ["no JSON", "questions that cannot be asked"])
async def test_a_session_that_writes_nothing_but_junk_is_read_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, standing: bool
) -> None:
    """Whoever it talks to is told, and everybody else is served."""
    monkeypatch.setattr(losses, "MOST_REFUSED", 100 if standing else NO_WALL)
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        flood(target, ROWS[what])
        answer(target)
        await bot.until(lambda: bool(bot.said("bad")))
        await neighbour_is_served(bot, target)
        [session] = await host.house.scheduler.sessions([target.folder.root.name])
        assert bool(session.unreadable) is standing

    assert ("records are damaged" in bot.said("bad")[0]) is standing
    assert (FINE in bot.said("bad")) is not standing


@honest
async def test_a_session_that_is_wrong_less_often_than_that_is_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "MOST_REFUSED", MANY + 50)
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        flood(target, ROWS["no JSON"])
        answer(target, "first", 1_001)
        await bot.until(lambda: bot.said("bad") == ["first"])
        [session] = await host.house.scheduler.sessions([target.folder.root.name])
        assert not session.unreadable


HELD = 4_000_000_000_000  # ms UTC: long after this test
ROOM = 100_000  # bytes


@pytest.mark.parametrize("whole", [False, True], ids=["one", "all"])
@pytest.mark.parametrize("standing", [True, False], ids=["standing", "taken_away"])
async def test_heavy_rows_that_are_held_back_fill_neither_the_hosts_file_nor_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool, standing: bool
) -> None:
    """Few in number, so that no bound of rows is reached; a share of all that there is, or all that one may have."""
    if standing:
        wall, height = ("MOST_OF_ALL", ROOM * room.PARTS) if whole else ("MOST_WEIGHT", ROOM)
    else:
        wall, height = "MOST_WEIGHT", NO_WALL * 100
        monkeypatch.setattr(room, "MOST_OF_ALL", NO_WALL * 10_000)
    monkeypatch.setattr(room, wall, height)
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        with database(target) as connection, connection:
            for number in range(60):
                heavy = content.encode(content.Text("x" * 10_000))
                insert(connection, target, 2 * number + 1, f"h{number}", content=heavy, deliver_after=HELD)
        held, read = await until_read(host, target, 119)
        await neighbour_is_served(bot, target)

    assert (sum(held) <= ROOM + 11_000) is standing
    assert (read < 119) is standing


async def until_read(host: Host, target: Target, last: int) -> tuple[list[int], int]:
    """The bytes of each chunk that waits in the host's file, and up to which row, once it reads no more of them."""
    [session] = await host.house.scheduler.sessions([target.folder.root.name])
    deliveries = host.house.deliveries

    def job(writer: InboundWriter) -> tuple[list[int], int]:
        return [len(parcel.payload) for parcel in writer.open_parcels()], writer.mark("outbound_read")

    async with asyncio.timeout(TIMEOUT):
        while True:
            found = await host.house.records.mailboxes.use(session, job)
            if found[1] == last or session.id in deliveries._backlogged:
                return found
            await asyncio.sleep(0.02)
