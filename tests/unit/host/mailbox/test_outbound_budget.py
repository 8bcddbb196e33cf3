"""What a look at outbound.db may cost is counted in work, not in time: a slow disk is nobody's fault."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from host.mailbox import outbound
from host.mailbox.outbound import OutboundReader
from sessiondb import SessionFolder, content
from sessiondb.errors import Damaged
from tests.support.attacks import Target, database, insert

ROWS = 24
STALL = 0.05  # s that each read of the disk takes
QUERY = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def target(tmp_path: Path) -> Target:
    folder = SessionFolder(tmp_path / "session")
    for made in (folder.outbound, folder.outbound_files):
        made.mkdir(parents=True, exist_ok=True)
    found = Target(folder, "m1", folder, "m1")
    with database(found) as connection, connection:
        for number in range(ROWS):
            body = content.encode(content.Text(f"{number} " + "x" * 8_000))
            insert(connection, found, 2 * number + 1, f"r{number}", content=body)
    return found


def test_a_disk_that_takes_seconds_for_a_page_of_rows_makes_no_honest_session_a_damaged_one(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, real = [0], os.pread

    def slow(descriptor: int, amount: int, offset: int) -> bytes:
        reads[0] += 1
        threading.Event().wait(STALL)
        return real(descriptor, amount, offset)

    monkeypatch.setattr(os, "pread", slow)
    reader = OutboundReader(target.folder.outbound_db)
    began = time.monotonic()
    try:
        page = reader.rows_after(0)
    finally:
        reader.close()
    assert reads[0] * STALL > outbound.QUERY_BUDGET, "the disk was slower than the budget"
    assert time.monotonic() - began > outbound.QUERY_BUDGET
    assert [type(row).__name__ for row in page.rows] == ["Accepted"] * ROWS


def test_rows_that_wait_come_in_portions_and_a_flood_of_them_is_no_conversation(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "ROWS_PER_READ", 10)
    reader = OutboundReader(target.folder.outbound_db)
    try:
        first = reader.rows_after(0)
        assert (len(first.rows), first.more) == (10, True)
        last = reader.rows_after(2 * ROWS - 9)
        assert (len(last.rows), last.more) == (4, False)
        monkeypatch.setattr(outbound, "MOST_UNREAD", ROWS - 1)
        with pytest.raises(Damaged, match=f"more than {ROWS - 1} rows wait"):
            reader.rows_after(0)
        assert reader.rows_after(1).more  # one fewer than that
    finally:
        reader.close()


def test_work_without_an_end_is_interrupted_and_the_next_look_has_its_whole_budget_again(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "QUERY_BUDGET", 0.05)
    reader = OutboundReader(target.folder.outbound_db)
    try:
        for _ in range(2):
            with pytest.raises(Damaged, match="took too long"), reader._snapshot():
                reader._connection.execute(QUERY).fetchall()
        assert len(reader.rows_after(0).rows) == ROWS
    finally:
        reader.close()
