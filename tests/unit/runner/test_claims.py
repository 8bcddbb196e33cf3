"""What a runner claims next, when the host has not read yet what became of the last turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from runner.claims import Claims
from runner.inbound import InboundReader
from runner.outbound import OutboundWriter
from runner.turn import SPLIT_AFTER, is_about
from sessiondb import Address, Damaged, MessageIn, SessionFolder, Status, Unavailable, content

HERE, THERE = Address("memory", "w", "c", "t1"), Address("memory", "w", "c", "t2")
NOW = 10_000


class Both:
    """The two files of one session, and both sides' hands on them."""

    def __init__(self, path: Path) -> None:
        self.clock = NOW
        folder = SessionFolder(path / "session")
        folder.create()
        self.host = InboundWriter(folder.inbound_db, lambda: self.clock)
        with self.host.writing():
            self.host.set_value("incarnation", "one")
        reader = InboundReader(folder.inbound_db)
        self.runner = OutboundWriter(folder.outbound_db, reader, "one", lambda: self.clock)
        self.claims = Claims(reader, self.runner, "one", lambda: self.clock)

    def say(self, *ids: str, at: Address = HERE, kind: str = "chat") -> None:
        body = content.Control("stop") if kind == "control" else content.Chat("hi")
        with self.host.writing():
            for id_ in ids:
                self.host.insert(NewMessage(id_, kind, at, body, created_at=1))

    def begin(self) -> list[str]:
        """Claims the next turn; the ids of its messages."""
        begun = self.claims.next()
        return [] if begun is None else begun.consumed

    def put_back(self, id_: str, attempts: int = 1) -> None:
        with self.host.writing():
            self.host.postpone(id_, attempts, not_before=0)


class Raced(InboundReader):
    """Another process commits between its two looks, once."""

    meanwhile: Callable[[], None] | None = None

    def due_at(self, address: Address, now: int) -> Iterator[MessageIn]:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()
        return super().due_at(address, now)


def test_what_a_turn_has_answered_is_nothing_to_claim_before_the_host_has_read_it(tmp_path: Path) -> None:
    both = Both(tmp_path)
    assert both.claims.kinds() == frozenset()
    both.say("a")
    both.say("b", kind="control")
    assert both.claims.kinds() == {"chat", "control"}
    assert both.begin() == ["a"]
    assert both.claims.kinds() == {"control"}


def test_a_message_that_is_taken_back_between_two_looks_is_passed_over(tmp_path: Path) -> None:
    """audit_stop."""
    both = Both(tmp_path)
    both.say("a", "b")
    reader = Raced(tmp_path / "session" / "inbound" / "inbound.db")

    def taken_back() -> None:
        with both.host.writing():
            both.host.settle("a", Status.CANCELLED, "deleted by its author")

    reader.meanwhile = taken_back
    begun = Claims(reader, both.runner, "one", lambda: NOW).next()
    assert begun is not None
    assert begun.consumed == ["b"]


def test_nothing_overtakes_a_message_whose_failure_the_host_has_not_read(tmp_path: Path) -> None:
    both = Both(tmp_path)
    both.say("a")
    assert both.begin() == ["a"]
    both.runner.retry(["a"], (), "failed for now")
    both.say("b")
    both.say("elsewhere", at=THERE)
    assert both.begin() == ["elsewhere"]
    assert both.begin() == []
    both.put_back("a")
    assert both.begin() == ["a", "b"]


def test_a_follow_up_does_not_pass_what_is_to_be_tried_again(tmp_path: Path) -> None:
    both = Both(tmp_path)
    both.say("a", "b")
    assert both.begin() == ["a", "b"]
    both.runner.retry(["a", "b"], (), "failed for now")
    for id_ in ("a", "b"):
        both.put_back(id_, attempts=SPLIT_AFTER)
    alone = both.claims.next()
    assert alone is not None
    assert alone.consumed == ["a"]
    both.say("c")
    assert both.claims.follow_ups(alone) == []
    both.runner.finish_turn(alone.id, (), ["a"], ())
    assert both.begin() == ["b"]


def test_an_order_is_obeyed_though_a_failed_message_holds_its_address(tmp_path: Path) -> None:
    both = Both(tmp_path)
    both.say("a")
    both.begin()
    both.runner.retry(["a"], (), "failed for now")
    both.say("order", kind="control")
    assert [message.id for message, _ in both.claims.controls()] == ["order"]


