"""A fake Discord, and the real `dovecote up` beside it as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.discord import Channel, FakeDiscord, Guild, Message, User, limits
from tests.fakes.discord.model import MessageType
from tests.support.echoing import for_a_team
from tests.support.forking import dovecote

TIMEOUT = 60.0  # s
LOOK_EVERY = 0.05  # s between two looks at the log
OWNER = "discord:1"  # nobody who talks in these tests
REGISTER = "PUT /applications/{}/commands"
DOVECOTE = Path(sys.executable).parent / "dovecote"
# For a host that follows one which was killed: this Discord is done with a dead caller's requests at once.
NOTHING_IN_FLIGHT = """\
import dataclasses, host.delivery.policy, bots.discord.bot
host.delivery.policy.GRACE = 300
bots.discord.bot.DiscordBot.capabilities = dataclasses.replace(bots.discord.bot.DiscordBot.capabilities, flight=0.5)"""


@dataclass
class Town:
    """One server with a channel, a person in it, and the host."""

    discord: FakeDiscord
    guild: Guild
    channel: Channel
    ada: User
    folder: Path
    config: str = ""
    launcher: str = 'launcher = "process"'
    _process: asyncio.subprocess.Process | None = field(default=None)
    first: str = ""  # Python that the process runs before anything else

    async def up(self) -> None:
        """Starts the host and waits until events flow: it registers its commands then."""
        before = len(self.discord.calls(REGISTER))
        await self.start()
        await self.until(lambda: len(self.discord.calls(REGISTER)) > before)

    async def start(self, **more: str) -> None:
        file = self.folder / "dovecote.toml"
        file.write_text(
            for_a_team(
                f'data = "{self.folder / "data"}"\n{self.config}\n[runner]\n{self.launcher}\n'
                f'[discord]\napi_url = "{self.discord.api_url}"\n'
                f'gateway_url = "{self.discord.gateway_url}"\n',
                OWNER,
            )
        )
        environment = {**os.environ, "DISCORD_BOT_TOKEN": self.discord.token, **more}
        self._process = dovecote(
            "up",
            "--config",
            str(file),
            folder=self.folder,
            environment=environment,
            said=self.folder / "host.log",
            first=self.first,
        )

    async def ended(self) -> int:
        assert self._process is not None
        async with asyncio.timeout(TIMEOUT):
            return await self._process.wait()

    async def down(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self.ended()

    async def kill(self) -> None:
        """As a power cut would, for the host; its runners end by themselves."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self.first = NOTHING_IN_FLIGHT

    def log(self) -> str:
        return (self.folder / "host.log").read_text("utf-8")

    async def until_logged(self, words: str) -> None:
        """The log is another process's file: there is nothing to wait on but its growth."""
        async with asyncio.timeout(TIMEOUT):
            while words not in self.log():
                await asyncio.to_thread(time.sleep, LOOK_EVERY)

    # ── what people do and see ───────────────────────────────────────────────────────────────────────────

    def thread_of(self, question: Message) -> Channel | None:
        return self.discord.world.channels.get(question.id)

    def said(self, channel: Channel | None) -> list[str]:
        """What the bot wrote in the channel for all to see."""
        if channel is None:
            return []
        written = (MessageType.DEFAULT, MessageType.REPLY)
        messages = [m for m in self.discord.messages(channel) if m.type in written and not m.ephemeral]
        return [m.content for m in messages if m.author is self.discord.bot and not _is_live(m)]

    def live(self, channel: Channel | None) -> list[Message]:
        """The messages that show work under way."""
        return [] if channel is None else [m for m in self.discord.messages(channel) if _is_live(m)]

    async def until(self, condition: Callable[[], object]) -> None:
        await self.discord.wait_for(lambda: bool(condition()), TIMEOUT)

    async def answered(self, question: Message, count: int = 1) -> Channel:
        """The thread that the question opened, once the bot wrote so many messages in it."""
        await self.until(lambda: len(self.said(self.thread_of(question))) >= count)
        thread = self.thread_of(question)
        assert thread is not None
        return thread


def _is_live(message: Message) -> bool:
    parts = limits.walk(message.components)
    return any(part.get("custom_id", "").startswith("dovecote:stop:") for _, part in parts)
