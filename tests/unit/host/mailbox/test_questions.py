"""Whose answer counts: decided by what the host wrote down, never by what a container says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from host.config import Config
from host.config.settings import Settings
from host.mailbox import questions
from host.mailbox.inbound import InboundWriter
from host.mailbox.questions import Approvers, refusal
from host.mailbox.rows import NewMessage, Parcel, Question
from host.ports.events import OVER
from sessiondb import Address, approving, content

HERE = Address("slack", "T1", "C1")
CALL = approving.spelled("bash", {"command": "rm -r /work"})


def approvers(listed: list[str], owners: list[str], **options: object) -> Approvers:
    agents = {"default": {"options": {"approvers": listed, **options}}}
    return Approvers(Settings(Config.model_validate({"agents": agents, "access": {"owners": owners}})))


@pytest.mark.parametrize(
    ("listed", "asked_by", "audience"),
    [
        (["slack:U9", "discord:8"], "U1", ("U9",)),  # whom the configuration lists
        (["discord:8"], "U1", ("UO",)),  # nobody stands in for those who are listed elsewhere alone
        ([], "U1", ("U1",)),  # else whoever asked
        ([], "", ("UO",)),  # else the platform's owners
    ],
)
def test_an_approvals_audience_is_the_hosts_whatever_the_container_wrote(
    listed: list[str], asked_by: str, audience: tuple[str, ...]
) -> None:
    forged = content.Question("May I?", ("Allow", "Deny"), audience=("UEVIL",), approval="bash")
    put = approvers(listed, ["slack:UO", "discord:7"]).settle(forged, "default", HERE, asked_by)
    assert put.audience == audience


def test_the_asker_is_left_out_where_the_configuration_says_so_and_too_few_are_not_asked() -> None:
    some = approvers(["slack:U1", "slack:U2", "slack:U3"], [], approve_by=2, asker_approves=False)
    asked = content.Question("", ("Allow", "Deny"), approval="bash", call=CALL)
    assert some.settle(asked, "default", HERE, "U1").audience == ("U2", "U3")
    assert some.settle(asked, "default", HERE, "U9").audience == ("U1", "U2", "U3")
    assert some.unreachable(some.settle(asked, "default", HERE, "U1"), "default") == ""
    alone = approvers([], ["slack:UO"], asker_approves=False).settle(asked, "default", HERE, "U1")
    assert alone.audience == ("UO",)
    nobody = approvers([], [], asker_approves=False).settle(asked, "default", HERE, "U1")
    told = "one person would have to allow it, and here only 0 may"
    assert approvers([], [], asker_approves=False).unreachable(nobody, "default") == told


def test_people_read_what_would_run_whatever_the_container_would_have_them_read() -> None:
    forged = content.Question("May I look at the weather?", ("Allow", "Deny"), approval="bash", call=CALL)
    put = approvers(["slack:U1", "slack:U2"], [], approve_by=2).settle(forged, "default", HERE, "U1")
    assert "weather" not in put.text
    assert "rm -r /work" in put.text
    assert "2 people of 2 have to allow it" in put.text
    assert approving.digest(CALL)[:12] in put.text


def test_a_plain_question_goes_to_those_it_names_else_to_whoever_asked() -> None:
    some = approvers([], [])
    named = content.Question("Which?", audience=("U2",))
    assert some.settle(named, "default", HERE, "U1").audience == ("U2",)
    assert some.settle(content.Question("Which?"), "default", HERE, "U1").audience == ("U1",)


@pytest.mark.parametrize(
    ("person", "is_owner", "now", "reason"),
    [
        ("U1", False, 5, ""),
        ("U2", False, 5, "Only the people who were asked may answer this."),
        ("U2", True, 5, ""),
        ("U1", False, 10, OVER),
        ("U2", True, 10, OVER),
    ],
)
def test_who_may_answer_and_until_when(person: str, is_owner: bool, now: int, reason: str) -> None:
    asked = Question("row", "key", ("U1",), expires_at=10)
    assert refusal(asked, person, is_owner=is_owner, now=now) == reason


def test_an_owner_answers_for_others_but_does_not_allow_for_them() -> None:
    asked = Question("row", "key", ("U1",), approval=True)
    assert "Only the people" in refusal(asked, "U2", is_owner=True, now=5)


def test_a_question_whose_records_are_gone_is_over_for_everybody() -> None:
    assert refusal(None, "U1", is_owner=False, now=0) == OVER
    assert refusal(None, "UO", is_owner=True, now=0) == OVER


def test_a_question_that_cannot_be_asked_is_answered_with_its_end_come_early_and_once(tmp_path: Path) -> None:
    writer = InboundWriter(tmp_path / "inbound.db", lambda: 1_000)
    with writer.writing():
        questions.put(writer, "row", "key", content.Question("Which?", expires_at=90_000), HERE, 1_000)
    [end] = writer.pending()
    assert end.not_before > 2_000
    for again in range(2):
        with writer.writing():
            questions.not_asked(writer, "row", HERE, "the channel is archived", 2_000 + again)
    [told] = writer.pending()
    assert (told.id, told.not_before) == (end.id, 2_000)
    said = content.decode_inbound(told.content)
    assert isinstance(said, content.System)
    assert "the channel is archived" in said.text
    found = writer.question("key")
    assert refusal(found, "U1", is_owner=True, now=2_001) == OVER
    writer.close()


def test_what_goes_on_with_a_turn_asks_for_whoever_asked_for_it_and_not_for_whoever_clicked_last(
    tmp_path: Path,
) -> None:
    """A second call of a turn was Bo's own once he had allowed the first, and nobody's where the first had run out of time."""
    writer = InboundWriter(tmp_path / "inbound.db", lambda: 1_000)
    answer = content.System("answer", "Bo answered: Allow", refers_to="row-1")
    with writer.writing():
        writer.insert(NewMessage("m", "chat", HERE, content.Chat("Tidy up"), 1, author_id="UADA"))
        for row, origin in (("row-1", "m"), ("row-2", "click")):
            questions.put(writer, row, f"k-{row}", content.Question("May I?", expires_at=90_000), HERE, 1_000)
            writer.put_parcels([Parcel(row, 0, int(row[-1]) * 2 + 1, f"k-{row}", "sent", HERE, "", origin)])
        writer.insert(NewMessage("click", "system", HERE, answer, 2, author_id="UBO"))
        writer.insert(
            NewMessage("lost", "system", HERE, replace(answer, refers_to="gone"), 3, author_id="UBO")
        )
        told = content.System("note", "The host was updated.")
        writer.insert(NewMessage("note", "system", HERE, told, 4))
    origins = ("m", "click", "row-1:end", "row-2:end", "lost", "note")
    asked_by = [questions.asker(writer, writer.message(origin)) for origin in origins]
    assert asked_by == ["UADA", "UADA", "UADA", "UADA", "", ""]
    assert questions.asker(writer, None) == ""
    writer.close()
