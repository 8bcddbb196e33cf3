"""How many people have allowed a call, and whose yes counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.config import Config
from host.governance import approvals
from host.governance.approvals import NO_MORE, Votes
from host.ports.events import Author, EventClass, InboundEvent, Verdict
from host.registry import asked
from host.registry.asked import Terms
from host.registry.db import open_host_db
from host.registry.port import Statements
from sessiondb import Address, approving

HERE = Address("slack", "T1", "C1", "5.5")
CALL = approving.spelled("bash", {"command": "make deploy"})


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Statements]:
    connection = open_host_db(tmp_path / "host.db")
    asked.note(connection, "q1", "s1", HERE, "row", 1, Terms(100, 2, "bash", CALL))
    yield connection
    connection.close()


def config(*people: str) -> Config:
    options = {"approvers": [f"slack:{person}" for person in people]}
    return Config.model_validate({"agents": {"default": {"options": options}}})


EVERYBODY = config("U1", "U2", "U3")


def say(
    db: Statements, person: str, value: str = "Allow", by: Config = EVERYBODY
) -> tuple[InboundEvent, Votes]:
    event = InboundEvent(
        EventClass.ANSWER, HERE, "q1", Author(person, person.lower()), 2, value, value=value, refers_to="q1"
    )
    return approvals.counted(db, by, event, "default", 2)


def test_each_person_counts_once_and_the_answer_names_all_of_them_and_the_call(db: Statements) -> None:
    for _ in range(3):
        event, votes = say(db, "U1")
        assert (votes, votes.open(event).verdict) == (Votes(("U1",), 2, decided=False), Verdict.COUNTED)
    event, votes = say(db, "U2")
    assert votes == Votes(("U1", "U2"), 2)
    assert (event.by, event.digest) == ("u1, u2", approving.digest(CALL))
    recorded = db.execute("SELECT user, action, detail FROM audit ORDER BY id").fetchall()
    told = f"bash {approving.digest(CALL)[:12]}"
    assert recorded == [("slack:U1", "allow_call", told), ("slack:U2", "allow_call", told)]
    assert asked.ended(db, 0, 1_000, 9) == []  # nothing is to be said of what is decided


def test_one_refusal_refuses_also_of_who_said_yes_before(db: Statements) -> None:
    say(db, "U1")
    event, votes = say(db, "U1", "Deny")
    assert (votes.decided, event.by, event.digest) == (True, "", "")


def test_who_lost_the_right_meanwhile_counts_no_more_nor_does_the_yes_they_gave(db: Statements) -> None:
    say(db, "U1")
    event, votes = say(db, "U2", by=config("U2", "U3"))
    assert votes == Votes(("U2",), 2, decided=False)
    for value in ("Allow", "Deny"):
        event, votes = say(db, "U1", value, by=config("U2", "U3"))
        assert (votes.open(event).verdict, votes.open(event).reason) == (Verdict.DECLINED, NO_MORE)
    denied = "INSERT INTO users (channel_type, workspace_id, user_id, standing, seen_at) VALUES ('slack', '', 'U2', 'denied', 1)"
    db.execute(denied)
    assert say(db, "U3", by=config("U2", "U3"))[1] == Votes(("U3",), 2, decided=False)


def test_a_crash_between_two_votes_keeps_the_first(db: Statements, tmp_path: Path) -> None:
    say(db, "U1")
    again = open_host_db(tmp_path / "host.db")
    assert say(again, "U3")[1] == Votes(("U1", "U3"), 2)
    again.close()
