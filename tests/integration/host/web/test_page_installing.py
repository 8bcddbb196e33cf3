"""Installing a platform's app from the page: two steps, by the public name alone, of which the bot decides."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from host.ports.installs import Reply
from tests.fakes.platform import MemoryBot
from tests.support.browsing import BY_NAME, PUBLIC, browsing
from tests.support.hosting import config, serving

WEB = {"port": 0, "public_url": PUBLIC}
COOKIE = "state=one; Secure; HttpOnly; Path=/"


class InstallableBot(MemoryBot):
    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[str, str, str]] = []

    async def install(self, step: Literal["install", "oauth_redirect"], query: str, cookie: str) -> Reply:
        self.steps.append((step, query, cookie))
        if step == "install":
            return Reply(302, location="https://memory.example/authorize?state=one", cookie=COOKIE)
        if "state=one" not in cookie:
            return Reply(400, "Begun in <another> browser.")
        return Reply(200, "Installed.", cookie="state=deleted; Secure; HttpOnly; Path=/; Max-Age=0")


async def test_whoever_installs_is_sent_to_the_platform_and_reads_the_end_in_words(tmp_path: Path) -> None:
    bot = InstallableBot()
    async with (
        serving(config(tmp_path, web=WEB), bot) as (host, _),
        browsing(host, tmp_path, inside=False) as browser,
    ):
        first = await browser.get("/memory/install", **BY_NAME)
        assert (first.status, first.headers["Location"]) == (
            303,
            "https://memory.example/authorize?state=one",
        )
        assert first.headers["Set-Cookie"] == COOKIE
        refused = await browser.get("/memory/oauth_redirect?code=c&state=one", **BY_NAME)
        assert refused.status == 400
        assert "Begun in &lt;another&gt; browser." in refused.text
        done = await browser.get(
            "/memory/oauth_redirect?code=c&state=one", **BY_NAME, Cookie="a=b; state=one"
        )
        assert (done.status, "Installed." in done.text) == (200, True)
        assert done.headers["Set-Cookie"].startswith("state=deleted")
        assert bot.steps == [
            ("install", "", ""),
            ("oauth_redirect", "code=c&state=one", ""),
            ("oauth_redirect", "code=c&state=one", "a=b; state=one"),
        ]


async def test_it_is_done_by_the_public_name_alone_and_with_no_more_than_an_answer_has(
    tmp_path: Path,
) -> None:
    bot = InstallableBot()
    async with (
        serving(config(tmp_path, web=WEB), bot) as (host, _),
        browsing(host, tmp_path, inside=False) as browser,
    ):
        for step in ("install", "oauth_redirect"):
            here = await browser.get(f"/memory/{step}")
            assert (here.status, PUBLIC in here.text) == (404, True)
            elsewhere = await browser.get(f"/memory/{step}", Host="evil.example")
            assert elsewhere.status == 421
            assert (await browser.get(f"/memory/{step}?code={'c' * 5_000}", **BY_NAME)).status == 400
        assert (await browser.post("/memory/install", {}, **BY_NAME)).status == 405
        assert (await browser.get("/slack/install", **BY_NAME)).status == 404
        assert bot.steps == []


async def test_a_bot_that_cannot_be_installed_has_no_such_pages(tmp_path: Path) -> None:
    async with (
        serving(config(tmp_path, web=WEB)) as (host, _),
        browsing(host, tmp_path, inside=False) as browser,
    ):
        assert (await browser.get("/memory/install", **BY_NAME)).status == 404
