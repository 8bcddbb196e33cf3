"""What the doctor says of workspaces that may install the app: who has it, who has not, and whose service has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.cli.looks import records
from host.config import Config, Slack
from host.config.environment import SEAL_KEY
from host.folders.disk import ThreadDisk
from host.folders.seal import Seal
from host.ports.findings import Finding
from host.registry.db import HostDB
from host.registry.installs import Installs

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
    await db.close()
    disk.close()


def told(folder: Path, *teams: str) -> list[Finding]:
    config = Config(data=folder, slack=Slack(installs=teams))
    seen = records.look(config, folder, 2_000, before_start=False)
    return [finding for finding in seen.findings if finding.what == records.INSTALLED]


async def test_who_has_the_app_is_said_and_who_has_not_yet(tmp_path: Path) -> None:
    await kept(tmp_path, removed=False)
    there, waits = told(tmp_path, "T1AVIARY", "T2BARN", "T3COOP")
    assert (there.well, there.seen) == (True, "installed in Aviary (T1AVIARY), Barn (T2BARN)")
    assert (waits.well, waits.seen) == (True, "T3COOP has not installed the app yet")


async def test_one_that_removed_the_app_is_said_with_what_waits_and_what_to_do(tmp_path: Path) -> None:
    await kept(tmp_path, removed=True)
    there, gone = told(tmp_path, "T1AVIARY", "T2BARN")
    assert there.seen == "installed in Aviary (T1AVIARY)"
    assert not gone.well
    assert not gone.stops, "the others are served"
    assert gone.seen.startswith("Barn (T2BARN): the app was removed; what is still to be said there waits")
    assert "/slack/install" in gone.remedy
    assert "xoxb" not in f"{there}{gone}"


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
