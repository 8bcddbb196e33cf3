"""What a person said of themselves, and what owners decided about them, among what is known of one workspace and of all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from host.governance import access
from host.registry import zones
from host.registry.db import open_host_db
from sessiondb import Address

HERE, ELSEWHERE = Address("slack", "T1", "C1"), Address("slack", "T2", "C1")
ADA = "U1"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = open_host_db(tmp_path / "host.db")
    yield connection
    connection.close()


def known(records: apsw.Connection, workspace: str, *, zone: str = "", standing: str = "") -> None:
    records.execute(
        "INSERT INTO users (channel_type, workspace_id, user_id, zone, standing, seen_at) VALUES ('slack', ?, ?, ?, ?, 1)",
        (workspace, ADA, zone, standing),
    )


def test_the_zone_that_somebody_said_is_theirs_counts_before_what_a_workspace_tells(
    records: apsw.Connection,
) -> None:
    assert zones.of(records, HERE, ADA) == ""
    known(records, "T1", zone="Europe/Berlin")
    assert (zones.of(records, HERE, ADA), zones.of(records, ELSEWHERE, ADA)) == ("Europe/Berlin", "")
    zones.keep(records, HERE, ADA, "Ada", "Asia/Tokyo", 2)
    assert (zones.of(records, HERE, ADA), zones.of(records, ELSEWHERE, ADA)) == ("Asia/Tokyo", "Asia/Tokyo")
    assert zones.of(records, HERE, "U2") == ""


def test_what_was_decided_for_a_workspace_counts_there_before_what_was_decided_for_all(
    records: apsw.Connection,
) -> None:
    assert access.standing_of(records, HERE, ADA) == ""
    known(records, "", standing="denied")
    known(records, "T1", standing="allowed")
    known(records, "T3")
    assert access.standing_of(records, HERE, ADA) == "allowed"
    assert access.standing_of(records, ELSEWHERE, ADA) == "denied"
    assert access.standing_of(records, HERE._replace(workspace_id="T3"), ADA) == "denied"
