"""What the doctor says of workspaces that may install the app: who has it, who has not, and whose service has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.cli.looks import records
from host.config import Config, Slack, Web
from host.config.environment import SEAL_KEY
from host.folders.disk import ThreadDisk
from host.folders.seal import Seal
from host.mailbox import ledger
from host.mailbox.rows import Parcel
from host.ports.findings import Finding
from host.ports.installs import KEPT_FOR
from host.registry import notices
from host.registry.db import HostDB
from host.registry.installs import Installs
from host.registry.notices import Notice
from host.registry.port import Statements
from host.words import as_it_is
from sessiondb import Address

KEY = {SEAL_KEY: "a key that somebody chose"}


async def kept(folder: Path, *, removed: bool) -> None:
    """As a host leaves it: two workspaces have installed the app, and one of them may have removed it."""
    disk = ThreadDisk()
    db = await HostDB.open(folder / "host.db", disk)
    found = Installs(db, Seal(folder, KEY), "slack", lambda: 1_000)
    await found.keep("T1AVIARY", "Aviary", "xoxb-one")
    await found.keep("T2BARN", "Barn", "xoxb-two")
    if removed:
        await found.end("T2BARN", "the app was removed")
        await db.write(_still_to_be_said)
    await db.close()
    disk.close()


def _still_to_be_said(connection: Statements) -> None:
    """An answer in a thread there, and a notice in a channel; and what waits elsewhere under the same ids."""
    for team in ("T1AVIARY", "T2BARN"):
        connection.execute(
            "INSERT INTO sessions (id, agent, channel_type, workspace_id, platform_id, thread_id, scope, created_at, active_at)"
            " VALUES (?, 'default', 'slack', ?, 'C1', '1.0', 'x', 1, 1)",
            (f"s{team}", team),
        )
        parcel = Parcel("m1", 0, 1, f"k{team}", "pending", Address("slack", team, "C1", "1.0"), "{}")
        ledger.put(connection, f"s{team}", [parcel], 1)
        notices.add(connection, Notice(f"about-{team}", Address("slack", team, "C1"), as_it_is("text")), 1)


def told(folder: Path, *teams: str, now: int = 2_000) -> list[Finding]:
    config = Config(
        data=folder, slack=Slack(installs=teams), web=Web(public_url="https://dovecote.example.com")
    )
    seen = records.look(config, folder, now, before_start=False)
    return [finding for finding in seen.findings if finding.what == records.INSTALLED]


async def test_who_has_the_app_and_who_has_not_yet_is_one_line(tmp_path: Path) -> None:
    where = "may install the app at https://dovecote.example.com/slack/install, and has not yet"
    [nobody] = told(tmp_path, "T3COOP")
    assert (nobody.well, nobody.seen) == (True, f"T3COOP {where}")
    await kept(tmp_path, removed=False)
    [line] = told(tmp_path, "T1AVIARY", "T2BARN", "T3COOP")
    assert (line.well, line.seen) == (
        True,
        f"installed in Aviary (T1AVIARY), Barn (T2BARN); T3COOP {where}",
    )


async def test_one_that_removed_the_app_is_said_with_what_waits_and_what_to_do(tmp_path: Path) -> None:
    await kept(tmp_path, removed=True)
    there, gone = told(tmp_path, "T1AVIARY", "T2BARN")
    assert there.seen == "installed in Aviary (T1AVIARY)"
    assert not gone.well
    assert not gone.stops, "the others are served"
    assert (
        gone.seen
        == "Barn (T2BARN): the app was removed; what is still to be said in 2 places there waits until 1970-01-08 00:00 UTC,"
        " and its tasks rest"
    )
    assert "/slack/install" in gone.remedy
    assert "xoxb" not in f"{there}{gone}"
    assert "still to be said there is given up" in told(tmp_path, "T2BARN", now=1_001 + KEPT_FOR)[-1].seen


async def test_one_that_has_the_app_and_cannot_be_served_is_said_with_what_waits(tmp_path: Path) -> None:
    await kept(tmp_path, removed=False)
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)
    found = Installs(db, Seal(tmp_path, KEY), "slack", lambda: 1_000)
    await found.trouble("T2BARN", "Slack refuses the token of workspace T2BARN: invalid_auth")
    await db.write(_still_to_be_said)
    await db.close()
    disk.close()
    there, barn = told(tmp_path, "T1AVIARY", "T2BARN")
    assert there.seen == "installed in Aviary (T1AVIARY)"
    assert barn.seen == (
        "Barn (T2BARN): Slack refuses the token of workspace T2BARN: invalid_auth;"
        " what is still to be said in 2 places there waits until 1970-01-08 00:00 UTC"
    )
    assert "/slack/install" in barn.remedy
    later = told(tmp_path, "T1AVIARY", "T2BARN", now=1_001 + KEPT_FOR)[-1].seen
    assert later.endswith("what was still to be said there is given up, and its tasks rest")


@pytest.mark.parametrize("teams", [(), ("T1AVIARY",)])
async def test_one_that_has_the_app_and_is_not_named_is_said_not_to_be_served(
    tmp_path: Path, teams: tuple[str, ...]
) -> None:
    await kept(tmp_path, removed=False)
    unserved = [finding for finding in told(tmp_path, *teams) if not finding.well]
    assert [finding.seen for finding in unserved] == [
        f"{name} has installed the app, and is not served"
        for name in ("Aviary (T1AVIARY)", "Barn (T2BARN)")[len(teams) :]
    ]


async def test_workspaces_of_an_organisation_that_is_named_need_not_be(tmp_path: Path) -> None:
    await kept(tmp_path, removed=True)
    there, gone = told(tmp_path, "E0WHOLE")
    assert there.seen.startswith("installed in Aviary (T1AVIARY); E0WHOLE may install the app at")
    assert gone.seen.startswith("Barn (T2BARN): the app was removed")
