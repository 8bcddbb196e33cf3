"""The page on security promises what the code has: each number is the code's, and each test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bots.slack.reading import saying
from host.config import Runner
from host.controls import anew
from host.delivery import losses, room
from host.delivery import pace as reading_pace
from host.gateway import egress, front, readers, reading, remotes, server
from host.mailbox import bounds
from host.ports import door, strangers
from host.runners import pace, quota
from host.webhooks import places

ROOT = Path(__file__).resolve().parents[2]
PAGE = " ".join((ROOT / "docs" / "security.md").read_text("utf-8").split())
MIB = 1024 * 1024
WORDS = {
    1.0: "second",
    2: "two",
    2_000_000: "two million",
    4_000_000: "four million",
    4: "four",
    5.0: "five",
    8: "eight",
    10.0: "ten",
    60: "sixty",
    1_000: "thousand",
    20: "twenty",
}


@pytest.mark.parametrize(
    "promise",
    [
        # of the gateway
        f"for {front.CONNECTIONS_AT_A_TIME} connections at a time",
        f"killed after {readers.DEADLINE:.0f} s and replaced",
        f"more than {reading.MOST_VALUES:,} values is refused",
        f"the bodies of all share {readers.ROOM // MIB} MiB",
        f"a body has {server.BODY_DEADLINE:.0f} s to arrive",
        f"a rate of {WORDS[readers.PER_SECOND]} a second after {WORDS[readers.BURST]} in a row",
        f"at most {remotes.LARGEST_REQUEST // MIB} MiB to a server and {remotes.LARGEST_ANSWER // MIB} MiB from it",
        f"{remotes.REQUESTS_AT_A_TIME} requests at a time",
        f"a session has {egress.TUNNELS_AT_A_TIME} at a time",
        # of the disk
        f"The quota is measured every {WORDS[quota.LOOK_EVERY]} seconds",
        f"every {WORDS[quota.SELDOM / 60]} minutes at least",
        f"has lost {quota.FILLED_BY // MIB} MiB or a {WORDS[quota.FILLED_BY_FILES]} files",
        f"| {pace.AT_ONCE // MIB} MiB that it may write at once",
        f"paused for up to {WORDS[pace.MOST_HELD]} seconds",
        f"({WORDS[int(pace.SELDOM)]} seconds from a quiet disk",
        # of what crosses the boundary back
        f"the newest {WORDS[bounds.KEPT_NOTES]} are kept (a long note counts as many, {bounds.A_PLACE:,} bytes a place)",
        f"with {bounds.MOST_UNREAD} notes unread",
        f"{WORDS[bounds.MOST_UNREAD_BYTES].capitalize()} bytes unread",
        f"a note has no more than {bounds.LONGEST_NOTE:,} characters",
        f"a {WORDS[room.MOST_CHUNKS]} chunks of a session or {WORDS[room.MOST_WEIGHT]} bytes",
        f"{room.MOST_OF_ALL // 1_000_000} million of all sessions",
        f"a page of {reading_pace.AT_ONCE // 1_000_000} MB at once",
        f"read at {WORDS[reading_pace.OF_ALL]} bytes a second",
        f"counts as {reading_pace.A_ROW:,}",
        f"A session of which {losses.MOST_REFUSED:,} rows are none",
        f"{saying.MOST_READ:,} characters are read",
        # of what comes from other programs, and of people
        f"{WORDS[strangers.MOST]} at once and then one in three seconds",
        f"{door.CONNECTIONS_OF_A_PEER} of them for one peer",
        f"share all {door.CONNECTIONS}",
        f"Of the {WORDS[places.AT_A_TIME]} places of a hook",
        f"nothing is told within {WORDS[anew.LONGEST]} seconds, or beyond the {WORDS[anew.MOST_CHANNELS]}th",
    ],
)
def test_a_number_of_the_page_is_the_codes(promise: str) -> None:
    assert promise in PAGE


def test_what_all_may_write_is_as_the_decision_says() -> None:
    settings = (ROOT / "docs" / "settings.md").read_text("utf-8")

    assert f"| MiB/s | `{Runner().written_mb_s}` |" in settings
    assert f"each may write {pace.AT_ONCE // MIB} MiB at once" in settings


def test_each_test_that_the_page_names_is_there_and_each_attack_has_its_line() -> None:
    named = {Path(path).name for path in re.findall(r"`([a-z_/]*test_[a-z_0-9]+\.py)`", PAGE)}
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}

    assert len(named) > 30
    assert named <= there
    attacks = {path.name for path in (ROOT / "tests" / "hostile").glob("test_*.py")}
    assert attacks <= named
