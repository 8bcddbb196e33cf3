"""Channels by the names people call them."""

from __future__ import annotations

from pathlib import Path

from host.registry import places
from host.registry.db import open_host_db
from sessiondb import Address

GENERAL = Address("slack", "T1", "C1")


def test_a_channel_is_called_as_it_was_last_told_and_what_did_not_change_is_not_written(
    tmp_path: Path,
) -> None:
    registry = open_host_db(tmp_path / "host.db")
    assert places.called(registry, GENERAL) == ""
    places.call(registry, GENERAL, "general")
    assert places.called(registry, GENERAL._replace(thread_id="17.5")) == "general"
    before = registry.total_changes()
    places.call(registry, GENERAL, " general ")
    places.call(registry, GENERAL, "")
    assert registry.total_changes() == before
    places.call(registry, GENERAL, "town\nhall" + "x" * 200)
    assert places.called(registry, GENERAL) == ("town hall" + "x" * 200)[:100]
    assert places.called(registry, GENERAL._replace(workspace_id="T2")) == ""
    registry.close()
