"""What people think of answers: the last choice counts, whatever order the clicks come in."""

from __future__ import annotations

import itertools
from pathlib import Path

import apsw
import pytest

from host.registry import judgements
from host.registry.db import open_host_db
from host.registry.judgements import Answer, Judgement
from sessiondb.records import Address

ANSWER = Answer("s1", "default", "opus", Address("slack", "T1", "C1", "1.2"), 1_000)
EVERYTHING = (20260101, 20261231)


@pytest.fixture
def connection(tmp_path: Path) -> apsw.Connection:
    made = open_host_db(tmp_path / "host.db")
    made.execute(
        "INSERT INTO sessions (id, agent, channel_type, workspace_id, platform_id, thread_id, scope, created_at, active_at)"
        " VALUES ('s1', 'default', 'slack', 'T1', 'C1', '1.2', 'slack-T1-public', 0, 0)"
    )
    return made


def put(connection: apsw.Connection, choice: str, at: int, user: str = "slack:U1", reason: str = "") -> str:
    return judgements.put(connection, Judgement("k1", user, choice, at, reason), ANSWER, 20261128)


def counted(connection: apsw.Connection, where: str = "1") -> list[tuple[str, str, int, int]]:
    return judgements.counts(connection, EVERYTHING, where, ())


@pytest.mark.parametrize(
    "order", list(itertools.permutations([("good", 10), ("bad", 20), ("good", 30), ("bad", 40)]))
)
def test_of_clicks_in_any_order_the_latest_by_the_platforms_clock_counts(
    connection: apsw.Connection, order: list[tuple[str, int]]
) -> None:
    for choice, at in order:
        put(connection, choice, at)
    assert counted(connection) == [("default", "opus", 0, 1)]


def test_what_is_told_again_is_no_new_choice_and_what_is_older_is_late(connection: apsw.Connection) -> None:
    said = [put(connection, *one) for one in (("good", 10), ("good", 10), ("good", 20), ("bad", 15))]
    assert said == ["new", "same", "same", "late"]
    assert put(connection, "bad", 30) == "new"


def test_a_reason_stays_with_its_choice_and_goes_with_it(connection: apsw.Connection) -> None:
    def reason() -> object:
        return connection.execute("SELECT reason FROM judgements").fetchall()[0][0]

    put(connection, "bad", 10)
    put(connection, "bad", 10, reason="too long")
    put(connection, "bad", 20)  # the toggle was pressed twice
    assert reason() == "too long"
    put(connection, "good", 30)
    assert reason() == ""


def test_people_count_once_each_and_only_where_one_may_look(connection: apsw.Connection) -> None:
    for user in ("slack:U1", "slack:U2", "discord:U1"):
        put(connection, "good", 10, user)
    assert counted(connection) == [("default", "opus", 3, 0)]
    assert counted(connection, "s.scope IN ('slack-T1-dm-U9')") == []


def test_what_is_old_is_forgotten_in_portions(connection: apsw.Connection) -> None:
    for number in range(5):
        put(connection, "good", number, f"slack:U{number}")
    assert [judgements.forget(connection, 4, 3) for _ in range(3)] == [3, 1, 0]
    assert counted(connection) == [("default", "opus", 1, 0)]


def test_an_answer_that_nobody_knows_is_none(connection: apsw.Connection) -> None:
    assert judgements.answer(connection, "k1") is None
