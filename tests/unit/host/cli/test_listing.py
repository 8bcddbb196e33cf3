"""Lists for people: short ids, names, times, and never wider than the terminal."""

from __future__ import annotations

import io
import json
from importlib import resources
from zoneinfo import ZoneInfo

import apsw
import pytest
from rich.text import Text

from host.cli import listing
from host.controls import naming
from host.controls.naming import Names
from host.ports import printing
from host.ports.printing import SafeConsole
from host.registry import places
from host.registry.sessions import scope_name
from sessiondb import Address


def schema(name: str) -> str:
    return resources.files("host.registry").joinpath("schema", name).read_text("utf-8")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    out = io.StringIO()
    monkeypatch.setattr(listing, "_out", SafeConsole(file=out, width=80))
    return out


def test_an_id_is_as_long_as_it_takes_to_tell_it_from_every_other() -> None:
    ids = ["s1234567890", "s1234567abc", "s9"]
    short = listing.shortened(ids, [*ids, "s12345678ff"])
    assert short == {"s1234567890": "s123456789", "s1234567abc": "s1234567a", "s9": "s9"}
    for id_ in ids:
        assert [other for other in [*ids, "s12345678ff"] if other.startswith(short[id_])] == [id_]


def test_a_row_that_is_too_long_gives_way_where_words_are_and_never_in_its_id(screen: io.StringIO) -> None:
    listing.table(
        ["session", "where", "title", "last", "state"],
        [
            [
                "s1234567",
                "#a-channel-with-quite-a-long-name, Slack",
                "a title " * 20,
                "12 min",
                Text("cannot start"),
            ],
            ["s7654321", "#b", "問題" * 40, "now", "idle"],
        ],
    )
    lines = screen.getvalue().splitlines()
    assert all(Text(line).cell_len <= 80 for line in lines)
    assert len(lines) == 3
    assert "…" in lines[1]
    assert lines[1].startswith("s1234567")
    assert lines[1].rstrip().endswith("cannot start")
    assert "12 min" in lines[1]


def test_numbers_stand_to_the_right(screen: io.StringIO) -> None:
    listing.table(["where", "cost"], [["a", "$1.00"], ["b", "$100.00"]], right=["cost"])
    assert [line.rstrip() for line in screen.getvalue().splitlines()] == [
        "where     cost",
        "a        $1.00",
        "b      $100.00",
    ]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (0, "now"),
        (4_999, "now"),
        (30_000, "30 s"),
        (61_000, "1 min"),
        (7_300_000, "2 h"),
        (3 * 86_400_000, "3 d"),
    ],
)
def test_how_long_ago(before: int, said: str) -> None:
    assert naming.ago(10_000_000_000 - before, 10_000_000_000) == said
    assert naming.ago(0, 1) == ""


def test_a_moment_is_shown_in_the_host_s_zone_and_in_utc_for_programs() -> None:
    at = 1_764_547_200_000
    assert listing.clock(at, ZoneInfo("Asia/Tokyo")) == "2025-12-01 09:00"
    assert listing.iso(at) == "2025-12-01T00:00:00Z"
    assert (listing.clock(0, ZoneInfo("UTC")), listing.iso(0)) == ("", "")


def test_people_and_places_have_names_where_the_records_know_them() -> None:
    registry = apsw.Connection(":memory:")
    registry.execute("CREATE TABLE users (channel_type, workspace_id, user_id, name, seen_at)")
    registry.execute(
        "INSERT INTO users VALUES ('slack', 'T1', 'U1', 'Ana *Lima*', 1), ('slack', 'T1', 'U2', '', 2)"
    )
    registry.execute(schema("host_0007.sql"))
    places.call(registry, Address("slack", "T1", "C7"), "general\n")
    names = Names(registry)
    assert names.place(Address("slack", "T1", "C7", "17.5")) == "#general, Slack, thread"
    assert names.person("slack", "U1") == "Ana Lima"
    assert names.person("slack", "U2") == "U2"
    dm = Address("slack", "T1", "D1")
    assert names.place(dm, scope_name("dm", dm, "U1")) == "Ana Lima, Slack"
    assert names.place(Address("slack", "T1", "C1")) == "C1, Slack"
    assert names.place(Address("discord", "1", "2", "3")) == "2, Discord, thread"
    assert names.place(Address("console", "local", "main")) == "main, terminal"
    assert names.place(Address("slack", "T1", "C1", "task:t1")) == "C1, Slack (a task)"


def test_what_people_call_themselves_drives_no_terminal(screen: io.StringIO) -> None:
    odd = "ev\x1b[2J\x1b]0;owned\x07e\u202e\x9b2K"
    listing.say(f"{odd} in #general", "bold")
    listing.table(["who", "title"], [[odd, odd]])
    listing.show(Text(odd))
    assert not set("\x1b\x07\u202e\x9b") & set(screen.getvalue())
    assert screen.getvalue().count("ev[2J") == 4


def test_what_goes_to_programs_too_keeps_what_is_odd_as_json_writes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    odd = {"who": "ev\x1b[2J\x9b2K\u202e\u2028é\t"}
    listing.say_json(odd)
    shown = capsys.readouterr().out
    assert json.loads(shown) == odd
    assert not set("\x1b\x9b\u202e\u2028") & set(shown)
    assert "é" in shown
    assert printing.escaped("a\tb\x1b]52;c;x\x07\n") == "a\tb\\u001b]52;c;x\\u0007\n"
