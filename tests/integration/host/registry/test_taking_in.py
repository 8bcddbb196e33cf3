"""Slack brings each payload to one of several nodes: what comes to one that stands by is dealt with by the one that serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from bots.slack.bot import Secrets, SlackBot
from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.folders.disk import ThreadDisk
from host.ports.bot import Bots
from tests.fakes.platform import TIMEOUT
from tests.fakes.slack import FakeSlack, Message
from tests.support.forking import ForkedLauncher
from tests.support.hosting import config, now_ms, serving
from tests.support.postgres import Server

WITHIN = 60.0  # s for one thing to happen


class Nodes:
    """Of one database and one Slack, with a folder each."""

    def __init__(self, slack: FakeSlack, folder: Path, url: str) -> None:
        self.slack, self._folder, self.url = slack, folder, url
        self.ann = slack.add_user("ann")
        self.channel = slack.add_channel("general", members=[self.ann])

    def settings(self, name: str) -> Config:
        return config(
            self._folder / name,
            cluster={"database": self.url},
            slack={"api_url": self.slack.api_url, "sockets": 1, "message_interval": 0.01},
            access={"owners": [f"slack:{self.ann.id}"]},
        )

    def bot(self, name: str) -> SlackBot:
        settings, slack = self.settings(name), self.slack
        assert settings.slack is not None
        secrets = Secrets(slack.bot_token, slack.app_token)
        return SlackBot(settings.slack, secrets, self._folder / name / "slack", settings)

    @asynccontextmanager
    async def serves(self, name: str) -> AsyncIterator[Host]:
        async with serving(self.settings(name), cast(Any, self.bot(name))) as (host, _):
            await self.slack.connected(1, WITHIN)
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

    def ask(self, text: str) -> Message:
        return self.slack.say(self.ann, self.channel, f"{self.slack.mention()} {text}")

    def answers(self, asked: Message) -> list[str]:
        thread = self.slack.messages(self.channel, asked.ts)
        return [one.text for one in thread if one.bot_id == self.slack.bot_id and one.stream is None]

    async def answered(self, asked: Message) -> list[str]:
        await self.slack.wait_until(lambda: self.answers(asked), WITHIN)
        return self.answers(asked)


@pytest.fixture
async def nodes(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    monkeypatch.setattr(
        "host.registry.keeping.ANSWER_WITHIN", WITHIN
    )  # these machines are slow, and this Slack waits
    async with FakeSlack(ack_timeout=WITHIN) as slack:
        yield Nodes(slack, tmp_path, postgres.database())


async def test_what_comes_to_a_node_that_stands_by_is_kept_acknowledged_and_answered_once_by_the_one_that_serves(
    nodes: Nodes, postgres: Server
) -> None:
    slack = nodes.slack
    async with nodes.serves("ada") as ada, nodes.stands_by("bob") as bob:
        asked = [nodes.ask(text) for text in ("one", "two", "three")]
        for one, text in zip(asked, ("one", "two", "three"), strict=True):
            [answer] = await nodes.answered(one)
            assert text in answer
        # What its person is told by the acknowledgement: a command's answer, and what is wrong in a form.
        slack.slash(nodes.ann, nodes.channel, "/dovecote", "status")
        await slack.wait_until(lambda: slack.ephemerals(nodes.ann), WITHIN)
        slack.slash(nodes.ann, nodes.channel, "/dovecote", "config")
        views = slack.workspace.views
        form = await slack.wait_until(lambda: next((v for v in views.values() if v.open), None), WITHIN)
        assert form is not None
        chosen = {"agent": {"agent": "default"}, "engage": {"engage": "always"}}
        slack.submit_view(nodes.ann, form, {**chosen, "budget": {"budget": "a lot"}})
        await slack.wait_until(lambda: "such as 2.50" in str(form.body.get("errors")), WITHIN)
        assert form.open
        slack.submit_view(nodes.ann, form, {**chosen, "budget": {"budget": "3.50"}})
        await slack.wait_until(lambda: not form.open, WITHIN)
        assert {one.state for one in slack.deliveries()} == {"acknowledged"}
        ada.stop()
        async with asyncio.timeout(TIMEOUT):
            await bob.started.wait()
        await slack.connected(1, WITHIN)
        [answer] = await nodes.answered(nodes.ask("four"))
        assert "four" in answer
        for one, text in zip(
            asked, ("one", "two", "three"), strict=True
        ):  # beside a notice that it is another machine
            assert [text in said for said in nodes.answers(one)].count(True) == 1
    assert postgres.says(nodes.url, "SELECT count(*) FROM taken_in") == "0"
