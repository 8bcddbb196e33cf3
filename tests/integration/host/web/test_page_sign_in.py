"""Signing in to the page by a platform, and whose words it shows then: asked of the platform at that moment."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from host.ports.bot import Unknown
from host.ports.events import Viewer
from host.web.gate import FOR_HOST, SIGNING_IN
from host.web.page import FRESH
from sessiondb import Address
from tests.support.browsing import ADA, EVE, OLGA, Member, signed_in, the_page, told
from tests.support.hosting import config, now_ms
from tests.support.viewing import answered, recorded

OWNERS_VIEWS = ("/failures", "/costs", "/decisions", "/agents", "/audit", "/now/stream")


async def words_seen(member: Member) -> set[str]:
    """Of all conversations that they are shown: in the list, in each one, and in each message of it."""
    listed = await member.get("/conversations")
    assert listed.status == 200
    links = {part.partition('"')[0] for part in listed.text.split('href="/conversations/')[1:]}
    pages = [listed, *[await member.get(f"/conversations/{link}") for link in links]]
    pages += [await member.get(f"/conversations/{link}/{seq}") for link in links for seq in (2, 3)]
    return {
        bird for bird in ("Kestrel", "Osprey", "Wren", "Heron") if any(bird in page.text for page in pages)
    }


async def test_people_read_where_they_are_now_and_owners_have_the_figures_of_the_rest(tmp_path: Path) -> None:
    async with the_page(tmp_path) as (host, bot, browser):
        await told(bot, host)
        ada = await signed_in(bot, browser, ADA)
        assert await words_seen(ada) == {"Wren"}
        bot.members["U1"] = {"vault"}
        assert await words_seen(ada) == {"Wren", "Osprey"}
        listed = await ada.get("/conversations")
        assert "dm-olga" not in listed.text
        assert "square" not in listed.text
        bot.members["U1"] = {"square"}
        assert await words_seen(ada) == {"Wren", "Kestrel"}
        for view in OWNERS_VIEWS:
            page = await ada.get(view)
            assert page.status in (403, 404), view
        for form in ("/stop", "/decide", "/access", "/rules", "/reload"):
            assert (await ada.send(form, person="memory:U1", verdict="allow")).status in (403, 404)
        assert (await ada.get("/")).headers["Location"] == "/conversations"
        olga = await signed_in(bot, browser, OLGA)
        assert await words_seen(olga) == {"Kestrel", "Heron"}
        assert "private" in (await olga.get("/conversations")).shown
        bot.members["U9"] = {"vault"}
        assert await words_seen(olga) == {"Kestrel", "Heron", "Osprey"}
        assert recorded(tmp_path) == []


async def test_what_the_platform_does_not_tell_is_not_shown(tmp_path: Path) -> None:
    async with the_page(tmp_path) as (host, bot, browser):
        await told(bot, host)
        bot.members |= {"U1": {"vault"}, "U9": {"vault"}}
        ada, olga = await signed_in(bot, browser, ADA), await signed_in(bot, browser, OLGA)
        for nothing in (Unknown("no answer"), RuntimeError("the cable is cut")):
            bot.tells_nothing = nothing
            assert await words_seen(ada) == set()
            assert await words_seen(olga) == {"Kestrel"}
        bot.tells_nothing, bot.left = None, {"U1"}
        assert await words_seen(ada) == set()
        bot.members["U9"] = {"dm-ada"}  # a platform that is wrong opens nobody's direct messages
        assert await words_seen(olga) == {"Kestrel", "Heron"}


async def test_a_sign_in_ends_in_the_browser_that_began_it_and_in_no_other(tmp_path: Path) -> None:
    async with the_page(tmp_path) as (_, bot, browser):
        victim, thief = Member(browser), Member(browser)
        assert "Sign in with memory" in (await victim.get("/conversations")).shown
        sent = await thief.get("/signin/memory")
        assert sent.headers["Location"].startswith("https://memory.example/authorize?state=")
        state = sent.headers["Location"].partition("state=")[2]
        for who in (victim, thief):
            bot.codes["good"] = Viewer(ADA, Address("memory", "w", ""), "dm")
            landed = await who.get(f"/signin/memory/back?code=good&state={state}")
            assert (landed.status, "data-at-once" in landed.text) == (200, True)
            assert len(bot.codes) == 1  # a page alone uses nothing up
        fields = {"code": "good", "state": state}
        assert "another browser" in (await victim.post("/signin/memory", fields)).shown
        assert "another browser" in (await thief.post("/signin/memory", {**fields, "state": "x"})).shown
        assert "another site" in (await thief.post("/signin/memory", fields, "https://evil.example")).shown
        assert (await thief.get("/conversations")).status == 401
        assert (await thief.post("/signin/memory", fields)).status == 303
        again = await thief.post("/signin/memory", fields)
        assert again.status == 403
        thief.cookies[f"{FOR_HOST}{SIGNING_IN}"] = f"memory.{'9' * 5000}.x"
        assert "another browser" in (await thief.post("/signin/memory", fields)).shown


async def test_odd_answers_of_a_platform_sign_nobody_in(tmp_path: Path) -> None:
    async with the_page(tmp_path) as (_, bot, browser):
        member = Member(browser)
        for query, words in (
            ("error=access_denied&state=x", "you did not agree"),
            ("error=%3Cscript%3Ealert(1)%3C/script%3E", "&lt;script&gt;"),
            ("", "no answer of a sign-in"),
            ("code=a", "no answer of a sign-in"),
            (f"code={'a' * 3_000}&state=b", "no answer of a sign-in"),
        ):
            page = await member.get(f"/signin/memory/back?{query}")
            assert page.status == 403
            assert words in page.text
            assert "<script>alert" not in page.text
        assert (await member.get("/signin/nowhere")).status == 403
        assert (await browser.get("/signin/memory")).status == 403  # not by the public name
        assert "Sign in with" not in (await browser.get("/conversations")).text
        bot.signs_in = False
        assert (await member.get("/signin/memory")).status == 403
        assert (await browser.get("/", Host="dovecote.example.com.evil.example")).status == 421


async def test_whoever_may_not_ask_an_agent_gets_not_in_and_whoever_may_no_more_is_out(
    tmp_path: Path,
) -> None:
    access = {"unknown": "deny", "users": ["memory:U1"]}
    async with the_page(tmp_path, access=access) as (host, bot, browser):
        bot.codes["eve"] = Viewer(EVE, Address("memory", "w", ""), "dm")
        refused = await Member(browser).back("eve")
        assert (refused.status, "not been given access" in refused.shown) == (403, True)
        ada, olga = await signed_in(bot, browser, ADA), await signed_in(bot, browser, OLGA)
        assert (await ada.get("/conversations")).status == 200
        await olga.send("/access", person="memory:U1", verdict="deny", back="/decisions")
        gone = await ada.get("/conversations")
        assert (gone.status, "not been given access" in gone.shown) == (401, True)
        await olga.send("/access", person="memory:U1", verdict="forget", back="/decisions")
        assert (await ada.get("/conversations")).status == 401  # the sign-in is over for good
        assert host.house is not None


async def test_whoever_lost_the_role_is_out_within_minutes_and_a_platform_that_says_nothing_lets_owners_in_alone(
    tmp_path: Path,
) -> None:
    clock = [now_ms()]
    access = {"unknown": "deny", "groups": ["memory:team"]}
    async with the_page(tmp_path, now=lambda: clock[0], access=access) as (_, bot, browser):
        bot.groups["U1"] = ("team",)
        ada = await signed_in(bot, browser, replace(ADA, groups=("team",)))
        olga = await signed_in(bot, browser, OLGA)
        clock[0] += FRESH
        assert (await ada.get("/conversations")).status == 200
        clock[0] += FRESH
        bot.tells_nothing = RuntimeError("the cable is cut")
        asked = await ada.get("/conversations")
        assert (asked.status, "does not say who you are" in asked.shown) == (401, True)
        assert (await olga.get("/conversations")).status == 200
        bot.tells_nothing = None
        assert (await ada.get("/conversations")).status == 200
        bot.groups["U1"] = ()
        clock[0] += FRESH
        gone = await ada.get("/conversations")
        assert (gone.status, "not been given access" in gone.shown) == (401, True)


async def test_sign_ins_are_listed_and_ended(tmp_path: Path) -> None:
    async with the_page(tmp_path) as (_, bot, browser):
        ada, twice, olga = [await signed_in(bot, browser, who) for who in (ADA, ADA, OLGA)]
        assert (await ada.get("/signins")).text.count('name="signin"') == 2
        assert (await olga.get("/signins")).text.count('name="signin"') == 3
        ids = [
            part.partition('"')[0]
            for part in (await olga.get("/signins")).text.split('name="signin" value="')[1:]
        ]
        assert (await ada.send("/signins", signin=ids[2], back="/signins")).status == 404
        assert "Signed out." in (await ada.send("/signins", signin=ids[1], back="/signins")).shown
        assert (await twice.get("/conversations")).status == 401
        assert "Signed out." in (await olga.send("/signins", signin=ids[0], back="/signins")).shown
        assert (await ada.get("/conversations")).status == 401
        assert (await olga.send("/leave")).status == 401
    assert [entry[2:] for entry in recorded(tmp_path)] == [("sign_out", "memory:U1")] * 2


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "a.example",
        "https://a.example/x",
        "https://",
        "https://a b",
        "https://u@a.example",
        "https://a.example#x",
        "https://a.example?x",
        "https://dövecote.example",
    ],
)
def test_a_public_url_is_an_address_by_tls(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match=r"https://dovecote\.example\.com"):
        config(tmp_path, web={"public_url": url})


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (" https://Dove.example/ ", "https://dove.example"),
        ("https://dove.example:443", "https://dove.example"),
        ("https://dove.example:8443", "https://dove.example:8443"),
    ],
)
def test_a_public_url_is_kept_as_browsers_name_it(tmp_path: Path, url: str, kept: str) -> None:
    web = config(tmp_path, web={"public_url": url}).web
    assert web is not None
    assert web.public_url == kept


async def test_a_private_task_is_named_for_those_who_are_there(tmp_path: Path) -> None:
    token = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nc4Vb6Xs9Df2Gh0Jj8Ka5"
    wish = {"title": "Osprey", "prompt": f"say it with {token}", "cron": "0 9 * * *"}
    call = "@@call schedule_task " + json.dumps(wish)
    async with the_page(tmp_path) as (_, bot, browser):
        await answered(bot, "vault", call, privacy="private", mentioned=True)
        olga = await signed_in(bot, browser, OLGA)
        listed = await olga.get("/tasks")
        assert "Osprey" not in listed.text
        id_ = listed.text.partition('href="/tasks/')[2].partition('"')[0]
        refused = await olga.send("/tasks/edit", task=id_, title="Mine", back="/tasks")
        assert "may read a task" in refused.shown
        assert "say it" not in (await olga.get(f"/tasks/{id_}")).text
        bot.members["U9"] = {"vault"}
        one = await olga.get(f"/tasks/{id_}")
        assert "say it with ‹masked: github-token›" in one.text
        kept = {"task": id_, "title": "Osprey", "prompt": "say it with ‹masked: github-token›"}
        assert "Changed" in (await olga.send("/tasks/edit", **kept, cron="15 8 * * 1", back="/tasks")).shown
        files = list(tmp_path.glob("sessions/*/inbound/inbound.db"))
        assert any(f"say it with {token}".encode() in file.read_bytes() for file in files)
        changed = await olga.send(
            "/tasks/edit", task=id_, title="Kestrel", prompt="a\r\nb", cron="30 8 * * 1", back="/tasks"
        )
        assert "Changed" in changed.shown
        assert "Kestrel" in changed.shown
        assert "08:30" in changed.shown
        assert ">a\nb<" in (await olga.get(f"/tasks/{id_}")).text
        wrong = await olga.send("/tasks/edit", task=id_, cron="every now and then", back="/tasks")
        assert "Changed" not in wrong.shown
    kinds = [entry[2] for entry in recorded(tmp_path)]
    assert kinds == ["update_task"] * 3
