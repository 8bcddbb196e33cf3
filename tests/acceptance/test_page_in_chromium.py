"""The page in a real browser: nothing in its console, the keyboard alone, axe's rules, and what is hostile shown as text."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from host.app import Host
from host.ports.events import Author
from sessiondb import Address
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support import browsing
from tests.support.browsing import WEB
from tests.support.hosting import config, serving
from tests.support.viewing import answered, spend

VIEWS = ("/", "/conversations", "/failures", "/tasks", "/costs", "/decisions", "/audit")
PATIENCE = TIMEOUT * 1000  # ms
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
HOSTILE = (
    '<script>document.title = "owned"</script><img src="x" onerror="document.title = \'owned\'">'
    "<a href=\"javascript:document.title='owned'\">click</a> \u202eexe.gnp\u202c \u2067rtl </div></main>"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.xdist_group("chromium")  # one at a time: it takes what memory there is


def chromium() -> str:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("there is no chromium")
        pytest.skip("there is no chromium")
    return CHROMIUM


@asynccontextmanager
async def browsers() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # A container has neither user namespaces nor much shared memory.
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = await playwright.chromium.launch(executable_path=chromium(), args=flags)
        try:
            yield browser
        finally:
            await browser.close()


class Console(list[str]):
    """Whatever the browser complains of, on any page."""

    def listen(self, page: Page) -> None:
        page.on("console", lambda said: self.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("requestfailed", lambda failed: self._failed(failed.url))

    def _failed(self, url: str) -> None:
        if not url.endswith("/now/stream"):  # ends with the page that follows it
            self.append(f"failed: {url}")


@asynccontextmanager
async def opened(
    host: Host, data: Path, browser: Browser, console: Console, **how: Any
) -> AsyncIterator[Page]:
    """A page of somebody who has just signed in, by the keyboard."""
    context = await browser.new_context(**{"viewport": DESK, **how})
    context.set_default_timeout(PATIENCE)
    try:
        page = await context.new_page()
        console.listen(page)
        async with browsing.browsing(host, data, inside=False) as beside:
            await page.goto(f"{beside.base}/enter?token={beside.link()}")
        await page.get_by_role("button", name="Sign in").press("Enter")
        await page.wait_for_url("**/")
        yield page
    finally:
        await context.close()


async def filled(host: Host, bot: MemoryBot) -> None:
    """Something in every view."""
    said = await answered(
        bot, "c", HOSTILE, privacy="public", mentioned=True, author=Author("U1", "<i>Ada</i>")
    )
    await host.settled(said)
    await answered(bot, "d", "only for us", privacy="dm", author=Author("U2", "Bob"))
    await spend(host, Address("memory", "w", "c"), 2_250_000)
    await spend(host, Address("memory", "w", "d"), 700_000)
    call = '@@call schedule_task {"title": "Lunch <b>", "prompt": "Say lunch", "cron": "0 12 * * *"}'
    await answered(bot, "e", call, privacy="public", mentioned=True)


async def test_every_view_is_quiet_and_keeps_axes_rules_in_light_and_dark_on_desk_and_phone(
    tmp_path: Path,
) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsers() as browser:
        await filled(host, bot)
        axe = Axe()
        for scheme, size in (("light", DESK), ("dark", PHONE)):
            async with opened(host, tmp_path, browser, console, color_scheme=scheme, viewport=size) as page:
                await page.goto(page.url + "conversations")
                first = await page.get_attribute("tbody a", "href")
                base = page.url.removesuffix("/conversations")
                for view in (*VIEWS, first):
                    await page.goto(f"{base}{view}")
                    found = await axe.run(page)
                    told = found.generate_report() if found.violations_count else ""
                    assert not told, f"{view}, {scheme}: {told}"
                    wide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
                    assert not wide, f"{view} is wider than a {size['width']} px screen"
    assert console == []


async def test_what_is_hostile_is_read_as_it_was_written(tmp_path: Path) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsers() as browser:
        await filled(host, bot)
        async with opened(host, tmp_path, browser, console) as page:
            base = page.url
            await page.goto(f"{base}conversations")
            await page.click("tbody a:has-text('c')")
            said = await page.locator(".timeline .person .said").first.text_content()
            who = await page.locator(".timeline .person .head bdi").first.text_content()
            title = await page.title()
            links = await page.locator(".timeline .said a, .timeline .said img, .timeline script").count()
            # What reads from right to left there turns nothing round outside of it.
            order = await page.evaluate(
                "[...document.querySelectorAll('.timeline .person')][0].querySelector('.notes').getBoundingClientRect().top"
                " > document.querySelector('.timeline .person .said').getBoundingClientRect().top"
            )
    assert said == HOSTILE
    assert who == "<i>Ada</i>"
    assert "owned" not in title
    assert links == 0
    assert order
    assert console == []


async def test_the_keyboard_alone_stops_what_runs_and_signs_out(tmp_path: Path) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsers() as browser:
        async with opened(host, tmp_path, browser, console) as page:
            await page.keyboard.press("Tab")
            assert await focused(page) == "To the content"
            await page.keyboard.press("Enter")
            assert page.url.endswith("#main")
            await bot.say("c", "@@sleep 30", privacy="public", mentioned=True)
            stop = page.locator("#now button", has_text="Stop")
            await stop.wait_for()  # it came without anybody's doing
            await pressed_until(page, "Stop")
            await page.keyboard.press("Enter")
            await page.get_by_role("status").get_by_text("Stopped.").wait_for()
            await pressed_until(page, "Sign out")
            await page.keyboard.press("Enter")
            await page.get_by_text("You are not signed in").wait_for()
        assert [said for said in console if "401" not in said] == []


async def test_the_focus_stays_when_news_come(tmp_path: Path) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsers() as browser:
        await bot.say("c", "@@sleep 60", privacy="public", mentioned=True)
        async with opened(host, tmp_path, browser, console) as page:
            await page.locator("#now button", has_text="Stop").wait_for()
            await pressed_until(page, "Stop")
            was = await page.evaluate("document.activeElement.id")
            await bot.say("d", "@@sleep 60", privacy="public", mentioned=True)
            await page.locator("#now button", has_text="Stop").nth(1).wait_for()
            assert await page.evaluate("document.activeElement.id") == was
    assert console == []


async def focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.textContent.trim()"))


async def pressed_until(page: Page, words: str) -> None:
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await focused(page) == words:
            return
    raise AssertionError(f"the keyboard does not lead to {words!r}")
