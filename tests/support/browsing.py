"""Somebody before the page, without a browser: what it sends, and what a browser would keep."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from host.app import Host
from host.ports.events import Author, Viewer
from host.registry import links
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, now_ms, serving
from tests.support.viewing import answered

CSRF = re.compile(r'name="csrf" value="([^"]+)"')
WEB: dict[str, Any] = {"port": 0}


@dataclass
class Answer:
    status: int
    text: str
    headers: Any

    @property
    def shown(self) -> str:
        """As a reader sees it: without tags, entities as what they stand for."""
        body = self.text.partition("<main")[2]
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


class Browser:
    def __init__(self, host: Host, data: Path, client: aiohttp.ClientSession) -> None:
        self.host = host
        self.data = data
        self.client = client

    @property
    def base(self) -> str:
        assert self.host.web is not None
        return self.host.web.address

    async def get(self, path: str, **headers: str) -> Answer:
        url = URL(f"{self.base}{path}", encoded=True)  # as it is written: nothing is tidied on the way
        async with self.client.get(url, headers=headers, allow_redirects=False) as answer:
            return Answer(answer.status, await answer.text(), answer.headers)

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        sent = self.client.post(f"{self.base}{path}", data=fields, headers=headers, allow_redirects=False)
        async with sent as answer:
            return Answer(answer.status, await answer.text(), answer.headers)

    async def send(self, path: str, **fields: str) -> Answer:
        """A form as a page of ours has it; the page that it leads to."""
        found = CSRF.search((await self.get("/")).text)
        assert found is not None
        sent = await self.post(path, {"csrf": found[1], **fields}, Origin=self.base)
        return await self.get(sent.headers["Location"]) if sent.status == 303 else sent

    def link(self, user: str = "olga") -> str:
        """The token of one, as `dovecote page` makes it."""
        return links.make(self.data / "host.db", user, now_ms())

    async def enter(self) -> None:
        entered = await self.post("/enter", {"token": self.link()}, Origin=self.base)
        assert entered.status == 303, entered.text


@asynccontextmanager
async def browsing(host: Host, data: Path, *, inside: bool = True) -> AsyncIterator[Browser]:
    """Signed in, unless told otherwise."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        browser = Browser(host, data, client)
        if inside:
            await browser.enter()
        yield browser


PUBLIC = "https://dovecote.example.com"
BY_NAME = {"Host": "dovecote.example.com"}


class Member:
    """Somebody at the page's public address, by a server that speaks TLS: a browser that keeps no cookie but these."""

    def __init__(self, browser: Browser, platform: str = "memory") -> None:
        self.browser = browser
        self.door = f"/signin/{platform}"
        self.cookies: dict[str, str] = {}

    async def get(self, path: str) -> Answer:
        return self._kept(await self.browser.get(path, **BY_NAME, **self._shown()))

    async def post(self, path: str, fields: dict[str, str], origin: str = PUBLIC) -> Answer:
        return self._kept(await self.browser.post(path, fields, Origin=origin, **BY_NAME, **self._shown()))

    async def send(self, path: str, **fields: str) -> Answer:
        """A form as a page of ours has it; the page that it leads to."""
        found = CSRF.search((await self.get("/signins")).text)
        assert found is not None
        sent = await self.post(path, {"csrf": found[1], **fields})
        return await self.get(sent.headers["Location"]) if sent.status == 303 else sent

    async def back(self, code: str) -> Answer:
        """Back from the platform, to which they were sent before."""
        sent = await self.get(self.door)
        state = URL(sent.headers["Location"]).query["state"]
        landed = await self.get(f"{self.door}/back?code={code}&state={state}")
        fields = dict(re.findall(r'name="(code|state)" value="([^"]*)"', landed.text))
        return await self.post(self.door, fields)

    def _shown(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def _kept(self, answer: Answer) -> Answer:
        for line in answer.headers.getall("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            assert "Secure" in line
            assert "HttpOnly" in line
            assert "SameSite=Strict" in line
            assert "Path=/" in line
            assert name.startswith("__Host-")
            self.cookies[name] = value.strip('"')
        return answer


# ── people at the public address ─────────────────────────────────────────────────────────────────────────────

ADA, OLGA, EVE = Author("U1", "Ada"), Author("U9", "Olga"), Author("U6", "Eve")  # Olga is an owner


@asynccontextmanager
async def the_page(
    tmp_path: Path, now: Callable[[], int] = now_ms, **sections: Any
) -> AsyncIterator[tuple[Host, MemoryBot, Browser]]:
    access = {"owners": ["memory:U9"], **sections.pop("access", {})}
    bot = MemoryBot()
    bot.signs_in = True
    async with (
        serving(
            config(tmp_path, web={**WEB, "public_url": PUBLIC}, access=access, **sections), bot, now=now
        ) as (
            host,
            _,
        ),
        browsing(host, tmp_path, inside=False) as browser,
    ):
        yield host, bot, browser


async def signed_in(bot: MemoryBot, browser: Browser, who: Author) -> Member:
    member = Member(browser)
    bot.codes["good"] = Viewer(who, Address("memory", "w", ""), "dm")
    entered = await member.back("good")
    assert (entered.status, entered.headers["Location"]) == (303, "/"), entered.text
    return member


async def told(bot: MemoryBot, host: Host) -> None:
    """Something in a public channel, in a private one, and in two people's direct messages."""
    for channel, words, more in (
        ("square", "Kestrel in public", {"privacy": "public", "mentioned": True}),
        ("vault", "Osprey is private", {"privacy": "private", "mentioned": True}),
        ("dm-ada", "Wren to Ada", {"privacy": "dm", "author": ADA}),
        ("dm-olga", "Heron to Olga", {"privacy": "dm", "author": OLGA}),
    ):
        said = await answered(bot, channel, words, **more)
        assert await host.settled(said) == "completed"
