"""Nodes of one database with the real bot of one fake Slack, in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from bots.slack.bot import Secrets, SlackBot
from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.folders import share
from host.folders.disk import ThreadDisk
from host.ports.bot import Bots
from tests.fakes.platform import TIMEOUT
from tests.fakes.slack import FakeSlack, Message
from tests.support.forking import ForkedLauncher
from tests.support.hosting import config, now_ms, serving

WITHIN = 60.0  # s for one thing to happen


class Nodes:
    """Of one database and one Slack, with a folder each."""

    def __init__(self, slack: FakeSlack, folder: Path, url: str, *, together: bool = False) -> None:
        """`together`: all of them serve at a time."""
        self.slack, self.folder, self.url = slack, folder, url
        self._cluster = {"database": url}
        self.ann = slack.add_user("ann")
        self.channel = slack.add_channel("general", members=[self.ann])
        self._more: dict[str, Any] = {}
        if together:
            self._more["web"] = {"port": 0}
            self.news = slack.add_channel("news", members=[self.ann])
            there = {"platform": "slack", "channel": self.news.id, "description": "news"}
            agent = {"options": {"approve": ["mock_append"]}, "destinations": {"news": there}}
            self._more["agents"] = {"default": agent}
            self._cluster["workspaces"] = str(folder / "shared")
            (folder / "shared").mkdir()
            (folder / "shared" / share.MARK).touch()

    def settings(self, name: str) -> Config:
        return config(
            self.folder / name,
            cluster=self._cluster,
            slack={"api_url": self.slack.api_url, "sockets": 1, "message_interval": 0.01},
            access={"owners": [f"slack:{self.ann.id}"]},
            **self._more,
        )

    def bot(self, name: str) -> SlackBot:
        settings, slack = self.settings(name), self.slack
        assert settings.slack is not None
        secrets = Secrets(slack.bot_token, slack.app_token)
        return SlackBot(settings.slack, secrets, self.folder / name / "slack", settings)

    @asynccontextmanager
    async def serves(self, name: str, sockets: int = 1) -> AsyncIterator[Host]:
        async with serving(self.settings(name), cast(Any, self.bot(name))) as (host, _):
            await self.slack.connected(sockets, WITHIN)
            yield host

    @asynccontextmanager
    async def stands_by(self, name: str) -> AsyncIterator[Host]:
        settings = self.settings(name)
        Path(settings.data).mkdir()
        disk = ThreadDisk()
        host = Host(settings, Bots({"slack": self.bot(name)}), Parts(disk, ForkedLauncher(), now_ms))
        task = asyncio.create_task(host.serve())
        try:
            await self.slack.connected(2, WITHIN)
            self.slack.sockets[0].draining = True  # from here on all comes to the one that stands by
            yield host
        finally:
            host.stop()
            async with asyncio.timeout(TIMEOUT):
                await task
            disk.close()

    def comes_to(self, number: int) -> None:
        """From here on all comes to the socket that was opened as the `number`th."""
        for at, socket in enumerate(self.slack.sockets):
            socket.draining = at != number

    def ask(self, text: str) -> Message:
        return self.slack.say(self.ann, self.channel, f"{self.slack.mention()} {text}")

    def answers(self, asked: Message) -> list[str]:
        thread = self.slack.messages(asked.channel, asked.ts)
        return [one.text for one in thread if one.bot_id == self.slack.bot_id and one.stream is None]

    async def answered(self, asked: Message) -> list[str]:
        await self.slack.wait_until(lambda: self.answers(asked), WITHIN)
        return self.answers(asked)
