"""The page in a real browser: nothing in its console, the keyboard alone, axe's rules, and what is hostile shown as text."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from host.app import Host
from host.ports.events import Author, Viewer
from host.registry import notices, sessions
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.sessions import scope_name
from host.words import as_it_is
from sessiondb import Address
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support import browsing
from tests.support.browsing import ADA, PUBLIC, WEB
from tests.support.fronting import Front
from tests.support.hosting import config, now_ms, serving
from tests.support.viewing import answered, spend

SHARED = f"/files/shared/default/{scope_name('public', Address('memory', 'w', 'c'), '')}"
VIEWS = (
    "/",
    "/conversations",
    "/search",
    "/search?q=exe.gnp+script",
    "/failures",
    "/tasks",
    "/costs",
    "/decisions",
    "/agents",
    "/agents/default",
    "/files/agent/default/-",
    SHARED,
    f"{SHARED}?path=evil.html",
    "/audit",
    "/signins",
    "/health",
)
PATIENCE = TIMEOUT * 1000  # ms
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
DESK_BY_LIGHT: dict[str, Any] = {"viewport": DESK, "color_scheme": "light", "java_script_enabled": True}
PHONE_BY_NIGHT: dict[str, Any] = {"viewport": PHONE, "color_scheme": "dark", "java_script_enabled": False}
HOSTILE = (
    '<script>document.title = "owned"</script><img src="x" onerror="document.title = \'owned\'">'
    "<a href=\"javascript:document.title='owned'\">click</a> \u202eexe.gnp\u202c \u2067rtl </div></main>"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.xdist_group("chromium"),  # one at a time: it takes what memory there is
    pytest.mark.asyncio(loop_scope="module"),  # and one start for all
]


def chromium() -> str:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("there is no chromium")
        pytest.skip("there is no chromium")
    return CHROMIUM


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front() -> AsyncIterator[Front]:
    async with Front() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(front: Front) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # A container has neither user namespaces nor much shared memory.
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        flags.append(
            f"--host-resolver-rules=MAP *.example.com:443 {front.address}, MAP *.example:443 {front.address}"
        )
        made = await playwright.chromium.launch(executable_path=chromium(), args=flags)
        try:
            yield made
        finally:
            await made.close()


class Console(list[str]):
    """Whatever the browser complains of, on any page."""

    def listen(self, page: Page) -> None:
        page.on("console", lambda said: self.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("requestfailed", lambda failed: self._failed(failed.url, failed.failure))

    def _failed(self, url: str, why: str | None) -> None:
        if why != "net::ERR_ABORTED":  # the browser's own end of what belonged to the page before
            self.append(f"failed: {url} ({why})")


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


async def filled(host: Host, bot: MemoryBot, data: Path) -> None:
    """Something in every view."""
    for folder, name in ((data / "agents" / "default", "instructions.md"), (shared(data), "evil.html")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(HOSTILE, "utf-8")
    said = await answered(
        bot, "c", HOSTILE, privacy="public", mentioned=True, author=Author("U1", "<i>Ada</i>"), at=now_ms()
    )
    await host.settled(said)
    await answered(bot, "d", "only for us", privacy="dm", author=Author("U2", "Bob"))
    await spend(host, Address("memory", "w", "c"), 2_250_000)
    await spend(host, Address("memory", "w", "d"), 700_000)
    call = '@@call schedule_task {"title": "Lunch <b>", "prompt": "Say lunch", "cron": "0 12 * * *"}'
    await answered(bot, "e", call, privacy="public", mentioned=True)
    await fail(host)
    host.house.upkeep.feeding._since = 0
    await host.house.upkeep.feeding.everything()


def shared(data: Path) -> Path:
    return data / SHARED.replace("/files/shared", "workspaces", 1)


async def fail(host: Host) -> None:
    """A message that ended without an answer, and a conversation that waits."""
    place = Address("memory", "w", "c")
    notice = Notice(f"gave-up:m{'0' * 24}", place, as_it_is("⚠️ I could not answer this after 3 attempts."))

    def job(connection: Statements) -> None:
        notices.add(connection, notice, now_ms())
        id_ = sessions.upsert(connection, "default", place._replace(thread_id="t9"), "x", now_ms())
        connection.execute("INSERT OR IGNORE INTO paused VALUES ('other', 1)")
        assert id_

    await host.house.records.db.write(job)


async def test_every_view_is_quiet_and_keeps_axes_rules_in_light_and_dark_on_desk_and_phone(
    tmp_path: Path, browser: Browser
) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot):
        await filled(host, bot, tmp_path)
        axe = Axe()
        for scheme, size in (("light", DESK), ("dark", PHONE)):
            async with opened(host, tmp_path, browser, console, color_scheme=scheme, viewport=size) as page:
                await page.goto(page.url + "conversations")
                first = await page.get_attribute("tbody a", "href")
                base = page.url.removesuffix("/conversations")
                await page.goto(f"{base}/tasks")
                task = await page.get_attribute(".cards a", "href")
                await page.goto(f"{base}/health")
                await page.get_by_role("button", name="Look now").press("Enter")
                await page.get_by_text("looked at").wait_for()
                for view in (*VIEWS, first, task):
                    await page.goto(f"{base}{view}")
                    for closed in await page.locator("summary").all():
                        await closed.press("Enter")
                    found = await axe.run(page)
                    told = found.generate_report() if found.violations_count else ""
                    assert not told, f"{view}, {scheme}: {told}"
                    wide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
                    assert not wide, f"{view} is wider than a {size['width']} px screen"
    assert console == []


async def test_what_is_hostile_is_read_as_it_was_written(tmp_path: Path, browser: Browser) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot):
        await filled(host, bot, tmp_path)
        async with opened(host, tmp_path, browser, console) as page:
            base = page.url
            await page.goto(f"{base}conversations")
            await page.click("tr:has-text('document.title') a")
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


async def test_the_keyboard_alone_stops_what_runs_and_signs_out(tmp_path: Path, browser: Browser) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot):
        async with opened(host, tmp_path, browser, console) as page:
            await page.keyboard.press("Tab")
            assert await focused(page) == "To the content"
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/#main")
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


async def test_the_focus_stays_when_news_come(tmp_path: Path, browser: Browser) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot):
        await bot.say("c", "@@sleep 60", privacy="public", mentioned=True)
        async with opened(host, tmp_path, browser, console) as page:
            await page.locator("#now button", has_text="Stop").wait_for()
            await pressed_until(page, "Stop")
            was = await page.evaluate("document.activeElement.id")
            await bot.say("d", "@@sleep 60", privacy="public", mentioned=True)
            await page.locator("#now button", has_text="Stop").nth(1).wait_for()
            assert await page.evaluate("document.activeElement.id") == was
    assert console == []


async def test_a_find_and_a_file_are_read_as_they_were_written(tmp_path: Path, browser: Browser) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot):
        await filled(host, bot, tmp_path)
        async with opened(host, tmp_path, browser, console) as page:
            base = page.url
            await pressed_until(page, "Search")
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/search")
            await page.get_by_role("searchbox", name="Words").press_sequentially("exe.gnp <script>")
            await page.keyboard.press("Enter")
            await page.locator("mark").first.wait_for()
            told = await page.locator(".cards .said").first.text_content()
            assert told is not None
            assert told.startswith(HOSTILE[:100])
            assert await page.locator("main script, main img, .said a").count() == 0
            await page.locator(".cards a").first.press("Enter")
            await page.wait_for_url("**/conversations/s*")
            await page.goto(f"{base.rstrip('/')}{SHARED}?path=evil.html")
            assert await page.locator("pre.said").text_content() == HOSTILE
            async with page.expect_download() as taken:
                await page.get_by_role("link", name="Take it as a file").press("Enter")
            download = await taken.value
            assert download.suggested_filename == "evil.html"
            assert Path(await download.path()).read_text("utf-8") == HOSTILE
            assert "owned" not in await page.title()
    assert console == []


async def test_the_keyboard_alone_asks_once_more_pauses_and_changes_a_task(
    tmp_path: Path, browser: Browser
) -> None:
    console = Console()
    async with serving(config(tmp_path, web=WEB)) as (host, bot):
        await filled(host, bot, tmp_path)
        async with opened(host, tmp_path, browser, console) as page:
            base = page.url
            await page.goto(f"{base}agents")
            await pressed_until(page, "Pause all")
            await page.keyboard.press("Enter")
            await page.get_by_role("status").get_by_text("everything is paused").wait_for()
            await pressed_until(page, "Resume all")
            await page.keyboard.press("Enter")
            await page.get_by_role("status").get_by_text("goes on").wait_for()
            await page.goto(f"{base}failures")
            await pressed_until(page, "Ask once more")
            await page.keyboard.press("Enter")
            await page.get_by_role("status").get_by_text("too long ago").wait_for()
            await page.goto(f"{base}tasks")
            await page.locator(".cards a").first.press("Enter")
            await page.get_by_text("Change it").press("Enter")
            await page.get_by_label("Cron").press_sequentially("30 8 * * 1")
            await page.keyboard.press("Enter")
            await page.get_by_role("status").get_by_text("Changed").wait_for()
            assert "08:30" in (await page.locator("main").text_content() or "")
    assert console == []


async def test_whoever_comes_back_from_a_platform_is_in_and_in_no_other_browser(
    tmp_path: Path, browser: Browser, front: Front
) -> None:
    """Over TLS, from another site: a strict cookie does not come along, and need not."""
    console = Console()
    bot = MemoryBot()
    bot.signs_in, bot.members = True, {"U1": {"c"}}
    settings = config(tmp_path, web={**WEB, "public_url": PUBLIC})
    async with serving(settings, bot) as (host, _):
        await filled(host, bot, tmp_path)
        assert host.web is not None
        front.leads_to(host.web.address, "memory")
        for how in (DESK_BY_LIGHT, PHONE_BY_NIGHT):
            scripts = how["java_script_enabled"]
            bot.codes[front.code] = Viewer(ADA, Address("memory", "w", ""), "dm")
            context = await browser.new_context(ignore_https_errors=True, **how)
            context.set_default_timeout(PATIENCE)
            page = await context.new_page()
            console.listen(page)
            await page.goto(f"{PUBLIC}/conversations")
            if scripts:
                assert not (await Axe().run(page)).violations_count
            await page.get_by_role("link", name="Sign in with memory").press("Enter")
            if not scripts:
                await page.get_by_role("button", name="Go on").press("Enter")
            await page.wait_for_url(f"{PUBLIC}/conversations")
            assert "Ada" in (await page.locator("header").text_content() or "")
            assert await page.get_by_role("link", name="Decisions").count() == 0
            cookies = {cookie.get("name"): cookie for cookie in await context.cookies()}
            assert cookies["__Host-dovecote"].get("sameSite") == "Strict"
            assert cookies["__Host-dovecote"].get("secure")
            await context.close()
        stranger = await browser.new_context(ignore_https_errors=True)
        page = await stranger.new_page()
        await page.goto(front.last_back)  # the link that somebody else came back by
        await page.get_by_text("another browser").wait_for()
        await stranger.close()
    assert [said for said in console if "401" not in said] == []


async def focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.textContent.trim()"))


async def pressed_until(page: Page, words: str) -> None:
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await focused(page) == words:
            return
    raise AssertionError(f"the keyboard does not lead to {words!r}")
