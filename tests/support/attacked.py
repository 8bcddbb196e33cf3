"""Two sessions, one of them attacked: the other is served as if nothing had happened."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from host.runners.launch.fake import FakeLauncher
from sessiondb.connection import open_reader
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.attacks import Target, answer


async def two_sessions(bot: MemoryBot, launcher: FakeLauncher) -> Target:
    """Two sessions with a message each, and a runner that does nothing of itself."""
    bad, good = await bot.say("bad", "one"), await bot.say("good", "two")
    async with asyncio.timeout(TIMEOUT):
        while len(launcher.started) < 2:
            launcher.changed.clear()
            await launcher.changed.wait()
    folders = {asked(runner.spec.folder.inbound_db): runner.spec.folder for runner in launcher.started}
    return Target(folders[bad.message_id], bad.message_id, folders[good.message_id], good.message_id)


def asked(inbound_db: Path) -> str:
    connection = open_reader(inbound_db)
    try:
        return str(connection.execute("SELECT id FROM messages_in").fetchall()[0][0])
    finally:
        connection.close()


async def logged(caplog: pytest.LogCaptureFixture, action: str) -> None:
    """Waits for a log line of this action."""
    loop, seen = asyncio.get_running_loop(), asyncio.Event()

    def look(record: logging.LogRecord) -> bool:
        if getattr(record, "action", "") == action:
            loop.call_soon_threadsafe(seen.set)
        return True

    caplog.handler.addFilter(look)
    try:
        if not any(getattr(record, "action", "") == action for record in caplog.records):
            async with asyncio.timeout(TIMEOUT):
                await seen.wait()
    finally:
        caplog.handler.removeFilter(look)


async def neighbour_is_served(bot: MemoryBot, target: Target) -> None:
    neighbour = Target(target.neighbour, target.neighbour_message_id, target.folder, target.message_id)
    answer(neighbour, "served")
    await bot.until(lambda: bot.said("good") == ["served"])
