"""What a runner has committed before its heart beats: a host takes a beat without it for a file that was lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import OutboundReader
from host.mailbox.rows import NewMessage
from runner.inbound import InboundReader
from runner.loop import AgentLoop
from runner.outbound import OutboundWriter
from runner.providers.factory import make
from runner.settings import Agent, Settings
from runner.watch import FileWatch
from sessiondb import Address, SessionFolder, content

HERE = Address("memory", "w", "c", "t1")


@pytest.mark.parametrize("said", [False, True], ids=["with nothing to do", "with a message that waits"])
async def test_a_runner_is_up_once_its_file_names_it(tmp_path: Path, *, said: bool) -> None:
    folder = SessionFolder(tmp_path / "session")
    folder.create()
    host = InboundWriter(folder.inbound_db, lambda: 1)
    with host.writing():
        host.set_value("incarnation", "one")
        if said:
            host.insert(NewMessage("m1", "chat", HERE, content.Chat("hi"), created_at=1))
    inbound = InboundReader(folder.inbound_db)
    outbound = OutboundWriter(folder.outbound_db, inbound, "one", lambda: 1)
    named: list[str] = []

    def up() -> None:
        reader = OutboundReader(folder.outbound_db)
        state = reader.runner_state()
        named.append("" if state is None else state.incarnation)
        reader.close()
        loop.stop()

    settings = Settings(folder, tmp_path, tmp_path, "one", Agent("a"), bells=False)
    watch = FileWatch(folder.inbound_db, None, 0.02)
    loop = AgentLoop(
        settings, make(settings), inbound, outbound, watch, ring=lambda: None, now=lambda: 1, on_up=up
    )
    async with asyncio.timeout(60):
        await loop.run()
    assert named == ["one"]
    for one in (watch, outbound, inbound, host):
        one.close()
