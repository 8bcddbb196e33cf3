"""`dovecote up` against the fake Slack: the real host process, real runners, the mock provider."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.slack import Channel, FakeSlack, Message, User
from tests.support.dovecote import Folder
from tests.support.echoing import for_a_team
from tests.support.forking import dovecote
from tests.support.slack_app import PROXIES

PATIENCE = 60.0  # s for one thing to happen; these machines are slow and noisy
# For a host that follows one which was killed: this Slack is done with a dead caller's requests at once.
NOTHING_IN_FLIGHT = """\
import dataclasses, host.delivery.policy, bots.slack.bot
host.delivery.policy.GRACE = 300
bots.slack.bot.SlackBot.capabilities = dataclasses.replace(bots.slack.bot.SlackBot.capabilities, flight=0.5)"""
OWNER = "slack:U0OWNER"  # nobody who talks in these tests
CONFIG = """\
[runner]
launcher = "process"

[slack]
api_url = "{api_url}"
{slack}

[access]
{access}
{more}
"""


class Office:
    """A workspace with a channel and two people, and a host that is connected to it."""

    def __init__(self, slack: FakeSlack, folder: Folder) -> None:
        self.slack = slack
        self.folder = folder
        self.ann: User = slack.add_user("ann")
        self.bob: User = slack.add_user("bob")
        self.channel: Channel = slack.add_channel("general", members=[self.ann, self.bob])
        self.process: asyncio.subprocess.Process | None = None

    def configure(self, *, slack: str = "", access: str = "", more: str = "") -> None:
        text = CONFIG.format(api_url=self.slack.api_url, slack=slack, access=access, more=more)
        (self.folder.path / "dovecote.toml").write_text(for_a_team(text, OWNER))

    async def start(
        self, *, sockets: int = 2, first: str = "", more: Mapping[str, str] | None = None
    ) -> None:
        """Returns when events flow. `first` is Python that the process runs before anything else; `more` stands in its
        environment."""
        environment = {name: value for name, value in os.environ.items() if name not in PROXIES}
        environment |= {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_SIGNING_SECRET": self.slack.signing_secret,
            **(more or {}),
        }
        self.process = dovecote(
            "up",
            "--config",
            "dovecote.toml",
            folder=self.folder.path,
            environment=environment,
            said=self.folder.path / "host.err",
            first=first,
        )
        if sockets:
            await self.slack.connected(sockets, PATIENCE)

    async def stop(self, *, kill: bool = False) -> None:
        process = self.process
        if process is None or process.returncode is not None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        async with asyncio.timeout(PATIENCE):
            await process.wait()

    def log(self) -> str:
        return (self.folder.path / "host.err").read_text("utf-8")

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, text: str, thread_ts: str | None = None) -> Message:
        """Ann mentions the agent in the channel."""
        return self.slack.say(self.ann, self.channel, f"{self.slack.mention()}\n{text}", thread_ts)

    def shown(self, root: Message) -> list[Message]:
        """The agent's messages in the thread of `root`, with those that only show work under way."""
        thread = self.slack.messages(root.channel, root.ts)
        return [message for message in thread if message.bot_id == self.slack.bot_id]

    def answers(self, root: Message) -> list[Message]:
        return [message for message in self.shown(root) if message.stream is None]

    async def answered(self, root: Message, count: int = 1) -> list[Message]:
        """The answers, once there are so many."""
        await self.slack.wait_until(lambda: len(self.answers(root)) >= count, PATIENCE)
        return self.answers(root)


@asynccontextmanager
async def office(path: Path, slack: FakeSlack | None = None) -> AsyncIterator[Office]:
    """A configured office, not started yet."""
    async with slack or FakeSlack(ack_timeout=1.5, retry_delays=(0.0, 0.5, 1.0)) as fake:
        place = Office(fake, Folder(path))
        place.configure()
        try:
            yield place
            assert fake.fetches == [], "no preview was made of what the app said"
        finally:
            await place.stop(kill=True)
            place.folder.kill_runners()
