"""A database that PostgreSQL's own tools copied and put back, with a copy of the share: what was before goes on, once."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from host.app import Host
from host.assembly import Parts
from host.cli import holding, pausing
from host.cli.ending import NothingFoundError
from host.config import Config
from host.folders import share
from host.folders.disk import ThreadDisk
from host.ports.bot import Bots
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.forking import ForkedLauncher
from tests.support.hosting import config, now_ms, serving
from tests.support.postgres import Server
from tests.support.tasking import call
from tests.support.waiting import eventually

SENT = """
SELECT (SELECT count(*) > 0 FROM ledger WHERE state = 'sent'),
    (SELECT count(*) > 0 FROM mailbox_copies WHERE content LIKE '%one of them%')
"""


def settings(data: Path, url: str, shared: Path) -> Config:
    return config(data, cluster={"database": url, "workspaces": str(shared)}, host={"sweep_every": 1})


def noted(line: str) -> str:
    return call("mock_append", file="notes.txt", line=line, shared=True)


def answers(bot: MemoryBot, channel: str) -> list[str]:
    return [text for text in bot.said(channel) if not text.startswith("⚠️")]


async def goes_on(settings: Config, bot: MemoryBot) -> None:
    """A node that is held begins nothing; released, it answers."""
    Path(settings.data).mkdir()
    disk, before = ThreadDisk(), len(bot.sent)
    host = Host(settings, Bots({bot.channel_type: bot}), Parts(disk, ForkedLauncher(), now_ms))
    task = asyncio.create_task(host.serve())
    try:
        await eventually((Path(settings.data) / "database").exists)
        assert not host.started.is_set()
        assert len(bot.sent) == before
        await asyncio.to_thread(pausing.resume, settings, "", answer=False)
        async with asyncio.timeout(TIMEOUT):
            await host.started.wait()
        for channel in ("C1", "C2"):
            there = len(answers(bot, channel))
            await bot.say(channel, "@@recall\nagain")
            await bot.until(lambda: len(answers(bot, channel)) > there)  # noqa: B023
        await bot.until(
            lambda: len(answers(bot, "C1")) < len(bot.said("C1"))
        )  # it is on another machine by now
    finally:
        host.stop()
        async with asyncio.timeout(TIMEOUT):
            await task
        disk.close()


async def test_what_was_before_the_copy_goes_on_and_nothing_of_it_is_said_again(
    postgres: Server, tmp_path: Path
) -> None:
    shared, url = tmp_path / "shared", postgres.database()
    shared.mkdir()
    (shared / share.MARK).touch()
    before = settings(tmp_path / "ada", url, shared)
    async with serving(before) as (_, bot):
        await bot.say("C1", f"one of them\n{noted('one')}")
        await bot.until(lambda: bool(bot.said("C1")))
        await eventually(lambda: postgres.says(url, SENT) == "t|t")
        moment = datetime.now(UTC).isoformat()
        with pytest.raises(NothingFoundError, match="stop all nodes first"):
            holding.hold(before, moment, None)
        dump = postgres.dumped(url, "copy.dump")
        shutil.copytree(shared, tmp_path / "copy")  # after it: what the database tells of is there
        await bot.say("C1", f"two\n{noted('two')}")
        await bot.say("C2", "three")
        await bot.until(lambda: len(bot.said("C1")) > 1 and bool(bot.said("C2")))
    back = postgres.put_back(dump)
    postgres.says(back, "UPDATE serving_until SET until = 1")  # as it is by when somebody has put it back
    after = settings(tmp_path / "eve", back, tmp_path / "copy")
    for wrong in ("yesterday", "2999-01-01"):
        with pytest.raises(NothingFoundError):
            holding.hold(after, wrong, None)
    holding.hold(after, moment, None)
    await goes_on(after, bot)
    first, second, again = answers(bot, "C1")
    assert ("one of them" in first, "two" in second) == (True, True)
    assert "one of them" in again
    assert "two" not in again
    assert len(bot.said("C1")) == 4
    assert answers(bot, "C2") == ["three", "again"]
    [notes] = (tmp_path / "copy").rglob("notes.txt")
    assert notes.read_text().split() == ["one"]
