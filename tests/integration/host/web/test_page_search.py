"""Searching on the page: found is what a visitor may read at that moment, and what is forgotten is found by nobody."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from host.app import Host
from host.ports.events import Author
from host.registry import orders
from host.upkeep.backups import making
from host.upkeep.searching import index
from tests.fakes.platform import MemoryBot
from tests.support.browsing import ADA, OLGA, WEB, Browser, Member, browsing, signed_in, the_page, told
from tests.support.hosting import config, now_ms, serving
from tests.support.viewing import answered
from tests.support.waiting import eventually

BIRDS = ("Kestrel", "Osprey", "Wren", "Heron")


async def fed(host: Host) -> None:
    """Everything that is there by now."""
    host.house.upkeep.feeding._since = 0
    await host.house.upkeep.feeding.everything()


async def finds(who: Browser | Member) -> set[str]:
    pages = {bird: await who.get(f"/search?q={bird}") for bird in BIRDS}
    assert all(page.status == 200 for page in pages.values())
    return {bird for bird, page in pages.items() if f"<mark>{bird}</mark>" in page.text}


async def test_people_find_what_they_may_read_now(tmp_path: Path) -> None:
    async with the_page(tmp_path) as (host, bot, browser):
        await told(bot, host)
        await fed(host)
        ada, olga = await signed_in(bot, browser, ADA), await signed_in(bot, browser, OLGA)
        assert await finds(ada) == {"Wren"}
        assert await finds(olga) == {"Kestrel", "Heron"}
        bot.members |= {"U1": {"vault", "square"}, "U9": {"vault"}}
        assert await finds(ada) == {"Wren", "Kestrel", "Osprey"}
        assert await finds(olga) == {"Kestrel", "Heron", "Osprey"}
        await host.house.ingress.channel_became(bot.event("square", "").address, "private")
        bot.members["U1"] = {"vault"}
        assert await finds(ada) == {"Wren", "Osprey"}
        assert await finds(olga) == {"Heron", "Osprey"}
        await fed(host)  # its words lie with its own scope from now on
        bot.members["U1"] = {"square"}
        assert await finds(ada) == {"Wren", "Kestrel"}
        bot.tells_nothing = RuntimeError("the cable is cut")
        assert await finds(ada) == set()


async def test_a_link_finds_public_words_and_no_others_and_questions_are_words(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await told(bot, host)
        hostile = '<script>alert("x")</script> NEAR(a b) \u202eexe'
        await answered(bot, "square", hostile, privacy="public", mentioned=True)
        await fed(host)
        assert await finds(browser) == {"Kestrel"}
        for question in ("%3Cscript%3E", "NEAR(a%20b)", "alert(%22x%22)"):
            page = await browser.get(f"/search?q={question}")
            assert "square" in page.shown, question
            assert "<script>alert" not in page.text
        for question in (
            "",
            "%22",
            "***",
            "x" * 1_500,
            "%00",
            "a%20OR%20b",
            "%FF",
            "kestrel&before=x",
            "kestrel&before=-1",
        ):
            assert (await browser.get(f"/search?q={question}")).status == 200, question
        assert "no word in that" in (await browser.get("/search?q=***")).shown
        assert await browser.get("/search?q=Kestrel&before=1") is not None
        assert "Nothing that you may read" in (await browser.get("/search?q=Kestrel&before=1")).shown


async def test_older_finds_are_on_the_next_page(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        for n in range(13):
            await answered(bot, "square", f"marker number{n}", privacy="public", mentioned=True, at=now_ms())
        await fed(host)
        found: list[str] = []
        path = "/search?q=marker"
        while path:
            page = await browser.get(path)
            found += [part.partition('"')[0] for part in page.text.split("#seq-")[1:]]
            path = page.text.partition('href="?q=')[2].partition('" rel="next"')[0].replace("&amp;", "&")
            path = f"/search?q={path}" if path else ""
        assert len(found) == len(set(found)) > 20
        assert {*map(int, found)} >= {*range(2, 26, 2)}


async def test_news_are_found_by_themselves_and_a_lost_index_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.upkeep.searching.feeding.SOON", 0.0)
    monkeypatch.setattr("host.upkeep.searching.feeding.EVERY", 0.2)
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await answered(bot, "square", "the Kestrel is here", privacy="public", mentioned=True)
        await until_found(browser, tmp_path, "Kestrel")
        for path in index.files(tmp_path):
            index.remove(path)
        host.house.upkeep.feeding._since = 0
        await until_found(browser, tmp_path, "Kestrel")
        assert {path.parent.name for path in index.files(tmp_path)} == {index.FOLDER}
    async with serving(config(tmp_path)):  # without a page nobody searches, and nothing is kept for it
        assert index.files(tmp_path) == []


async def until_found(browser: Browser, data: Path, bird: str) -> None:
    match = index.asked(bird)
    await eventually(lambda: any(index.find([path], match, 0, 1) for path in index.files(data)))
    assert f"<mark>{bird}</mark>" in (await browser.get(f"/search?q={bird}")).text


async def test_who_is_forgotten_is_in_no_index(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await told(bot, host)
        await answered(
            bot, "square", "Plover by Bob", privacy="public", mentioned=True, author=Author("U2", "Bob")
        )
        await fed(host)
        files = index.files(tmp_path)
        assert any(b"plover" in path.read_bytes() for path in files)
        db = host.house.records.db
        body = '{"person": "memory:U2", "by": "olga"}'
        await db.write(lambda connection: orders.put(connection, "forget", "", now_ms(), body))
        await host.house.ordered.orders.obey()
        for path in index.files(tmp_path):
            assert b"plover" not in path.read_bytes()
        await fed(host)
        assert "<mark>" not in (await browser.get("/search?q=Plover")).text
        for path in index.files(tmp_path):
            assert b"plover" not in path.read_bytes()


async def test_an_index_is_held_against_what_there_is(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"web": WEB, "host": {"retention_days": 30}}
    bot = MemoryBot()
    async with serving(config(tmp_path, **settings), bot) as (host, _), browsing(host, tmp_path) as browser:
        await told(bot, host)
        await fed(host)
        before = {path.name for path in index.files(tmp_path)}
        assert len(before) == 4
        stranger = index.path_of(tmp_path, "a-scope-that-is-gone")
        found = index.Index(stranger)
        found.put("s" + "0" * 20, index.Marks(1, 1, 1), [index.Said(2, now_ms(), "Kestrel")])
        found.close()
        await fed(host)
        assert {path.name for path in index.files(tmp_path)} == before
        assert await finds(browser) == {"Kestrel"}
        kept = io.BytesIO()
        making.make(tmp_path, kept, lambda _: None)
    with tarfile.open(fileobj=io.BytesIO(kept.getvalue())) as archive:
        assert not [name for name in archive.getnames() if name.startswith(index.FOLDER)]
