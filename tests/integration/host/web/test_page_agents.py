"""Agents on the page: the brake, their folders as what they are, and the doctor's lines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from host.app import Host
from host.config import Config
from host.governance.access import LOCAL
from host.ports.findings import Finding
from host.registry.sessions import scope_name, session_id
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.browsing import ADA, OLGA, WEB, browsing, signed_in, the_page, told
from tests.support.hosting import config, serving
from tests.support.viewing import recorded

HOSTILE = '<script>alert(1)</script> \u202egnp.exe "é"\n'


def place(channel: str) -> Address:
    return Address("memory", "w", channel)


async def test_everything_or_one_agent_is_paused_and_goes_on(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        for agent, words in (("", "everything is paused"), ("default", "agent default is paused")):
            done = await browser.send("/agents", order="pause", agent=agent, back="/agents")
            assert words in done.shown
            again = await browser.send("/agents", order="pause", agent=agent, back="/agents")
            assert "so already" in again.shown
            said = await bot.say("c", "hello", privacy="public", mentioned=True)
            await bot.until(lambda: any("I am paused" in text for text in bot.said("c")))
            gone_on = await browser.send("/agents", order="resume", agent=agent, back="/agents")
            assert "goes on" in gone_on.shown
            await host.house.sweep.round()
            assert await host.settled(said.message_id) == "completed"
            bot.sent.clear()
        for wrong in ({"order": "stop"}, {"order": "pause", "agent": "nobody"}, {"order": "", "agent": "x"}):
            assert (await browser.send("/agents", **wrong)).status == 404
    assert [entry[2:] for entry in recorded(tmp_path)] == [
        ("pause", "everything"),
        ("resume", "everything"),
        ("pause", "agent default"),
        ("resume", "agent default"),
    ]


async def filled(host: Host, bot: MemoryBot, data: Path) -> dict[str, str]:
    """Something in every kind of folder; the paths of the page to them."""
    await told(bot, host)
    (data / "agents" / "default").mkdir(parents=True)
    (data / "agents" / "default" / "instructions.md").write_text("Be kind.", "utf-8")
    found = {"agent": "/files/agent/default/-"}
    for name, scope in (
        ("public", scope_name("public", place("square"), "")),
        ("private", scope_name("private", place("vault"), "")),
        ("dm", scope_name("dm", place("dm-ada"), "U1")),
    ):
        root = data / "workspaces" / "default" / scope
        root.mkdir(parents=True, exist_ok=True)
        (root / "memory.md").write_text(f"memory of {name}\n{HOSTILE}", "utf-8")
        found[name] = f"/files/shared/default/{scope}"
    id_ = session_id("default", place("vault"))
    work = data / "sessions" / id_ / "work"
    work.mkdir(exist_ok=True)
    (work / "notes.txt").write_text("working on it", "utf-8")
    found["work"] = f"/files/work/{id_}/-"
    return found


async def opens(who: object, folders: dict[str, str]) -> set[str]:
    pages = {name: await who.get(path) for name, path in folders.items()}  # type: ignore[attr-defined]
    assert {page.status for page in pages.values()} <= {200, 404}
    return {name for name, page in pages.items() if page.status == 200}


async def test_a_folder_opens_for_whom_its_conversations_are(tmp_path: Path) -> None:
    async with the_page(tmp_path) as (host, bot, browser):
        folders = await filled(host, bot, tmp_path)
        ada, olga = await signed_in(bot, browser, ADA), await signed_in(bot, browser, OLGA)
        assert await opens(ada, folders) == {"dm"}
        assert await opens(olga, folders) == {"agent", "public"}
        bot.members |= {"U1": {"vault", "square"}, "U9": {"vault"}}
        assert await opens(ada, folders) == {
            "dm",
            "private",
            "work",
        }  # what all public channels share is more than one
        assert await opens(olga, folders) == {"agent", "public", "private", "work"}
        listed = await olga.get("/agents/default")
        assert listed.shown.count("Memory and files") == 3  # public, private, her own
        assert "all public channels, memory w" in listed.shown
        assert "1 more are for those alone" in listed.shown
        bot.tells_nothing = RuntimeError("the cable is cut")
        assert await opens(ada, folders) == set()
        assert await opens(olga, folders) == {"agent", "public"}


async def test_text_is_text_and_a_file_is_handed_over_and_never_shown(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        folders = await filled(host, bot, tmp_path)
        root = tmp_path / folders["public"].replace("/files/shared", "workspaces", 1)
        (root / "evil.html").write_text(HOSTILE, "utf-8")
        (root / "picture.png").write_bytes(b"\x89PNG\r\n\0\0\0" * 10)
        (root / "long.txt").write_text("é" * 300_000, "utf-8")
        (root / 'a "b" é;.txt').write_text("name", "utf-8")
        (root / "out").symlink_to("/etc")
        (root / "passwd").symlink_to("/etc/passwd")
        os.mkfifo(root / "pipe")
        listed = await browser.get(folders["public"])
        for name in ("evil.html", "picture.png", "passwd", "pipe", "neither a file nor a folder"):
            assert name in listed.shown
        page = await browser.get(f"{folders['public']}?path=evil.html")
        assert "<script>alert" not in page.text
        assert "alert(1)" in page.shown
        assert "It is no text." in (await browser.get(f"{folders['public']}?path=picture.png")).shown
        assert "bytes more are in the file" in (await browser.get(f"{folders['public']}?path=long.txt")).shown
        for name in ("evil.html", "a%20%22b%22%20%C3%A9;.txt"):
            taken = await browser.get(f"{folders['public']}?path={name}&as=file")
            assert taken.status == 200
            assert taken.headers["Content-Type"] == "application/octet-stream"
            assert taken.headers["X-Content-Type-Options"] == "nosniff"
            assert taken.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
            assert '"' not in taken.headers["Content-Disposition"]
            assert taken.headers["Content-Security-Policy"].startswith("sandbox")
        assert taken.text == "name"
        (root / "shrinks").write_bytes(b"")
        os.truncate(root / "shrinks", 90_000_000)  # more than lies between the two of them
        async with browser.client.get(f"{browser.base}{folders['public']}?path=shrinks&as=file") as begun:
            await begun.content.read(1)
            os.truncate(root / "shrinks", 1_000)
            with pytest.raises(aiohttp.ClientPayloadError):  # never a file that looks whole
                await begun.read()
        assert (await browser.get(folders["public"])).status == 200
        for wrong in ("out", "out/passwd", "passwd", "pipe", "../..", "%00", "nothing", "memory.md/x", "%ff"):
            for as_ in ("", "&as=file"):
                page = await browser.get(f"{folders['public']}?path={wrong}{as_}")
                assert page.status == 404, wrong
                assert "root:" not in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/files/agent/nobody/-",
        "/files/agent/..%2f..%2fetc/-",
        "/files/shared/default/..%2f..%2fsessions",
        "/files/shared/..%2fsessions/-",
        "/files/work/..%2fhost.db/-",
        "/files/other/default/-",
        "/agents/nobody",
        "/agents/..%2f",
    ],
)
async def test_no_address_names_a_folder_that_is_none(tmp_path: Path, path: str) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        assert (await browser.get(path)).status == 404


async def test_the_doctors_lines_are_looked_at_when_somebody_asks(tmp_path: Path) -> None:
    looked: list[Config] = []

    def look(settings: Config) -> list[Finding]:
        looked.append(settings)
        return [
            Finding("Data folder", True, "<b>fine</b>"),
            Finding("Clock", False, "two hours off", "Set it"),
        ]

    class Telling(MemoryBot):
        async def look(self, settings: Config) -> Sequence[Finding]:
            raise OSError("the cable is cut")

    settings = config(tmp_path, web=WEB)
    async with serving(settings, Telling(), look=look) as (host, _), browsing(host, tmp_path) as browser:
        before = await browser.get("/health")
        assert "nobody has looked" in before.shown
        assert "memory connected" in before.shown
        assert looked == []
        after = await browser.send("/health", back="/health")
        for words in ("well Data folder", "not well Clock two hours off Set it", "not well memory"):
            assert words in after.shown
        assert "<b>fine" not in after.text
        assert len(looked) == 1
    async with serving(settings) as (host, _), browsing(host, tmp_path) as browser:
        assert (await browser.send("/health", back="/health")).status == 200
    assert recorded(tmp_path) == []
    assert LOCAL
