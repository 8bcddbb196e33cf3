"""The list of conversations is read by key: each is on one page, however many have the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.controls import conversations
from host.registry import sessions
from host.registry.db import open_host_db
from sessiondb import Address


def test_pages_by_key_hold_each_conversation_once(tmp_path: Path) -> None:
    connection = open_host_db(tmp_path / "host.db")
    try:
        made = [
            sessions.upsert(connection, "default", Address("memory", "w", f"c{number}"), "s", number // 3)
            for number in range(20)
        ]
        found: list[str] = []
        before = None
        while rows := conversations.latest(connection, tmp_path, 4, before, runs=True):
            found += [row.id for row in rows]
            before = conversations.place_in(conversations.key_of(rows[-1]))
            assert before is not None
        assert sorted(found) == sorted(made)
        everything = conversations.latest(connection, tmp_path, -1, runs=True)
        assert [row.id for row in everything] == found
        assert [row.active_at for row in everything] == sorted((n // 3 for n in range(20)), reverse=True)
        none = conversations.latest(connection, tmp_path, 4, where=("scope = ?", ("other",)), runs=True)
        assert none == []
    finally:
        connection.close()


@pytest.mark.parametrize(
    "key", ["", "x", "1-", "1-sx", "-1-s" + "0" * 20, "1" * 19 + "-s" + "0" * 20, "١-s" + "0" * 20]
)
def test_what_is_no_place_in_the_list_is_its_beginning(key: str) -> None:
    assert conversations.place_in(key) is None