def test_a_message_of_an_interrupted_turn_that_did_something_joins_no_other_turn(tmp_path: Path) -> None:
    both = Both(tmp_path)
    with both.host.writing():
        for_later = content.Chat("not yet")
        both.host.insert(NewMessage("later", "chat", HERE, for_later, created_at=1, not_before=NOW + 1))
    both.say("b")
    assert both.begin() == ["b"]
    both.runner.start_call("b-1", "call", "{}", "tool", deadline=NOW)
    both.runner.retry(["b"], (), "failed for now")
    both.put_back("b")
    both.clock += 1
    assert both.begin() == ["later"]
    resumed = both.claims.next()
    assert resumed is not None
    assert (resumed.id, resumed.consumed) == ("b-1", ["b"])
    assert [step.kind for step in resumed.resumed] == ["tool_call"]


def test_an_order_applies_to_what_came_before_it_and_where_it_was_given(tmp_path: Path) -> None:
    both = Both(tmp_path)
    both.say("a")
    running = both.claims.next()
    assert running is not None
    both.say("b")
    both.say("stop", kind="control")
    both.say("c")
    assert [message.id for message in both.claims.follow_ups(running)] == ["b"]
    ((order, _),) = both.claims.controls()
    assert is_about(order, running.address, running.highest_seq)
    assert not is_about(order, THERE, running.highest_seq)
    assert not is_about(order, running.address, order.seq + 2)
    in_the_channel = replace(order, address=HERE._replace(thread_id=""))
    assert is_about(in_the_channel, running.address, running.highest_seq)


def test_a_batch_ends_before_an_order_that_is_not_obeyed_yet(tmp_path: Path) -> None:
    both = Both(tmp_path)
    both.say("a")
    both.say("stop", kind="control")
    both.say("b")
    assert both.begin() == ["a"]


def test_an_order_to_stop_reaches_what_nobody_has_begun_before_it_and_in_its_place(tmp_path: Path) -> None:
    both = Both(tmp_path)
    both.say("begun")
    both.begin()
    both.say("waits")
    both.say("elsewhere", at=THERE)
    both.say("stop", kind="control")
    both.say("later")
    ((order, _),) = both.claims.controls()
    assert [message.id for message in both.claims.unbegun(order)] == ["waits"]


def test_a_file_that_somebody_emptied_has_nothing_to_read_and_is_no_messages_fault(tmp_path: Path) -> None:
    """Whoever reads waits for the host to make it again; a statement that finds no table ended the runner."""
    both = Both(tmp_path)
    both.say("a")
    path = tmp_path / "session" / "inbound" / "inbound.db"
    reader = InboundReader(path, patience=0.0)
    assert [message.id for message in reader.waking(NOW)] == ["a"]
    path.write_bytes(b"")
    for look in (
        lambda: list(reader.waking(NOW)),
        lambda: reader.messages(["a"]),
        lambda: reader.next_due_at(NOW),
        reader.incarnation,
        reader.was_answered,
    ):
        with pytest.raises(Unavailable):
            look()
    reader.close()


def test_a_runner_whose_own_file_was_emptied_finds_it_damaged(tmp_path: Path) -> None:
    both = Both(tmp_path)
    both.say("a")
    (tmp_path / "session" / "outbound" / "outbound.db").write_bytes(b"")
    with pytest.raises(Damaged, match="no such table"):
        both.begin()


def test_what_is_answered_by_a_model_of_its_own_has_its_turn_to_itself(tmp_path: Path) -> None:
    """What was said before it comes along; what comes after it waits, whatever model it is for."""
    both = Both(tmp_path)
    with both.host.writing():
        for id_, text, model, trigger in (
            ("m1", "among people", "", False),
            ("m2", "by opus", "opus", True),
            ("m3", "by its own", "", True),
            ("m4", "too", "", True),
        ):
            said = content.Chat(text, model=model, queued=bool(model))
            both.host.insert(NewMessage(id_, "chat", HERE, said, created_at=1, trigger=trigger))
    assert both.begin() == ["m1", "m2"]


def test_what_was_spoken_joins_a_turn_once_it_was_listened_to_and_nothing_passes_it(tmp_path: Path) -> None:
    both = Both(tmp_path)
    both.say("a")
    begun = both.claims.next()
    assert begun is not None
    clip = content.Attachment("v.ogg", "v/0-v.ogg", "audio/ogg", 1, voice=True)
    words = content.Part("transcript", "buy milk", title="v.ogg")
    with both.host.writing():
        told = content.Chat("", attachments=(clip,), parts=(words,))
        both.host.insert(NewMessage("told", "chat", HERE, told, created_at=1))
        both.host.insert(NewMessage("v", "chat", HERE, content.Chat("", attachments=(clip,)), created_at=1))
    both.say("b")
    unheard = {"v"}

    def joins() -> list[str]:
        return [one.id for one in both.claims.follow_ups(begun, lambda message: message.id in unheard)]

    assert joins() == ["told"], "its words are there; nothing passes the other"
    assert joins() == []
    unheard.clear()
    assert joins() == ["v", "b"]
