"""A disk that fills up: clear errors, nothing damaged, and all goes on when there is space again."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from host.ports.bot import HostBusy
from sessiondb import SessionFolder
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.waiting import eventually

SIZE = "24m"  # of the whole disk
LONG = "a" * 350_000  # more than a log that was written before has room for


class SmallDisk:
    """A file system of its own. `fill` leaves not a page."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        fd = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (2**20, 4096):
                while _appended(fd, size):
                    pass
        finally:
            os.close(fd)

    def free(self) -> None:
        self._ballast.unlink()


def _appended(fd: int, size: int) -> bool:
    try:
        return os.write(fd, bytes(size)) == size
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@contextmanager
def small_disk(path: Path) -> Iterator[SmallDisk]:
    """In the place of a folder, with what it holds."""
    if os.geteuid() != 0 and os.environ.get("DOVECOTE_REQUIRE_DOCKER") != "1":
        pytest.skip("only root can mount a small disk")
    kept = path.with_name(f"{path.name}.kept")
    path.mkdir(exist_ok=True)
    shutil.copytree(path, kept, symlinks=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)], check=True)
    try:
        shutil.copytree(kept, path, symlinks=True, dirs_exist_ok=True)
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)  # whoever still has it open may end later


def undamaged(data: Path) -> None:
    found = [*data.rglob("*.db")]
    assert len(found) >= 3
    for path in found:
        connection = apsw.Connection(str(path))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


def logged(caplog: pytest.LogCaptureFixture, action: str) -> bool:
    return any(getattr(record, "action", "") == action for record in caplog.records)


async def test_a_full_disk_under_host_db_takes_nothing_in_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "data") as disk:
        async with serving(config(disk.path, host={"sweep_every": 0.2})) as (host, bot):
            first = await bot.say("c", "first")
            await host.settled(first.message_id)
            disk.fill()
            lost = bot.event("c", LONG)
            with pytest.raises(HostBusy):
                await host.ingest(lost)
            assert logged(caplog, "ingest_failed")
            disk.free()
            again = await host.ingest(lost)  # as a platform delivers again what was not acknowledged
            await host.settled(again.message_id)
        said = bot.said("c")
        assert said[0] == "first"
        assert "".join(said[1:]) == LONG
        undamaged(disk.path)


@pytest.mark.parametrize("side", ["inbound", "outbound"])
async def test_a_full_disk_under_one_side_of_a_session_delays_that_session_only(
    tmp_path: Path, side: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("host.runners.sweep.START_BACKOFF", 50)
    monkeypatch.setattr("host.runners.sweep.LONGEST_START_BACKOFF", 200)
    monkeypatch.setattr("host.delivery.attempts.RETRY_BACKOFF", 10)
    caplog.set_level(logging.INFO)
    bot = MemoryBot()
    settings = config(tmp_path, host={"sweep_every": 0.2})
    async with serving(settings, bot) as (host, _):
        first = await bot.say("c", "first")
        await host.settled(first.message_id)
    (root,) = (tmp_path / "sessions").iterdir()
    folder = SessionFolder(root)
    with small_disk(getattr(folder, side)) as disk:
        async with serving(settings, bot) as (host, _):
            call = '@@call mock_append {"file": "effects", "line": "once"}'
            if side == "inbound":
                disk.fill()
            second = await bot.say("c", f"{call}\n@@sleep 1\nsecond")
            if side == "outbound":  # in mid-turn: the claim is committed, the answer cannot be
                await bot.until(lambda: any(shown.status == "waiting" for shown in bot.shown))
                disk.fill()
            await eventually(
                lambda: logged(caplog, {"inbound": "store_failed", "outbound": "start_failed"}[side])
            )
            other = await bot.say("d", "others are served")
            await host.settled(other.message_id)
            disk.free()
            assert await host.settled(second.message_id) == "completed"
        assert [text for text in bot.said("c") if "⚠️" not in text] == ["first", "second"]
        (effects,) = tmp_path.glob("sessions/*/work/effects")
        assert effects.read_text() == "once\n"
        undamaged(tmp_path)
