"""A long conversation is told by pages, each line in its place, none twice; what cannot be read is said."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from host.registry.sessions import session_id
from host.upkeep import exporting
from host.web import timeline
from sessiondb import Address, SessionFolder
from tests.support.browsing import WEB, Browser, browsing
from tests.support.hosting import config, now_ms, serving
from tests.support.viewing import answered

PLACE = Address("memory", "w", "c")
LINE = re.compile(r'id="seq-(\d+)"')
PER_PAGE, MESSAGES = 5, 12


async def all_lines(browser: Browser, path: str) -> list[list[int]]:
    """By page, the latest first."""
    pages, link = [], path
    while link:
        told = await browser.get(link)
        assert told.status == 200
        pages.append([int(seq) for seq in LINE.findall(told.text)])
        older = told.text.partition('href="?before=')[2].partition('"')[0]
        link = f"{path}?before={older}" if older else ""
    return pages


async def test_every_line_of_a_long_conversation_is_on_one_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "PER_PAGE", PER_PAGE)
    path = f"/conversations/{session_id('default', PLACE)}"
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        said = [
            await bot.say("c", f"message {number}", privacy="public", mentioned=True)
            for number in range(MESSAGES)
        ]
        for one in said:
            assert await host.settled(one.message_id) == "completed"
        pages = await all_lines(browser, path)
        foreign = await browser.get(f"{path}?before=x")
        last = await browser.get(f"{path}?before=2")
    lines = [seq for page in reversed(pages) for seq in page]
    assert lines == sorted(set(lines))
    assert len([seq for seq in lines if seq % 2 == 0]) == MESSAGES
    assert len([seq for seq in lines if seq % 2]) == MESSAGES
    assert len(pages) == 3
    assert LINE.findall(foreign.text) == [str(seq) for seq in pages[0]]
    assert "Nothing is kept of it." in last.shown


async def test_a_file_that_cannot_be_read_is_said_and_takes_no_page_down(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        said = await answered(bot, "c", "hello", privacy="public", mentioned=True)
        assert await host.settled(said) == "completed"
        id_ = session_id("default", PLACE)
        folder = SessionFolder(tmp_path / "sessions" / id_)
        outbound = folder.outbound_db
        outbound.rename(outbound.with_suffix(".aside"))
        outbound.symlink_to("/etc/passwd")
        try:
            told = await browser.get(f"/conversations/{id_}")
            listed = await browser.get("/conversations")
        finally:
            outbound.unlink()
            outbound.with_suffix(".aside").rename(outbound)
    assert "Not all of it can be read" in told.shown
    assert "hello" in told.shown
    assert "root:" not in told.text
    assert listed.status == 200


async def test_a_conversation_that_is_none_is_not_there(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        for path in ("/conversations/s0", "/conversations/s0/2", "/conversations/%00", "/tasks/t0"):
            missing = await browser.get(path)
            assert missing.status == 404
            assert "There is no such" in missing.shown


@pytest.mark.parametrize("at", [2**63 - 1, 2**47, -(2**63)])
async def test_a_time_that_is_no_moment_takes_neither_page_nor_export_nor_search_down(
    tmp_path: Path, at: int
) -> None:
    """A container writes its own file as it likes; the search of all others goes on."""
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        said = await answered(bot, "c", "kestrel", privacy="public", mentioned=True, at=now_ms())
        assert await host.settled(said) == "completed"
        id_ = session_id("default", PLACE)
        folder = SessionFolder(tmp_path / "sessions" / id_)
        with closing(sqlite3.connect(folder.outbound_db)) as connection, connection:
            connection.execute("UPDATE messages_out SET created_at = ?", (at,))
        told = await browser.get(f"/conversations/{id_}")
        exported = exporting.as_markdown("c", exporting.entries(folder.root))
        feeding = host.house.upkeep.feeding
        sessions = host.house.records.sessions
        for session in await host.house.records.db.read(lambda db: sessions.load(db, "id = ?", (id_,))):
            await feeding.forget(session)
        await feeding.everything()
        found = await browser.get("/search?q=kestrel")
    assert told.status == found.status == 200
    assert told.shown.count("kestrel") == 2
    assert exported.count("kestrel") == 2
    assert f"/conversations/{id_}" in found.text
