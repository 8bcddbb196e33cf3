"""The watch over the sockets, up to its last resort."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from slack_bolt.app.async_app import AsyncApp

from bots.slack.client import transport
from bots.slack.client.transport import MOST_PROVEN_DEAF, Transport
from host.app import Host
from host.assembly import Parts
from host.config import Slack
from host.folders.disk import ThreadDisk
from host.ports.bot import Bots, BotStuck
from host.runners.launch.process import ProcessLauncher
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.fakes.slack import FakeSlack
from tests.support import hosting
from tests.support.slack_app import clear_proxies, web_client


async def test_sockets_that_stay_deaf_however_often_they_are_opened_anew_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LESSONS 43."""
    clear_proxies(monkeypatch)
    monkeypatch.setattr(transport, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(transport, "SILENCE", 0.0)
    async with FakeSlack() as slack:
        app = AsyncApp(
            name="dovecote", client=web_client(slack), signing_secret="unused", process_before_response=True
        )
        sockets = Transport(app, Slack(api_url=slack.api_url), slack.app_token)
        looked = 0

        async def missed(*, unheard: bool = False) -> int:
            nonlocal looked
            looked += 1
            return 1  # the histories hold what no socket brought

        await sockets.open()
        before = set(slack.sockets)
        try:
            async with asyncio.timeout(TIMEOUT):
                with pytest.raises(BotStuck):
                    await sockets.watch(missed)
            assert looked == MOST_PROVEN_DEAF + 1
            assert not before & set(slack.sockets)
        finally:
            await sockets.close()


async def test_a_host_whose_bot_needs_a_fresh_process_stops_in_order_and_fails(tmp_path: Path) -> None:
    class Stuck(MemoryBot):
        async def run(self, host: object, ready: object) -> None:
            raise BotStuck("nothing comes in")

    disk = ThreadDisk()
    host = Host(
        hosting.config(tmp_path),
        Bots({"memory": Stuck()}),
        Parts(disk, ProcessLauncher(), hosting.now_ms),
    )
    async with asyncio.timeout(TIMEOUT):
        with pytest.raises(BotStuck):
            await host.serve()
    disk.close()
