"""What comes back into an inbound.db that is made again, and what is named because it does not."""

from __future__ import annotations

import json

import pytest

from host.mailbox import remaking, tasks
from host.mailbox.inbound import InboundWriter
from host.mailbox.remaking import Remains
from host.mailbox.rows import LiveRow
from host.registry import notices
from host.registry.db import HostDB
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.sessions import Session
from host.schedule import index
from host.words import as_it_is
from sessiondb import Address

NOW = 3_600_000
PLACE = Address("memory", "w", "c")
SHOWN = LiveRow("m1", 2, "shown", "k1", PLACE, "p1", "U1", NOW, "live-1")
COPY = ["t1", "Tea", "make tea", "0 9 * * *", 0, "UTC", "", "run_once", "[]", "active", NOW + 1, 0, 0, "",
        "U1", "agent", "", *PLACE, 1, 2]  # fmt: skip


def copy(id_: str, **changed: object) -> tuple[str, str]:
    row = [id_, *COPY[1:]]
    for column, value in changed.items():
        row[{"zone": 5, "missed": 7, "mentions": 8, "state": 9, "title": 1}[column]] = value
    return id_, json.dumps(row)


@pytest.mark.parametrize(
    "bad",
    [
        ("bad", "{"),
        ("bad", "[]"),
        ("bad", '"text"'),
        ("bad", '["bad", 1]'),
        copy("bad", state="asleep"),
        copy("bad", missed="perhaps"),
        copy("bad", mentions="no list"),
        copy("bad", title=None),
        copy("bad", title={"a": 1}),
    ],
)
def test_a_copy_that_is_no_task_costs_itself_and_is_named(
    writer: InboundWriter, session: Session, bad: tuple[str, str]
) -> None:
    """Before, it kept the whole file from being made again."""
    remaking.begin_again(writer, session, Remains(100, 0, (), [copy("t1"), bad, copy("t2")]), NOW)
    assert [task.id for task in writer.tasks.all()] == ["t1", "t2"]
    [(_, owed)] = writer.owed()
    assert "scheduled tasks bad could not be restored" in Notice.decode(owed).text


def test_many_that_cannot_be_restored_are_named_as_far_as_anybody_reads(
    writer: InboundWriter, session: Session
) -> None:
    copies = [(f"t{number}", "") for number in range(remaking.NAMED + 3)]
    remaking.begin_again(writer, session, Remains(100, 0, (), copies), NOW)
    [(_, owed)] = writer.owed()
    assert f"t{remaking.NAMED - 1} and 3 more could" in Notice.decode(owed).text


def test_a_task_that_is_there_already_stays_as_it_is(writer: InboundWriter, session: Session) -> None:
    for _ in range(2):
        remaking.begin_again(writer, session, Remains(100, 0, (), [copy("t1")]), NOW)
    assert [task.id for task in writer.tasks.all()] == ["t1"]
    assert writer.owed() == []


async def test_a_task_that_was_being_written_and_looked_at_by_nobody_since_is_named(
    session: Session, db: HostDB
) -> None:
    """Whoever ordered it read that it was done; its copy is made by the look that comes next. What is declared comes anew."""
    ids = ("new", "changed", tasks.FILE + "declared")

    def ordered(connection: Statements) -> remaking.Remains | None:
        remaking.keep_tasks(connection, session.id, [copy("changed"), copy("quiet")])
        index.settle(connection, session.id, [("quiet", "", NOW)])
        for id_ in ids:
            index.lower(connection, id_, session.id, "")
        for _ in range(2):  # as after a crash before the new file had anything
            remains = remaking.salvage(connection, session, remaking.DAMAGED, NOW)
        return remains

    remains = await db.write(ordered)
    assert remains is not None
    assert [id_ for id_, _ in remains.tasks] == ["changed", "quiet"]
    said = await db.read(lambda c: c.execute("SELECT text FROM notices ORDER BY id").fetchall())
    texts = [str(text) for (text,) in said]
    assert "of its scheduled tasks" not in texts[0]
    assert ["changed was being set up or changed" in texts[1], "new was being" in texts[2]] == [True, True]
    assert len(texts) == 3


@pytest.mark.parametrize("at_rest", [True, False])
def test_only_where_nothing_waited_nothing_may_have_been_begun(
    writer: InboundWriter, session: Session, at_rest: bool
) -> None:
    remaking.begin_again(writer, session, Remains(100, 0, (), (), at_rest=at_rest), NOW)
    assert writer.mark(remaking.RESTED) == (100 if at_rest else 0)


async def test_a_copy_of_what_is_shown_that_is_none_keeps_nothing_else_from_coming_back(
    writer: InboundWriter, session: Session, db: HostDB
) -> None:
    await db.write(lambda c: remaking.keep_live(c, session.id, SHOWN))
    bad = [(session.id, place, copy) for place, copy in (("x", "{"), ("y", "[]"), ("z", '{"key": "k"}'))]
    sql = "INSERT INTO live_copies (session_id, address, live, opened_at) VALUES (?, ?, ?, 1)"
    await db.write(lambda c: c.executemany(sql, bad))
    remains = await db.write(lambda c: remaking.salvage(c, session, remaking.DAMAGED, NOW))
    assert remains is not None
    remaking.begin_again(writer, session, remains, NOW)
    [found] = writer.open_live()
    assert (found.key, found.answers, found.asked_by) == ("k1", "p1", "")


async def test_a_message_that_was_given_up_and_told_is_not_taken_up_again(
    session: Session, db: HostDB
) -> None:
    insert = "INSERT INTO inbox (key, message_id, event, received_at, state, session_id) VALUES (?1, ?1, '{}', 1, 'stored', ?2)"
    await db.write(lambda c: c.executemany(insert, [("m1", session.id), ("m2", session.id)]))
    await db.write(lambda c: notices.add(c, Notice("gave-up:m1", PLACE, as_it_is("⚠️ I could not.")), NOW))
    await db.write(lambda c: remaking.salvage(c, session, remaking.DAMAGED, NOW))
    taken = "SELECT message_id FROM inbox WHERE state = 'routed'"
    assert await db.read(lambda c: c.execute(taken).fetchall()) == [("m2",)]
