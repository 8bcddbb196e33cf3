"""Whose words whoever runs the host may read: those of public channels and of its own terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.config import Access
from host.governance import sight
from host.ports.events import Author, Privacy, Viewer
from host.registry import sessions
from host.registry.db import open_host_db
from host.registry.sessions import scope_name
from sessiondb import Address


@pytest.mark.parametrize(
    ("address", "privacy", "common"),
    [
        (Address("slack", "T1", "C1"), "public", True),
        (Address("discord", "1", "2", "3"), "public", True),
        (Address("slack", "T1", "C1"), "private", False),
        (Address("slack", "T1", "D1"), "dm", False),
        (Address("discord", "", "2"), "dm", False),
        (Address("console", "local", "you"), "dm", True),
    ],
)
def test_what_is_common_is_public_or_of_the_terminal(
    address: Address, privacy: Privacy, common: bool
) -> None:
    assert sight.is_common(address, scope_name(privacy, address, "U1")) is common


@pytest.mark.parametrize(
    "scope", ["", "public", "slack-T1-public", "slack-T2-public-0a1b2c3d", "slack-T1-private-public"]
)
def test_a_scope_that_only_looks_public_is_not(scope: str) -> None:
    assert not sight.is_common(Address("slack", "T1", "C1"), scope)


def test_the_public_scope_of_another_workspace_is_not_this_ones() -> None:
    other = scope_name("public", Address("slack", "T2", "C1"), "")
    assert not sight.is_common(Address("slack", "T1", "C1"), other)


def test_an_owner_of_one_workspace_sees_all_of_it_and_nothing_of_another(tmp_path: Path) -> None:
    connection = open_host_db(tmp_path / "host.db")
    try:
        here, there = Address("slack", "T1", "C1"), Address("slack", "T2", "C1")
        for place in (here, there):
            sessions.upsert(connection, "default", place, scope_name("private", place, ""), 1)
        rules = Access(owners=("slack:T1/U1", "slack:U2"))
        apart, whole = (
            sight.of(connection, rules, Viewer(Author(user), here, "dm")) for user in ("U1", "U2")
        )
        for seen, both in ((apart, False), (whole, True)):
            assert (seen.owner, seen.everything) == (True, both)
            assert seen.sees("any scope", here)
            assert seen.sees("any scope", there) is both
            assert seen.sees_channel(connection, there) is both
            condition, bindings = seen.where("sessions")
            found = connection.execute(
                f"SELECT workspace_id FROM sessions WHERE {condition} ORDER BY 1", bindings
            )
            assert [row[0] for row in found.fetchall()] == (["T1", "T2"] if both else ["T1"])
    finally:
        connection.close()
