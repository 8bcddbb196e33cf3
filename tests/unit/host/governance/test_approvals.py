"""How many people have allowed a call, and whose yes counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from host.config import Config
from host.controls import granting
from host.governance import approvals, grants
from host.governance.approvals import NO_MORE, Asking, Votes
from host.ports.controls import Forbidden
from host.ports.events import Author, EventClass, InboundEvent, Verdict, Viewer
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
        assert (votes, votes.open(event).verdict) == (Votes(("U1",), "u1", 2, decided=False), Verdict.COUNTED)
    event, votes = say(db, "U2")
    assert votes == Votes(("U1", "U2"), "u1, u2", 2)
    assert (event.by, event.digest) == ("u1, u2", approving.digest(CALL))
    recorded = db.execute("SELECT user, action, detail FROM audit ORDER BY id").fetchall()
    told = f"bash {approving.digest(CALL)[:12]}"
    assert recorded == [("slack:T1/U1", "allow_call", told), ("slack:T1/U2", "allow_call", told)]
    assert asked.ended(db, 0, 1_000, 9) == []  # nothing is to be said of what is decided


def test_one_refusal_refuses_also_of_who_said_yes_before(db: Statements) -> None:
    say(db, "U1")
    event, votes = say(db, "U1", "Deny")
    assert (votes.decided, event.by, event.digest) == (True, "", "")


def test_who_lost_the_right_meanwhile_counts_no_more_nor_does_the_yes_they_gave(db: Statements) -> None:
    say(db, "U1")
    event, votes = say(db, "U2", by=config("U2", "U3"))
    assert votes == Votes(("U2",), "u2", 2, decided=False)
    for value in ("Allow", "Deny"):
        event, votes = say(db, "U1", value, by=config("U2", "U3"))
        assert (votes.open(event).verdict, votes.open(event).reason) == (Verdict.DECLINED, NO_MORE)
    denied = "INSERT INTO users (channel_type, workspace_id, user_id, standing, seen_at) VALUES ('slack', '', 'U2', 'denied', 1)"
    db.execute(denied)
    assert say(db, "U3", by=config("U2", "U3"))[1] == Votes(("U3",), "u3", 2, decided=False)


def test_a_crash_between_two_votes_keeps_the_first(db: Statements, tmp_path: Path) -> None:
    say(db, "U1")
    again = open_host_db(tmp_path / "host.db")
    assert say(again, "U3")[1] == Votes(("U1", "U3"), "u1, u3", 2)
    again.close()


# ── in advance ───────────────────────────────────────────────────────────────────────────────────────────

FOR_AN_HOUR = 3_600_000


def put(
    db: Statements,
    by: Config,
    *,
    key: str = "q2",
    session: str = "s1",
    audience: tuple[str, ...] = ("U1", "U2"),
    now: int = 9,
) -> Votes:
    terms = Terms(now + 100, 2, "bash", approving.spelled("bash", {"command": key}))
    asking = Asking(f"row-{key}", key, session, "default", HERE, audience, terms)
    return approvals.in_advance(db, by, asking, now)


def lasting(*people: str, seconds: int = 3_600) -> Config:
    options = {"approvers": [f"slack:{person}" for person in people], "grant_within": seconds}
    return Config.model_validate({"agents": {"default": {"options": options}}})


def test_a_yes_in_advance_counts_where_it_was_given_for_as_long_as_that_was_said(db: Statements) -> None:
    by = lasting("U1", "U2")
    event, votes = say(
        db, "U1", "Allow here for 8 hours", by=by
    )  # as the card said; what holds now is shorter
    assert (votes.by, votes.decided, event.value) == (("U1",), False, "Allow")
    assert put(db, by, session="s2") == Votes(needed=2, decided=False)
    assert put(db, by, now=2 + FOR_AN_HOUR, key="q3") == Votes(needed=2, decided=False)
    assert put(db, by) == Votes(("U1",), "u1", 2, decided=False)
    assert put(db, by, now=2 + FOR_AN_HOUR) == Votes(
        ("U1",), "u1", 2, decided=False
    )  # a crash: counted is counted


def test_enough_of_them_is_an_answer_and_each_is_in_the_audit_once(db: Statements) -> None:
    by = lasting("U1", "U2")
    say(db, "U1", "Allow everywhere for 1 hour", by=by)
    say(db, "U2", "Allow here for 1 hour", by=by)
    for _ in range(2):
        assert put(db, by) == Votes(("U1", "U2"), "u1, u2", 2)
    assert asked.ended(db, 0, 1_000_000, 9) == []
    done = [str(action) for (action,) in db.execute("SELECT action FROM audit ORDER BY id").fetchall()]
    assert done == ["allow_call", "grant", "allow_call", "grant", "allow_call", "allow_call"]


@pytest.mark.parametrize(
    ("by", "audience"),
    [
        (lasting("U1", "U2"), ("U2", "U3")),  # such as where whoever asks does not count
        (lasting("U2", "U3"), ("U1", "U2")),  # taken off the list meanwhile
        (lasting("U1", "U2", seconds=0), ("U1", "U2")),  # switched off meanwhile
    ],
)
def test_it_brings_nobody_in_who_may_not_answer_this_very_question(
    db: Statements, by: Config, audience: tuple[str, ...]
) -> None:
    say(db, "U1", "Allow everywhere for 1 hour", by=lasting("U1", "U2"))
    assert put(db, by, audience=audience) == Votes(needed=2, decided=False)


def test_a_grant_is_seen_where_it_counts_and_taken_back_by_its_giver_an_approver_or_an_owner(
    db: Statements,
) -> None:
    by = lasting("U1", "U2")
    say(db, "U1", "Allow everywhere for 1 hour", by=by)
    there, other = HERE._replace(platform_id="C2", thread_id=""), HERE._replace(workspace_id="T2")
    zone = ZoneInfo("UTC")
    assert "`bash` of default everywhere, by u1, until 1970-01-01 01:00:00" in granting.listed(
        db, by, Viewer(Author("U9", "x"), there), zone, 3
    )
    assert granting.listed(db, by, Viewer(Author("U9", "x"), other), zone, 3) == granting.NONE
    with pytest.raises(Forbidden, match="Only who gave it"):
        granting.revoke(db, by, Viewer(Author("U9", "x"), there), 1, 3)
    with pytest.raises(Forbidden, match="no such permission"):
        granting.revoke(db, by, Viewer(Author("U2", "x"), other), 1, 3)
    with pytest.raises(Forbidden, match="no such permission"):  # another person, with the giver's id
        granting.revoke(db, by, Viewer(Author("U1", "u1"), other), 1, 3)
    assert "Taken back" in granting.revoke(db, by, Viewer(Author("U2", "x"), there), 1, 3)
    assert put(db, by) == Votes(needed=2, decided=False)
    with pytest.raises(Forbidden, match="no such permission"):
        granting.revoke(db, by, Viewer(Author("U1", "x"), there), 1, 3)
    assert granting.meant(" Revoke #12 ") == 12
    with pytest.raises(Forbidden, match="takes number 2 back"):
        granting.meant("revoke all")


@pytest.mark.parametrize(
    ("seconds", "words"), [(28_800, "8 hours"), (86_400, "1 day"), (5_400, "90 minutes"), (61, "61 seconds")]
)
def test_how_long_is_said_in_whole_units(seconds: int, words: str) -> None:
    assert grants.offered(seconds) == (f"Allow here for {words}", f"Allow everywhere for {words}")
    assert grants.offered(0) == ()
