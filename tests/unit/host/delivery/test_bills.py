"""What an answer took, from what host.db knows of its turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.delivery import bills
from host.delivery.bills import Bill
from host.governance import rules
from host.mailbox.rows import Parcel
from host.ports.controls import ChannelRules
from host.registry.db import open_host_db
from host.registry.port import Statements
from host.words import as_it_is
from sessiondb.records import Address

HERE = Address("slack", "T1", "C1", "1.5")
CENTS = 10_000


class Books:
    """What arrived and what was called for it, at which second."""

    def __init__(self, connection: Statements) -> None:
        self.connection = connection

    def arrives(self, message: str, at: int) -> None:
        self.connection.execute(
            "INSERT INTO inbox (key, message_id, state, session_id, event, received_at) VALUES (?, ?, 'stored', 's', '{}', ?)",
            (f"k-{message}", message, at * 1000),
        )

    def called(self, message: str, at: int, cents: int, session: str = "s") -> None:
        self.connection.execute(
            "INSERT INTO usage (session_id, agent, user_id, task_id, model, day, made_at, input_tokens, output_tokens,"
            " cache_write_tokens, cache_read_tokens, web_searches, cost, estimated, message_id)"
            " VALUES (?, 'a', '', '', 'm', 1, ?, 0, 0, 0, 0, 0, ?, 0, ?)",
            (session, at * 1000, cents * CENTS, message),
        )

    def calls(self, message: str, at: int) -> None:
        self.connection.execute(
            "INSERT INTO reservations (session_id, agent, user_id, task_id, model, day, made_at, cost, message_id)"
            " VALUES ('s', 'a', '', '', 'm', 1, ?, 99, ?)",
            (at * 1000, message),
        )

    def bill(self, message: str, at: int) -> Bill:
        parcel = Parcel("out", 0, 7, "k", "sending", HERE, json.dumps({}), message)
        return bills.of_answer(self.connection, "s", parcel, at * 1000)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    connection = open_host_db(tmp_path / "host.db")
    rules.put(connection, HERE, ChannelRules(bill=True))
    yield Books(connection)
    connection.close()


def test_an_answer_costs_the_calls_of_its_turn_and_takes_from_its_question_on(books: Books) -> None:
    books.arrives("early", 100)
    books.called("early", 101, 50)
    books.called("", 103, 7)  # a title, after the turn
    books.called("theirs", 104, 90, "another session")
    books.arrives("q", 110)
    books.called("q", 111, 2)
    books.called("q", 115, 3)
    assert books.bill("q", 122) == Bill(as_it_is("Took 12 s · $0.05"))


def test_a_turn_that_took_in_a_second_message_costs_what_was_called_since_the_first(books: Books) -> None:
    books.arrives("first", 100)
    books.called("first", 101, 4)
    books.arrives("second", 105)
    books.called("first", 106, 4)
    assert books.bill("second", 110) == Bill(as_it_is("Took 10 s · $0.08"))


def test_a_turn_without_a_call_does_not_pay_for_the_one_before(books: Books) -> None:
    books.arrives("early", 100)
    books.called("early", 101, 50)
    books.arrives("q", 110)
    assert books.bill("q", 112) == Bill(as_it_is("Took 2 s"))


def test_a_task_that_no_platform_brought_takes_from_its_first_call_on(books: Books) -> None:
    books.called("task", 100, 1)
    books.called("task", 130, 1)
    assert books.bill("task", 161) == Bill(as_it_is("Took 1 min 1 s · $0.02"))
    assert books.bill("one without calls", 170) == Bill(as_it_is(""))


def test_while_a_call_is_not_accounted_for_no_sum_is_said(books: Books) -> None:
    books.arrives("q", 100)
    books.called("q", 101, 1)
    books.calls("q", 102)
    assert books.bill("q", 104) == Bill(as_it_is("Took 4 s"), settled=False)


def test_a_channel_that_wants_none_gets_none(books: Books) -> None:
    books.arrives("q", 100)
    for held in (ChannelRules(engage="always"), ChannelRules()):
        rules.put(books.connection, HERE, held)
        assert books.bill("q", 104) == Bill(as_it_is(""))
