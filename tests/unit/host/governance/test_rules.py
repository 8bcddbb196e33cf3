"""What owners decided about channels, as host.db keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from host.governance import rules
from host.ports.controls import ChannelRules
from host.ports.events import Author, Viewer
from host.registry.db import open_host_db
from sessiondb import Address

HERE = Address("slack", "T1", "C1")
OLGA = Viewer(Author("U9", "Olga"), HERE, "public")
BEFORE_EFFORT = '[1, "default", "always", 2500000, "claude-opus-5-5", "Numbers first"]'


def test_a_version_from_before_there_were_limits_reads_as_one_without(tmp_path: Path) -> None:
    connection = open_host_db(tmp_path / "host.db")
    row = (*HERE[:3], 1, 5, "slack:U9", "Olga", '[0, "", "", -1, "", ""]', BEFORE_EFFORT)
    connection.execute("INSERT INTO channel_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    older = ChannelRules("default", "always", 2.5, "claude-opus-5-5", "Numbers first")
    assert rules.version(connection, HERE, 1) == older
    limited = replace(older, effort="low", tools=("memory", "mcp:my wiki"), askers=("U1",), keepers=("U9",))
    rules.put(connection, HERE, older)
    assert rules.change(connection, OLGA, HERE, limited, 6) == 2
    [newest, first] = rules.versions(connection, HERE)
    assert (newest.before, newest.after, first.before) == (older, limited, ChannelRules())
    assert rules.of_channel(connection, HERE) == limited
    connection.close()
