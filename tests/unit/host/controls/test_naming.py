"""What people are called: by the name that they have in their own workspace, where an id may be somebody else's in another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from host.controls.naming import Names
from host.registry import places
from host.registry.db import open_host_db
from host.registry.sessions import scope_name
from sessiondb import Address


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = open_host_db(tmp_path / "host.db")
    known = "INSERT INTO users (channel_type, workspace_id, user_id, name, seen_at) VALUES (?, ?, ?, ?, ?)"
    connection.executemany(
        known,
        [
            ("slack", "T1", "U1", "Ann", 1),
            ("slack", "T2", "U1", "Zoe", 2),
            ("slack", "T2", "U2", "Bob", 2),
            ("discord", "7", "1", "Ada", 1),
            ("discord", "8", "1", "Ada L.", 2),
        ],
    )
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("platform", "user", "workspace", "called"),
    [
        ("slack", "U1", "T1", "Ann"),
        ("slack", "U1", "T2", "Zoe"),
        ("slack", "T1/U1", "", "Ann"),
        ("slack", "T2/U1", "", "Zoe"),
        ("slack", "U2", "T1", "U2"),  # nobody of that name was heard there
        ("slack", "T1/U2", "", "U2"),
        ("slack", "U1", "", "Zoe"),  # it is not said where: as they were called last
        ("discord", "1", "7", "Ada L."),
        ("discord", "1", "", "Ada L."),
        ("discord", "2", "7", "2"),
    ],
)
def test_a_person_is_called_as_in_their_own_workspace(
    registry: apsw.Connection, platform: str, user: str, workspace: str, called: str
) -> None:
    assert Names(registry).person(platform, user, workspace) == called


def test_direct_messages_and_channels_are_called_by_whose_they_are(registry: apsw.Connection) -> None:
    names = Names(registry)
    for team, person in (("T1", "Ann"), ("T2", "Zoe")):
        direct = Address("slack", team, "D1")
        assert names.place(direct, scope_name("dm", direct, "U1")) == f"{person}, Slack"
        channel = Address("slack", team, "C1", "1.1")
        places.call(registry, channel, f"birds-{team.lower()}")
        assert names.place(channel) == f"#birds-{team.lower()}, Slack, thread"
