"""A host with ten thousand sessions touches those that have work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.registry.sessions import Session
from host.runners.launch.fake import FakeLauncher
from tests.fakes.platform import TIMEOUT
from tests.support.hosting import config, serving

WITH_WORK, RESTING = 50, 9_950


async def _started(launcher: FakeLauncher, number: int) -> None:
    async with asyncio.timeout(TIMEOUT):
        while len(launcher.started) < number:
            launcher.changed.clear()
            await launcher.changed.wait()


async def test_a_restart_opens_only_the_sessions_that_have_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = FakeLauncher()
    async with serving(config(tmp_path), launcher=before) as (_, bot):
        for number in range(WITH_WORK):
            await bot.say(f"c{number}", "work")
        await _started(before, WITH_WORK)
    registry = apsw.Connection(str(tmp_path / "host.db"))
    with registry:
        registry.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) INSERT INTO sessions (id, agent,"
            " channel_type, workspace_id, platform_id, thread_id, scope, created_at, active_at, busy)"
            " SELECT 'rest' || i, 'default', 'memory', 'w', 'rest' || i, '', 's', 1, 1, 0 FROM n",
            (RESTING,),
        )
    registry.close()
    opened: set[str] = set()
    real = Mailboxes._open_writer

    def noting(self: Mailboxes, session: Session) -> InboundWriter:
        opened.add(session.id)
        return real(self, session)

    monkeypatch.setattr(Mailboxes, "_open_writer", noting)
    after = FakeLauncher()
    async with serving(config(tmp_path), launcher=after):
        await _started(after, WITH_WORK)
    assert len(opened) == WITH_WORK
    assert not any(id_.startswith("rest") for id_ in opened)
