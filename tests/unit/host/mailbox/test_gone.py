"""A session whose outbound.db is gone: what may have been begun ends in words, and is never begun again."""

from __future__ import annotations

from typing import Any

import pytest

from host.mailbox import gone, remaking
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage, Question
from host.registry.notices import Notice
from host.registry.sessions import Session
from sessiondb import Address, content
from sessiondb.records import Status
from sessiondb.signals import beat

NOW = 3_600_000
PLACE = Address("memory", "w", "c")
THREAD = PLACE._replace(thread_id="t")


def say(writer: InboundWriter, id_: str, address: Address = PLACE, **more: Any) -> None:
    new = NewMessage(id_, "chat", address, content.Chat("hi"), 1, author_id="U", **more)
    with writer.writing():
        writer.insert(new)


def lives_and_rests(writer: InboundWriter, session: Session, incarnation: str = "one") -> None:
    """A runner, from its assignment to its end."""
    with writer.writing():
        gone.before_a_start(writer, session)
        writer.set_value("incarnation", incarnation)
    beat(session.folder.heartbeat, incarnation)
    with writer.writing():
        gone.after_an_end(writer)


def status(writer: InboundWriter, id_: str) -> str:
    found = writer.message(id_)
    assert found is not None
    return found.status


def owed(writer: InboundWriter) -> list[Notice]:
    return [Notice.decode(notice) for _, notice in writer.owed()]


def test_a_session_that_never_had_a_runner_has_lost_nothing(writer: InboundWriter, session: Session) -> None:
    say(writer, "m1")
    assert gone.begin_anew(writer, session, NOW) is None
    assert (status(writer, "m1"), writer.owed()) == (Status.PENDING, [])


def test_a_first_runner_that_died_before_it_had_made_its_file_has_lost_nothing(
    writer: InboundWriter, session: Session
) -> None:
    say(writer, "m1")
    with writer.writing():
        gone.before_a_start(writer, session)
        writer.set_value("incarnation", "one")
    assert gone.begin_anew(writer, session, NOW) is None


@pytest.mark.parametrize("evidence", ["read in this life", "read before a start", "rows", "heartbeat"])
def test_each_trace_of_a_file_is_enough(writer: InboundWriter, session: Session, evidence: str) -> None:
    if evidence == "read in this life":
        session.read = True
    elif evidence == "heartbeat":
        beat(session.folder.heartbeat, "one")
    with writer.writing():
        if evidence == "rows":
            writer.raise_mark("outbound_read", 3)
        if evidence == "read before a start":
            session.read = True
            gone.before_a_start(writer, session)
            session.read = False
    assert gone.begin_anew(writer, session, NOW) is not None
    session.read = False  # as who calls it sees to
    assert gone.begin_anew(writer, session, NOW) is None, "once is enough"


def test_what_may_have_been_begun_fails_where_it_was_asked_and_says_so(
    writer: InboundWriter, session: Session
) -> None:
    say(writer, "m1", platform_message_id="p1")
    say(writer, "m2", platform_message_id="p2")
    say(writer, "m3", THREAD, platform_message_id="p3")
    say(writer, "told", trigger=False)
    session.read = True
    assert gone.begin_anew(writer, session, NOW) is not None
    assert [status(writer, id_) for id_ in ("m1", "m2", "m3")] == [Status.FAILED] * 3
    assert writer.error_of("m1") == gone.LOST
    assert status(writer, "told") == Status.PENDING
    told = owed(writer)
    assert {(n.address, n.answers) for n in told} == {(PLACE, "p2"), (THREAD, "p3")}
    assert all("please ask again" in n.text and session.id[:9] in n.text for n in told)
    notes = [m for m in writer.pending() if m.kind == "system"]
    assert {m.address for m in notes} == {PLACE, THREAD}
    assert not any(m.trigger for m in notes)


def test_what_came_in_after_the_last_runner_had_ended_was_begun_by_nobody(
    writer: InboundWriter, session: Session
) -> None:
    say(writer, "left")
    lives_and_rests(writer, session)
    say(writer, "new")
    assert gone.begin_anew(writer, session, NOW) is not None
    assert (status(writer, "left"), status(writer, "new")) == (Status.FAILED, Status.PENDING)


@pytest.mark.parametrize("instead", ["", "stranger", "zero"])
def test_another_file_in_its_place_is_a_loss_once(
    writer: InboundWriter, session: Session, instead: str
) -> None:
    """One that was emptied and made again names nobody; a copy from before names a runner before the latest."""
    for incarnation in ("zero", "one"):
        lives_and_rests(writer, session, incarnation)
        assert not gone.is_another(writer, session, incarnation)
        gone.look(writer, incarnation)
    say(writer, "m1")
    assert gone.is_another(writer, session, instead)
    assert gone.begin_anew(writer, session, NOW, instead) is not None
    assert not gone.is_another(writer, session, instead)
    lives_and_rests(writer, session, "two")
    assert not gone.is_another(writer, session, "two")
    assert gone.is_another(writer, session, "one")


