"""A browser that installs the app in a workspace of Slack."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import pytest

from bots.slack.bot import SlackBot
from bots.slack.workspace import Workspace
from host.ports.installs import Reply
from tests.fakes.slack import FakeSlack
from tests.support.slacking import PUBLIC


async def began(bot: SlackBot) -> tuple[str, str]:
    """Where the browser is sent, and the cookie it keeps."""
    first = await bot.install("install", "", "")
    assert first.status in (302, 303), first.text
    assert "Secure; HttpOnly" in first.cookie
    return first.location, first.cookie.partition(";")[0]


async def agreed(address: str) -> str:
    """What Slack's page sends the browser back with."""
    async with aiohttp.ClientSession() as browser, browser.get(address, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        back = answer.headers["Location"]
    assert back.startswith(f"{PUBLIC}/slack/oauth_redirect?")
    return urlsplit(back).query


async def install(bot: SlackBot, where: FakeSlack) -> Reply:
    """By somebody who is signed in to that workspace."""
    where.installs.redirect_urls[:] = [f"{PUBLIC}/slack/oauth_redirect"]
    where.installs.where = where, where.bot
    address, cookie = await began(bot)
    return await bot.install("oauth_redirect", await agreed(address), cookie)


@dataclass
class Closing:
    """Workspaces whose service is to end, and does so once it may."""

    asked: list[str] = field(default_factory=list)
    may: asyncio.Event = field(default_factory=asyncio.Event)
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def hear(self, team: str) -> None:
        async with self._heard:
            self.asked.append(team)
            self._heard.notify_all()

    async def of(self, team: str) -> None:
        """Once it is to end; at once, so that it has not ended for want of time."""
        async with asyncio.timeout(60), self._heard:
            await self._heard.wait_for(lambda: team in self.asked)


def slow_closing(monkeypatch: pytest.MonkeyPatch) -> Closing:
    held, close = Closing(), Workspace.close

    async def slowly(space: Workspace) -> None:
        await held.hear(space.team)
        with suppress(TimeoutError):  # of a test that fails before
            async with asyncio.timeout(30):
                await held.may.wait()
        await close(space)

    monkeypatch.setattr(Workspace, "close", slowly)
    return held
