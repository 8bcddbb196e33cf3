"""The look at statements itself: what it must find, and what it must let pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from host.mailbox.inbound import InboundWriter
from tests.support import statements
from tests.support.statements import Made, Plans, Trace, never_run


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plans]:
    made = Plans(tmp_path_factory.mktemp("plans"))
    yield made
    made.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM messages_in WHERE author_id = ?",
        "SELECT 1 FROM messages_in AS m WHERE m.author_id = ?",
        "SELECT count(*) FROM inbox",
        "SELECT seq FROM delivered WHERE in_reply_to = ?",  # its index is for what answers something
        "SELECT seq FROM delivered INDEXED BY delivered_answer WHERE in_reply_to <> ''",
        "UPDATE messages_out SET content = '' WHERE kind = 'chat'",
        "DELETE FROM ledger WHERE error <> ''",
        "INSERT INTO meta SELECT id, state FROM inbox",
        "SELECT 1 FROM sessions WHERE id = ? AND EXISTS (SELECT 1 FROM notices WHERE error = sessions.agent)",
        "DELETE FROM ledger WHERE session_id = ? AND seq = 1; SELECT * FROM ledger WHERE error = 'x'",
    ],
)
def test_what_reads_a_table_that_grows_from_end_to_end_is_found(plans: Plans, sql: str) -> None:
    assert plans.scans(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM messages_in WHERE id = ?",
        "SELECT * FROM messages_in AS m WHERE m.id = :id",
        "SELECT seq FROM delivered WHERE in_reply_to = ? AND in_reply_to <> ''",
        "SELECT min(seq) FROM delivered WHERE state IN ('pending', 'sending', 'unknown')",
        "SELECT max(seq) FROM messages_in",
        "SELECT * FROM destinations",
        "SELECT id FROM sessions WHERE busy = 1",
        "SELECT value FROM json_each(?)",
        "BEGIN IMMEDIATE",
        "SELECT 1 FROM no_such_table",
        "no statement at all",
    ],
)
def test_what_finds_its_rows_or_reads_little_passes(plans: Plans, sql: str) -> None:
    assert plans.scans(sql) == []


def test_a_statement_counts_for_every_line_of_ours_that_leads_to_it(tmp_path: Path) -> None:
    trace = Trace()
    trace.begin()
    try:
        writer = InboundWriter(tmp_path / "inbound.db", lambda: 1)
    finally:
        apsw.connection_hooks.pop()
    trace.clear()
    writer.message("m")
    writer.close()
    places = {(made.path, made.line) for made in trace.seen}
    assert len(places) == 3  # who knows the condition, the columns, the connection
    assert {path for path, _ in places} == {"host/mailbox/inbound.py", "host/mailbox/transactions.py"}
    assert {made.sql for made in trace.seen} == {
        made.sql for made in trace.seen if "WHERE id = ?" in made.sql
    }


def test_what_a_test_makes_itself_counts_for_nobody_and_what_another_process_made_counts_here() -> None:
    trace = Trace()
    trace.begin()
    try:
        apsw.Connection(":memory:").execute("SELECT 1")
    finally:
        apsw.connection_hooks.pop()
    assert trace.seen == set()
    told = Made("host/app.py", 1, "SELECT 1")
    trace.hear([told])
    assert trace.seen == {told}


def test_a_line_that_makes_a_statement_and_did_not_is_named() -> None:
    missing = never_run([])
    assert any(site.startswith("host/mailbox/inbound.py:") for site in missing)
    assert any(site.startswith("sessiondb/connection.py:") for site in missing)
    path, line = missing[0].rsplit(":", 1)
    assert missing[0] not in never_run([Made(path, int(line), "SELECT 1")])


def test_what_may_read_everything_is_named_with_its_reason() -> None:
    assert all(len(reason) > 10 for reason in [*statements.EXEMPT.values(), *statements.RARE.values()])
    forgetting, carrier = "host/registry/forgetting.py:91", "host/registry/db.py:184"
    assert statements.is_rare([forgetting, carrier])
    assert not statements.is_rare([forgetting, carrier, "host/intake/inbox.py:42"])
    assert not statements.is_rare([carrier])
    assert all((statements.ROOT / path).is_file() for path in (*statements.CARRIERS, *statements.RARE))