def test_between_a_loss_and_the_next_start_a_file_that_names_nobody_is_another_loss(
    writer: InboundWriter, session: Session
) -> None:
    lives_and_rests(writer, session, "one")
    gone.look(writer, "one")
    assert gone.begin_anew(writer, session, NOW, "copy") is not None
    assert not gone.is_another(writer, session, "copy")
    assert gone.is_another(writer, session, "")


def test_a_runner_that_dies_early_makes_no_other_file_of_it(writer: InboundWriter, session: Session) -> None:
    """It names itself before its heart beats, or not at all; and the file may be unreadable between two starts."""
    lives_and_rests(writer, session, "one")
    gone.look(writer, "one")
    for incarnation in ("two", "three", "four"):
        with writer.writing():
            gone.before_a_start(writer, session)
            writer.set_value("incarnation", incarnation)
    for found in ("one", "two", "three", "four"):
        assert not gone.is_another(writer, session, found)


def test_before_the_first_runner_named_itself_there_is_no_other_file(
    writer: InboundWriter, session: Session
) -> None:
    with writer.writing():
        gone.before_a_start(writer, session)
        writer.set_value("incarnation", "one")
    assert not gone.is_another(writer, session, "")


def test_while_a_runner_may_live_all_may_have_been_begun(writer: InboundWriter, session: Session) -> None:
    lives_and_rests(writer, session)
    session.read = True
    with writer.writing():
        gone.before_a_start(writer, session)
    say(writer, "new")
    assert gone.begin_anew(writer, session, NOW) is not None
    assert status(writer, "new") == Status.FAILED
    assert writer.value("incarnation") == "", (
        "a runner that has the lost file open commits nothing that counts"
    )


def test_where_nothing_was_under_way_people_hear_of_it_once_an_hour(
    writer: InboundWriter, session: Session
) -> None:
    for incarnation, at in (("one", NOW), ("two", NOW + 1), ("three", NOW + 3_600_000)):
        lives_and_rests(writer, session, incarnation)
        assert gone.begin_anew(writer, session, at) is not None
    told = owed(writer)
    assert len(told) == 2
    assert all("I do not remember" in n.text and "ask again" not in n.text for n in told)


def test_orders_and_ends_of_questions_go_quietly_and_an_answer_that_was_given_does_not(
    writer: InboundWriter, session: Session
) -> None:
    end = NewMessage("end", "system", PLACE, content.System("answer", "late", refers_to="q"), 1)
    given = NewMessage(
        "given", "system", PLACE, content.System("answer", "red", refers_to="q"), 1, author_id="U"
    )
    with writer.writing():
        writer.insert(NewMessage("stop", "control", PLACE, content.Control("stop"), 1, author_id="U"))
        writer.insert(end)
    session.read = True
    assert gone.begin_anew(writer, session, NOW) is not None
    assert [status(writer, id_) for id_ in ("stop", "end")] == [Status.CANCELLED] * 2
    assert "ask again" not in owed(writer)[0].text
    with writer.writing():
        writer.insert(given)
        writer.raise_mark("outbound_read", writer.mark("seq_high_water") + 1)
    assert gone.begin_anew(writer, session, NOW) is not None
    assert status(writer, "given") == Status.FAILED
    assert any("ask again" in n.text for n in owed(writer))


def test_open_questions_are_closed_and_no_number_is_given_out_twice(
    writer: InboundWriter, session: Session
) -> None:
    with writer.writing():
        writer.put_question(Question("open", "k1", ("U",), 0))
        writer.put_question(Question("later", "k2", ("U",), NOW + 60_000))
        writer.put_question(Question("answered", "k3", ("U",), 0))
        writer.answer_question("answered", "a")
        writer.raise_mark("outbound_read", 7)
        writer.raise_mark("seq_high_water", 8)
    high = gone.begin_anew(writer, session, NOW)
    assert high is not None
    assert high > 8 + remaking.UNHEARD_OF
    for key in ("k1", "k2"):
        asked = writer.question(key)
        assert asked is not None
        assert asked.expires_at == NOW
    answered = writer.question("k3")
    assert answered is not None
    assert answered.expires_at == 0
    assert writer.mark("seq_high_water") == high
    assert 8 + remaking.UNHEARD_OF <= writer.mark("outbound_read") <= high
    say(writer, "next")
    found = writer.message("next")
    assert found is not None
    assert found.seq > high
