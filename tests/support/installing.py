"""A browser that installs the app in a workspace of Slack."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp

from bots.slack.bot import SlackBot
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
