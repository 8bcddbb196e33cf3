"""What owners decided about channels, as host.db keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from host.governance import rules
from host.ports.controls import ChannelRules
from host.ports.events import Author, Viewer
from host.registry import forgetting
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
    shown = replace(limited, work="none", bill=True)
    assert rules.change(connection, OLGA, HERE, shown, 7) == 3
    assert rules.of_channel(connection, HERE) == rules.version(connection, HERE, 3) == shown
    row = (
        *HERE[:3],
        4,
        5,
        "slack:U9",
        "Olga",
        "[0]",
        f'{BEFORE_EFFORT[:-1]}, "low", ["memory"], ["U1"], []]',
    )
    connection.execute("INSERT INTO channel_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    unshown = replace(older, effort="low", tools=("memory",), askers=("U1",))
    assert rules.version(connection, HERE, 4) == unshown
    connection.execute("DELETE FROM channel_versions WHERE version > 2")
    rules.put(connection, HERE, limited)
    [newest, first] = rules.versions(connection, HERE)
    assert (newest.before, newest.after, first.before) == (older, limited, ChannelRules())
    assert rules.of_channel(connection, HERE) == limited
    connection.close()


def test_whoever_is_forgotten_is_in_no_list_of_a_channel_and_nobody_gets_in_by_that(tmp_path: Path) -> None:
    connection = open_host_db(tmp_path / "host.db")
    there, elsewhere = HERE._replace(platform_id="C2"), Address("discord", "T1", "C1")
    both = ChannelRules("default", "always", askers=("U1", "U12"), keepers=("U1",))
    alone = replace(both, askers=("U1",), keepers=("U9", "U1"))
    for place, held in ((HERE, both), (there, alone), (elsewhere, both)):
        rules.change(connection, OLGA, place, held, 5)
    rules.change(connection, OLGA, there, replace(alone, askers=("U12",)), 6)
    rules.change(connection, OLGA, there, alone, 7)
    forgetting.erase(connection, forgetting.Person("slack", "U1"), "mark")
    assert rules.of_channel(connection, HERE) == replace(both, askers=("U12",), keepers=(), version=1)
    # An empty list would be everybody: nobody is answered there until an owner says who is, whatever version holds again.
    closed = replace(alone, engage="off", askers=(), keepers=("U9",))
    assert rules.of_channel(connection, there) == replace(closed, version=3)
    assert rules.version(connection, there, 1) == replace(closed, version=1)
    assert rules.version(connection, there, 2) == replace(alone, askers=("U12",), keepers=("U9",), version=2)
    assert rules.of_channel(connection, elsewhere) == replace(both, version=1)
    connection.close()
