"""What comes back into an inbound.db of the copies of it, and what of the inbox is taken up beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host.mailbox import belongings, copies, ledger, remaking
from host.mailbox.copies import ASK, IN, Copy
from host.mailbox.inbound import InboundWriter
from host.mailbox.remaking import CARRIED, MOVED
from host.mailbox.rows import NewMessage, Parcel, Question
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.nodes import Node
from host.registry.port import Statements
from host.registry.sessions import Session, Sessions
from sessiondb import Address, Status, content
from tests.support.postgres import Server
from tests.support.registries import Nodes

NOW = 3_600_000
PLACE = Address("memory", "w", "c")
ASKED = Question("r1", "k1", ("U1", "U2"), NOW + 1, approval=True, answered_by="a1")
RUN = NewMessage(
    "run", "task", PLACE, content.Task("make tea", "Tea", "now"), NOW, task_id="t1", occurrence_at=7
)
NOTE = NewMessage("note", "system", PLACE, content.System("note", "hear"), NOW, trigger=False, not_before=9)
CHAT = NewMessage("chat", "chat", PLACE, content.Chat("hello"), NOW)


def filled(writer: InboundWriter) -> list[Copy]:
    with writer.writing():
        for message in (CHAT, RUN, NOTE):
            writer.insert(message)
        writer.postpone("run", 2, 5, "broke")
        writer.put_question(ASKED)
    states = {"parked:r1": "{}", "parked:unknown": "{}", "seq_high_water": "7"}
    return belongings.of(writer, writer.pending(), states, [], [])


def test_what_no_event_brought_is_copied_and_comes_back_as_it_was(
    writer: InboundWriter, session: Session
) -> None:
    found = filled(writer)
    assert [(copy.part, copy.name) for copy in found] == [(IN, "run"), (IN, "note"), (ASK, "r1")]
    before = {message.id: message for message in writer.pending()}
    with writer.writing():
        writer.forget_messages(before)
        belongings.bring_back(writer, found)
    back = writer.pending()
    assert [message.id for message in back] == ["run", "note"]
    for message in back:
        had = before[message.id]
        assert (message.kind, message.trigger, message.content) == (had.kind, had.trigger, had.content)
        assert (message.attempts, message.not_before) == (had.attempts, had.not_before)
        assert (message.task_id, message.occurrence_at) == (had.task_id, had.occurrence_at)
        assert message.seq > had.seq  # a seq names one message for ever
    assert writer.asked("r1") == ASKED
    assert writer.question("k1") == ASKED


def parked(turn: object, answered_by: str = "") -> dict[str, str]:
    return {"parked:r1": json.dumps({"turn": turn, "call": "c", "answered_by": answered_by})}


def test_what_a_call_that_waits_was_asked_for_in_comes_along_though_it_is_over(writer: InboundWriter) -> None:
    """What comes of the answer is an answer to that message, and without it to none."""
    filled(writer)
    with writer.writing():
        writer.settle("chat", Status.COMPLETED)
    assert belongings.waiting(parked("chat-1")) == {"chat-1"}
    found = belongings.of(writer, [], parked("chat-1"), ["chat", "unknown"], ["chat"])
    assert [(copy.part, copy.name) for copy in found] == [(IN, "chat"), (ASK, "r1")]
    with writer.writing():
        writer.forget_messages(["chat"])
        belongings.bring_back(writer, found)
    back = writer.message("chat")
    assert back is not None
    assert (back.kind, back.address, back.content) == ("chat", PLACE, content.encode(CHAT.content))


def test_what_is_acknowledged_and_not_settled_yet_comes_along_too(writer: InboundWriter) -> None:
    """In a file that was just made of copies, before the first look at what the runner wrote."""
    filled(writer)
    found = belongings.of(writer, writer.pending(), {}, ["chat", "run"], [])
    assert [(copy.part, copy.name) for copy in found] == [(IN, "run"), (IN, "note"), (IN, "chat")]


def test_what_a_row_on_its_way_answers_comes_along_where_the_inbox_does_not_bring_it(
    writer: InboundWriter,
) -> None:
    filled(writer)
    with writer.writing():
        for id_ in ("chat", "run"):
            writer.settle(id_, Status.COMPLETED)
    found = belongings.of(writer, writer.pending(), {}, [], ["chat", "run", "unknown"])
    assert [(copy.part, copy.name) for copy in found] == [(IN, "note"), (IN, "run")]


@pytest.mark.parametrize(
    "states",
    [
        parked("chat-1", answered_by="a1"),
        {"parked:r1": "["},
        {"parked:r1": "[]"},
        {"parked:r1": "null"},
    ],
)
def test_no_turn_waits_for_what_was_answered_or_cannot_be_read(states: dict[str, str]) -> None:
    assert belongings.waiting(states) == set()
    assert belongings.waited(states) == ({"chat-1"} if "turn" in states["parked:r1"] else set())


def test_what_was_called_off_is_not_begun_anew_by_a_call_that_waits(writer: InboundWriter) -> None:
    filled(writer)
    with writer.writing():
        writer.settle("chat", Status.CANCELLED)
    assert [copy.part for copy in belongings.of(writer, [], parked("chat-1"), ["chat"], [])] == [ASK]


def test_what_is_there_already_stays_as_it_is(writer: InboundWriter) -> None:
    found = filled(writer)
    with writer.writing():
        writer.settle("run", Status.COMPLETED)
        belongings.bring_back(writer, found)
    assert writer.status_of("run") == "completed"
    assert [message.id for message in writer.pending()] == ["chat", "note"]


def test_a_run_that_is_there_by_its_time_is_not_there_twice(writer: InboundWriter) -> None:
    """A task whose copy had not moved on was fired again meanwhile."""
    found = filled(writer)
    twin = [Copy(IN, 0, "another", copy.content) for copy in found if copy.name == "run"]
    with writer.writing():
        belongings.bring_back(writer, twin)
    assert [message.id for message in writer.pending()] == ["chat", "run", "note"]


@pytest.mark.parametrize(
    "bad",
    [
        Copy(IN, 0, "bad", "{"),
        Copy(IN, 0, "bad", "[]"),
        Copy(IN, 0, "bad", json.dumps(["no kind", PLACE, "{}", 1, True, 0, 0, "", "", "", 0])),
        Copy(ASK, 0, "bad", "{"),
        Copy(ASK, 0, "bad", json.dumps(["k"])),
        Copy(ASK, 0, "bad", json.dumps(["k", 7, 0, False, ""])),
    ],
)
def test_a_copy_that_is_none_costs_itself_alone(writer: InboundWriter, bad: Copy) -> None:
    found = filled(writer)
    with writer.writing():
        writer.forget_messages(["run", "note"])
        belongings.bring_back(writer, [bad, *found])
    assert [message.id for message in writer.pending()] == ["chat", "run", "note"]
    assert writer.asked("bad") is None


@pytest.mark.parametrize(
    ("why", "taken"),
    [
        (MOVED, ["later"]),  # what the ledger shows answered, and what came before that, is not asked again
        (CARRIED, ["begun", "later"]),  # but what a turn of the copies has, which goes on with it
    ],
)
async def test_what_the_copies_have_a_turn_of_is_taken_up_and_what_the_ledger_has_answered_is_not(
    session: Session, db: HostDB, why: str, taken: list[str]
) -> None:
    event = json.dumps({"answer": ["memory", "w", "c", ""]})

    def job(connection: Statements) -> list[str]:
        connection.execute(
            "INSERT INTO sessions (id, agent, channel_type, workspace_id, platform_id, thread_id, scope, created_at,"
            " active_at, seq_high_water) VALUES (?, 'default', 'memory', 'w', 'c', '', 'public', 1, 1, 10)",
            (session.id,),
        )
        for id_ in ("begun", "before", "answered", "later"):
            connection.execute(
                "INSERT INTO inbox (key, session_id, message_id, state, event, received_at) VALUES (?, ?, ?, 'stored', ?, 1)",
                (id_, session.id, id_, event),
            )
        sent = Parcel("o1", 0, 5, "key", "sent", PLACE, "", in_reply_to="answered")
        ledger.put(connection, session.id, [sent], NOW)
        begun = Copy("ack", 0, "begun", '["processing", "i", 1, "t", ""]')
        copies.put(connection, session.id, "a", copies.Changes([begun], [], whole=True), anew=False)
        remains = remaking.salvage(connection, session, why, NOW)
        assert remains is not None
        assert (remains.alone, remains.carried) == (why == MOVED, why == CARRIED)
        rows = connection.execute(
            "SELECT message_id FROM inbox WHERE state = 'routed' ORDER BY id"
        ).fetchall()
        return [str(id_) for (id_,) in rows]

    assert await db.write(job) == taken


async def test_what_was_copied_and_never_at_rest_has_its_numbers_lifted(session: Session, db: HostDB) -> None:
    """Its rows are there again, and no seq may name a second one."""

    def job(connection: Statements) -> tuple[object, object]:
        never = remaking.salvage(connection, session, CARRIED, NOW)
        new = [Copy("step", 1, "", "[]")]
        copies.put(connection, session.id, "a", copies.Changes(new, [], whole=True), anew=True)
        found = remaking.salvage(connection, session, CARRIED, NOW)
        return never, found and found.high_water

    assert await db.write(job) == (None, remaking.UNHEARD_OF)


@pytest.mark.parametrize(("last", "told"), [("a", 0), ("b", 1), ("", 1)])
async def test_nobody_is_told_of_a_conversation_that_moved_where_its_channel_was_given_back_in_order(
    postgres: Server, tmp_path: Path, last: str, told: int
) -> None:
    """By the node that had its files: when one gives a channel back nothing is under way there."""
    nodes = Nodes(postgres)
    bob = await nodes.open(Node("b", "bob"))
    id_ = await bob.write(lambda c: sessions.upsert(c, "default", PLACE, "public", NOW))
    nodes.says(f"UPDATE sessions SET node = 'a', seq_high_water = 3 WHERE id = '{id_}'")
    row = "INSERT INTO placements (channel_type, workspace_id, platform_id, node, epoch, taken_at, last)"
    nodes.says(f"{row} VALUES ('memory', 'w', 'c', 'b', 2, 0, '{last}')")

    def job(connection: Statements) -> object:
        [session] = Sessions(tmp_path).load(connection, "id = ?", (id_,))
        assert remaking.salvage(connection, session, CARRIED, NOW, shared=True) is not None
        [(found,)] = connection.execute("SELECT count(*) FROM notices").fetchall()
        return found

    assert await bob.write(job) == told
    await nodes.close()
