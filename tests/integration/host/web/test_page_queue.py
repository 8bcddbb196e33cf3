"""The queue on the page: what failed is asked once more and never twice, what waits is discarded, and all of it is recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.app import Host
from host.controls import queue
from host.governance.access import LOCAL
from host.registry import notices
from host.registry.db import open_host_db
from host.registry.notices import Notice
from host.registry.sessions import session_id
from host.words import as_it_is
from sessiondb import Address, Status
from tests.fakes.platform import MemoryBot
from tests.support.browsing import WEB, Browser, browsing
from tests.support.hosting import config, now_ms, serving
from tests.support.viewing import recorded
from tests.support.waiting import eventually

SQUARE = Address("memory", "w", "square")


async def failed(host: Host, bot: MemoryBot, text: str) -> str:
    """A message that was given up, as after the third runner that died over it; its people were told."""
    agent_off = {"mentioned": True, "privacy": "public"}
    await pause(host, "pause")
    said = await bot.say("square", text, **agent_off)
    await host.house.sweep.round()
    [session] = await host.house.records.db.read(
        lambda c: host.house.records.sessions.load(c, "id = ?", (session_id("default", SQUARE),))
    )
    notice = Notice(
        f"gave-up:{said.message_id}", SQUARE, as_it_is("⚠️ I could not answer this after 3 attempts.")
    )

    def give_up(writer: object) -> None:
        with writer.writing():  # type: ignore[attr-defined]
            writer.settle(said.message_id, Status.FAILED, "its runner died")  # type: ignore[attr-defined]

    await host.house.records.mailboxes.use(session, give_up)
    await host.house.records.db.write(lambda c: notices.add(c, notice, now_ms()))
    await pause(host, "resume")
    return said.message_id


async def pause(host: Host, what: str) -> None:
    def job(connection: object) -> None:
        if what == "pause":
            connection.execute("INSERT OR IGNORE INTO paused VALUES ('', 1)")  # type: ignore[attr-defined]
        else:
            connection.execute("DELETE FROM paused")  # type: ignore[attr-defined]

    await host.house.records.db.write(job)
    await host.house.ordered.pausing.look()


def answers(bot: MemoryBot) -> list[str]:
    return [text for text in bot.said("square") if not text.startswith(("⚠️", "⏸️"))]


async def test_what_failed_is_asked_once_more_however_often_it_is_ordered(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        message = await failed(host, bot, "the answer is Kestrel")
        assert "Workspaces that are not served" not in (await browser.get("/failures")).shown
        gone = "INSERT INTO installs VALUES ('memory', ?, 'Barn', x'', ?, ?, ?, ?)"
        rows = [("w", now_ms(), "the app was removed", "", 0), ("w2", 1, "", "Slack refuses it: x", 1)]
        await host.house.records.db.write(lambda c: c.executemany(gone, rows))
        listed = await browser.get("/failures")
        assert "Barn (w): the app was removed; what is still to be said in 1" in listed.shown, listed.shown
        assert "Barn (w2): Slack refuses it: x; what was still to be said there is given up" in listed.shown
        assert "could not answer this" in listed.shown
        assert listed.text.count('value="retry"') == 1
        done = await browser.send("/failures", order="retry", about=message, back="/failures")
        assert "asked once more" in done.shown
        assert 'value="retry"' not in done.text
        await bot.until(lambda: bool(answers(bot)))
        again = [browser.send("/failures", order="retry", about=message, back="/failures") for _ in range(3)]
        assert {page.status for page in await asyncio.gather(*again)} == {200}
        assert (
            "already"
            in (await browser.send("/failures", order="retry", about=message, back="/failures")).shown
        )
        assert await host.settled(message) == "failed"
        assert len(answers(bot)) == 1
        assert "Kestrel" in answers(bot)[0]
    assert recorded(tmp_path) == [(f"{LOCAL}:olga", "", "retry", message)]


async def test_nothing_is_asked_again_that_did_not_fail_or_of_which_something_was_said(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        said = await bot.say("square", "hello", privacy="public", mentioned=True)
        assert await host.settled(said.message_id) == "completed"
        refused = await browser.send("/failures", order="retry", about=said.message_id, back="/failures")
        assert "did not fail" in refused.shown
        for unknown in ("", "x", "m" + "0" * 24, "é", "' OR 1"):
            page = await browser.send("/failures", order="retry", about=unknown, back="/failures")
            assert "not when it is too long ago" in page.shown
        for odd in ("", "drop", "settle"):
            assert (await browser.send("/failures", order=odd, about=said.message_id)).status == 404
        message = await failed(host, bot, "half said")
        db = host.house.records.db
        await db.write(
            lambda c: c.execute(
                "INSERT INTO ledger VALUES (?, 99, 0, 'x', 'k', 'unknown', '', 1, 0, 0, 0, '', 'memory', 'w',"
                " 'elsewhere', '', ?, '{}', 0)",
                (session_id("default", SQUARE), message),
            )
        )
        page = await browser.send("/failures", order="retry", about=message, back="/failures")
        assert "could answer it twice" in page.shown
        assert len(answers(bot)) == 1


async def test_what_failed_is_taken_off_the_list(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        message = await failed(host, bot, "never mind")
        done = await browser.send("/failures", order="put_by", about=message, back="/failures")
        assert "Taken off the list." in done.shown
        assert "could not answer this" not in done.shown
    assert recorded(tmp_path) == [(f"{LOCAL}:olga", "", "discard", message)]


async def test_what_waits_is_discarded_and_its_people_are_told(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await pause(host, "pause")
        waiting = [await bot.say("square", f"Heron {n}", privacy="public", mentioned=True) for n in range(3)]
        await host.house.sweep.round()
        listed = await browser.get("/failures")
        id_ = session_id("default", SQUARE)
        assert f'value="{id_}"' in listed.text
        session = host.house.records.sessions.get(id_)
        assert session is not None
        await eventually(
            lambda: not host.house.ingress.stores.is_at(session)
        )  # said in a row, stored together
        done = await browser.send("/failures", order="discard", about=id_, back="/failures")
        assert "3 discarded" in done.shown
        await bot.until(lambda: any("taken off what waited here (3)" in text for text in bot.said("square")))
        await pause(host, "resume")
        for one in waiting:
            assert await host.settled(one.message_id) == "cancelled"
        assert answers(bot) == []
        nothing = await browser.send("/failures", order="discard", about=id_, back="/failures")
        assert "Nothing waits there." in nothing.shown
        assert "no such conversation" in (await browser.send("/failures", order="discard", about="x")).shown
    assert [entry[2:] for entry in recorded(tmp_path)] == [("discard", id_)] * 2


def test_failures_are_paged_by_key_past_whatever_lies_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LOOKED_AT", 10)
    connection = open_host_db(tmp_path / "host.db")
    try:
        for number in range(60):
            about = f"gave-up:m{number}" if number % 3 == 0 or number < 20 else f"order:m{number}"
            notices.add(connection, Notice(about, SQUARE, as_it_is(f"⚠️ number {number}")), number)
        connection.execute("INSERT INTO dealt_with VALUES ('m3', 'discarded', 1), ('m6', 'retried', 1)")
        found: list[str] = []
        before, pages = 0, 0
        while pages == 0 or before:
            listed, before = queue.failed(connection, before, 4)
            found += [one.message_id for one in listed]
            assert pages < 30
            pages += 1
        expected = [f"m{n}" for n in reversed(range(60)) if (n % 3 == 0 or n < 20) and n != 3]
        assert found == expected
        assert len(set(found)) == len(found)
    finally:
        connection.close()


async def test_pages_of_what_waits_hold_each_once(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        await fill(host, 120)
        found = await listed_ids(browser)
    assert len(found) == len(set(found)) == 120


async def fill(host: Host, count: int) -> None:
    sql = (
        "INSERT INTO sessions (id, agent, channel_type, workspace_id, platform_id, thread_id, scope, created_at,"
        " active_at, busy) VALUES (?, 'gone', 'memory', 'w', ?, '', 's', 1, 1, 1)"
    )
    rows = [(f"s{number:020}", f"c{number}") for number in range(count)]
    await host.house.records.db.write(lambda c: c.executemany(sql, rows))


async def listed_ids(browser: Browser) -> list[str]:
    found: list[str] = []
    path = "/failures"
    while path:
        page = await browser.get(path)
        found += [part.partition('"')[0] for part in page.text.split('name="about" value="')[1:]]
        after = page.text.partition('href="?after=')[2].partition('"')[0]
        path = f"/failures?after={after}" if after else ""
    return found
