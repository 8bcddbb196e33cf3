"""The page of a running host: who gets in, what they see of what is not theirs, and what they can order."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from host.governance import audit, requests, rules
from host.governance.access import LOCAL
from host.ports.controls import ChannelRules, Judged
from host.ports.events import Author, Viewer
from host.registry import places
from host.registry.port import Statements
from sessiondb import Address
from tests.fakes.platform import TIMEOUT
from tests.support.browsing import WEB, browsing
from tests.support.hosting import config, serving
from tests.support.viewing import answered, recorded, spend, viewer

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)> \u202egnp.exe {{ 7 * 7 }} & "quoted"'
VIEWS = ("/", "/conversations", "/failures", "/tasks", "/costs", "/decisions", "/audit")


async def test_a_conversation_in_public_is_told_with_its_words_and_they_are_text(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        said = await answered(
            bot, "c", HOSTILE, privacy="public", mentioned=True, author=Author("U1", "<b>Ada</b>")
        )
        assert await host.settled(said) == "completed"
        listed = await browser.get("/conversations")
        assert "<script>alert" not in listed.text
        link = listed.text.partition('href="/conversations/s')[2].partition('"')[0]
        told = await browser.get(f"/conversations/s{link}")
    assert "<script>alert" not in told.text
    assert "<img" not in told.text
    assert "<b>Ada" not in told.text
    assert "&lt;script&gt;" in told.text
    assert 'alert("x")' in told.shown
    assert "\u202egnp.exe {{ 7 * 7 }}" in told.shown
    assert 'dir="auto"' in told.text
    assert "answered" in told.shown
    assert "posted" in told.shown


@pytest.mark.parametrize("privacy", ["dm", "private"])
async def test_of_a_private_conversation_there_are_figures_and_no_word(tmp_path: Path, privacy: Any) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        said = await answered(
            bot, "secret-room", "the merger is called Osprey", privacy=privacy, mentioned=True
        )
        assert await host.settled(said) == "completed"
        await spend(host, Address("memory", "w", "secret-room"), 1_500_000)
        listed = await browser.get("/conversations")
        path = "/conversations/s" + listed.text.partition('href="/conversations/s')[2].partition('"')[0]
        told = await browser.get(path)
        whole = [await browser.get(f"{path}/{seq}") for seq in range(6)]
        views = [await browser.get(view) for view in VIEWS]
    for page in (listed, told, *whole, *views):
        assert "Osprey" not in page.text
        assert "merger" not in page.text
    assert "$1.50" in told.shown
    assert "answered" in told.shown
    assert "for those alone who are in it" in told.shown
    assert [page.status for page in whole] == [404] * 6


async def test_an_agents_words_are_masked_here_as_where_they_were_posted(tmp_path: Path) -> None:
    token = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nc4Vb6Xs9Df2Gh0Jj8Ka5"
    ask = "osprey\n@@results\n@@call send_message " + json.dumps({"text": f"a heron: {token}"})
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await answered(bot, "c", ask, privacy="public", mentioned=True)
        listed = await browser.get("/conversations")
        path = "/conversations/s" + listed.text.partition('href="/conversations/s')[2].partition('"')[0]
        told = await browser.get(path)
        whole = [(await browser.get(f"{path}/{seq}")).text for seq in range(1, 6, 2)]
    assert "a heron: ‹masked: github-token›" in told.text
    assert any("a heron: ‹masked: github-token›" in one for one in whole)
    assert not any(f"a heron: {token}" in one for one in whole)


async def test_a_megabyte_is_shown_in_part_and_whole_as_text(tmp_path: Path) -> None:
    said = "<script>" + "é" * 1_000_000 + "the end"
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await answered(bot, "c", said, privacy="public", mentioned=True)
        listed = await browser.get("/conversations")
        path = "/conversations/s" + listed.text.partition('href="/conversations/s')[2].partition('"')[0]
        told = await browser.get(path)
        link = told.text.partition(f'href="{path}/')[2].partition('"')[0]
        whole = await browser.get(f"{path}/{link}")
    assert len(told.text) < 200_000
    assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.text.startswith("<script>é")
    assert whole.text.rstrip().endswith("the end")


async def test_every_view_is_there_and_forbids_what_is_not_ours(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await answered(bot, "c", "hello", privacy="public", mentioned=True)
        for view in VIEWS:
            page = await browser.get(view)
            assert page.status == 200
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert page.headers["Cache-Control"] == "no-store"
            assert " style=" not in page.text
            assert "<style" not in page.text
            assert " onclick" not in page.text


async def test_a_link_signs_in_once_and_only_when_it_is_sent_as_a_form(tmp_path: Path) -> None:
    async with (
        serving(config(tmp_path, web=WEB)) as (host, _),
        browsing(host, tmp_path, inside=False) as browser,
    ):
        token = browser.link("olga")
        for _ in range(3):  # what fetches links beforehand uses none up
            assert (await browser.get(f"/enter?token={token}")).status == 200
        assert (await browser.get("/")).status == 401
        first = await browser.post("/enter", {"token": token}, Origin=browser.base)
        assert first.status == 303
        cookie = first.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert (await browser.get("/")).status == 200
        again = await browser.post("/enter", {"token": token}, Origin=browser.base)
        assert again.status == 403
        assert "used up" in again.shown


async def test_two_who_use_one_link_at_once_are_one_inside(tmp_path: Path) -> None:
    async with (
        serving(config(tmp_path, web=WEB)) as (host, _),
        browsing(host, tmp_path, inside=False) as browser,
    ):
        token = browser.link()
        sent = [browser.post("/enter", {"token": token}, Origin=browser.base) for _ in range(8)]
        statuses = [answer.status for answer in await asyncio.gather(*sent)]
    assert sorted(statuses) == [303, *[403] * 7]


async def test_whoever_is_not_signed_in_sees_nothing_and_orders_nothing(tmp_path: Path) -> None:
    async with (
        serving(config(tmp_path, web=WEB)) as (host, bot),
        browsing(host, tmp_path, inside=False) as browser,
    ):
        await answered(bot, "c", "a word", privacy="public", mentioned=True)
        session = host.house.records.sessions
        assert session is not None
        for view in (*VIEWS, "/now/stream", "/conversations/x", "/tasks/x"):
            page = await browser.get(view)
            assert page.status == 401
            assert "a word" not in page.text
        for form in ("/stop", "/tasks", "/decide", "/access", "/rules", "/leave"):
            assert (await browser.post(form, {"person": "slack:U1", "verdict": "allow"})).status == 401
        assert recorded(tmp_path) == []


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("https://evil.example", ""),
        ("null", ""),
        ("http://127.0.0.1:1", ""),
        ("", "cross-site"),
        ("", "same-site"),
    ],
)
async def test_a_form_of_another_site_changes_nothing(tmp_path: Path, origin: str, site: str) -> None:
    sent = {name: value for name, value in {"Origin": origin, "Sec-Fetch-Site": site}.items() if value}
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        token = (await browser.get("/")).text.partition('name="csrf" value="')[2].partition('"')[0]
        fields = {"csrf": token, "person": "slack:U1", "verdict": "allow"}
        assert (await browser.post("/access", fields, **sent)).status == 403
        assert (await browser.post("/enter", {"token": browser.link()}, **sent)).status == 403
        assert recorded(tmp_path) == []


@pytest.mark.parametrize("token", ["", "x", "\udcff", "é" * 50])
async def test_a_form_without_its_visitors_token_changes_nothing(tmp_path: Path, token: str) -> None:
    token = token.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        async with browsing(host, tmp_path) as other:
            theirs = (await other.get("/")).text.partition('name="csrf" value="')[2].partition('"')[0]
        for wrong in (token, theirs):
            fields = {"csrf": wrong, "person": "slack:U1", "verdict": "allow"}
            assert (await browser.post("/access", fields, Origin=browser.base)).status == 403
        assert recorded(tmp_path) == []


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "xn--"])
async def test_a_name_that_is_none_of_ours_gets_no_page(tmp_path: Path, name: str) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        for view in VIEWS:
            assert (await browser.get(view, Host=name)).status == 421
        assert (await browser.post("/enter", {"token": browser.link()}, Host=name)).status == 421


async def test_no_path_leads_to_a_file(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        for path in (
            "/static/..%2fserver.py",
            "/static/../server.py",
            "/static/%2e%2e/server.py",
            "/static/page.css%00",
            "/static//etc/passwd",
            "/conversations/..%2f..%2fhost.db",
            "/conversations/..%2f/2",
            "/tasks/..%2f..%2fhost.db",
        ):
            page = await browser.get(path)
            assert page.status in (400, 404), path
            assert "SQLite format" not in page.text
        assert (await browser.get("/static/page.css")).headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=9999999999999999999999",
        "page=x",
        "page=%00",
        "page=%D9%A3",
        "page=" + "9" * 5000,
    ],
)
async def test_an_odd_page_of_the_list_is_a_page(tmp_path: Path, query: str) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        assert (await browser.get(f"/conversations?{query}")).status == 200
        assert (await browser.get(f"/costs?day={query[5:]}")).status == 200
        today = re.findall(r"day=(\d{8})", (await browser.get("/costs")).text)[-1]
        assert (await browser.get(f"/costs?day={today}{'9' * 20}")).status == 200


async def test_a_channel_whose_name_is_no_text_is_none(tmp_path: Path) -> None:
    odd = '["\\ud800", "w", "c"]'
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        assert (await browser.get(f"/decisions?channel={quote(odd)}")).status == 200
        told = await browser.send("/rules", channel=odd, back="/decisions")
    assert "That names no channel." in told.shown
    assert recorded(tmp_path) == []


async def test_what_runs_is_seen_as_it_begins_and_is_stopped(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        async with asyncio.timeout(TIMEOUT), browser.client.get(f"{browser.base}/now/stream") as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            said = await bot.say("c", "@@sleep 30", privacy="public", mentioned=True)
            text = ""
            while "Stop" not in text:
                text += (await stream.content.readline()).decode()
        assert said.message_id
        id_ = text.partition('name="session" value="')[2].partition('"')[0]
        stopped = await browser.send("/stop", session=id_, back="/")
        assert "Stopped." in stopped.shown
    assert (f"{LOCAL}:olga", "", "stop", id_) in recorded(tmp_path)


async def test_watchers_are_counted_and_a_host_that_stops_waits_for_none(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        streams = [await browser.client.get(f"{browser.base}/now/stream") for _ in range(4)]
        for stream in streams:
            async with asyncio.timeout(TIMEOUT):
                assert await stream.content.readline()
        assert (await browser.get("/now/stream")).status == 503
        assert (await browser.get("/")).status == 200
        async with browsing(host, tmp_path) as other, asyncio.timeout(TIMEOUT):
            beside = await other.client.get(f"{browser.base}/now/stream")
            assert await beside.content.readline()
        host.stop()
        for stream in streams:
            async with asyncio.timeout(TIMEOUT):
                await drained(stream)


async def drained(stream: aiohttp.ClientResponse) -> None:
    try:
        while await stream.content.readany():
            pass
    except aiohttp.ClientError:
        pass


async def test_an_owner_lets_somebody_in_and_the_audit_says_so(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        done = await browser.send("/access", person="slack:U7", verdict="allow", back="/decisions")
        assert "slack:U7: allowed" in done.shown
        wrong = await browser.send("/access", person="nobody", verdict="allow", back="/decisions")
        assert "names nobody" in wrong.shown
        seen = await browser.get("/audit")
    assert recorded(tmp_path) == [(f"{LOCAL}:olga", "", "access", "slack:U7 allowed")]
    assert "olga this machine access: slack:U7 allowed" in seen.shown


async def test_an_owner_switches_a_channel_and_sets_its_budget(tmp_path: Path) -> None:
    channel = '["memory", "w", "c"]'
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await answered(bot, "c", "hello", privacy="public", mentioned=True)
        rules = {
            "channel": channel,
            "agent": "default",
            "engage": "off",
            "budget": "2.5",
            "back": "/decisions",
        }
        done = await browser.send("/rules", **rules)
        assert "agents are switched off, at most $2.50 a day" in done.shown
        assert 'value="2.50"' in done.text
        for wrong in (
            {"budget": "nan"},
            {"budget": "-1"},
            {"budget": "1,000"},
            {"engage": "x"},
            {"channel": "{"},
            {"agent": "nobody"},
        ):
            refused = await browser.send("/rules", **{**rules, **wrong})
            assert "There: agent" not in refused.shown
        told = {**rules, "version": "1", "instructions": "<b>Speak</b> of\r\ndoves."}
        assert "with instructions of its own" in (await browser.send("/rules", **told)).shown
        late = await browser.send("/rules", **{**rules, "version": "1", "engage": "always"})
        assert "olga has changed this channel in the meantime" in late.shown
        page = await browser.get("/channel?of=" + quote(channel))
        assert "&lt;b&gt;Speak&lt;/b&gt; of\ndoves." in page.text
        assert "before: agent=- engage=- budget=-" in page.shown
        assert (
            "no such version"
            in (await browser.send("/revert", channel=channel, version="7", back="/decisions")).shown
        )
        back = await browser.send("/revert", channel=channel, version="1", back="/decisions")
        assert back.shown.count("with instructions of its own") == 0
        assert "Version 3" in back.shown
    assert recorded(tmp_path) == [
        (f"{LOCAL}:olga", "c", "channel_rules", f"agent=default engage=off budget=2.50{more}")
        for more in ("", f" instructions={len('<b>Speak</b> of doves.')}", "")
    ]


async def test_what_was_spent_is_plotted_by_day_channel_person_and_model(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await answered(bot, "c", "hello", privacy="public", mentioned=True)
        await spend(host, Address("memory", "w", "c"), 2_250_000)
        assert "thought of answers" not in (await browser.get("/costs")).shown
        for author, choice in (("U1", "good"), ("U2", "bad"), ("U3", "good")):
            said = Judged(bot.sent[-1].key, choice, 10)  # type: ignore[arg-type]
            await host.controls.judge(viewer(Author(author, author), "c"), said)
        seen = await browser.get("/costs")
    assert re.search(r"default \S+ 2 1 67%", seen.shown)
    assert seen.text.count("<rect") > 30
    for told in (
        "Cost by agent default $2.25",
        "Cost by person Ada $2.25",
        "Cost by model claude-sonnet-5-5 $2.25",
    ):
        assert told in seen.shown
    assert seen.shown.count("$2.25") >= 6


@pytest.mark.parametrize(
    "back", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/\r\nX: 1", "/é"]
)
async def test_a_form_leads_back_to_a_page_of_ours(tmp_path: Path, back: str) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        token = (await browser.get("/")).text.partition('name="csrf" value="')[2].partition('"')[0]
        fields = {"csrf": token, "back": back, "person": "slack:U7", "verdict": "forget"}
        sent = await browser.post("/access", fields, Origin=browser.base)
    assert (sent.status, sent.headers["Location"]) == (303, "/")


async def test_signing_out_is_the_end_of_the_cookie(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        cookies = {cookie.key: cookie.value for cookie in browser.client.cookie_jar}
        assert (await browser.send("/leave")).status == 401
        async with aiohttp.ClientSession(cookies=cookies) as thief, thief.get(f"{browser.base}/") as answer:
            assert answer.status == 401


async def test_budgets_are_shown_where_least_is_left_first_and_private_ones_without_a_name(
    tmp_path: Path,
) -> None:
    model = {"budget_usd_per_day": 10, "budget_usd_per_month": 100}
    secret = Address("memory", "w", "secret-room")

    def rules_and_name(connection: Statements) -> None:
        rules.put(connection, secret, ChannelRules(budget_usd_per_day=2.0))
        places.call(connection, secret, "the merger")

    async with (
        serving(config(tmp_path, web=WEB, model=model)) as (host, bot),
        browsing(host, tmp_path) as browser,
    ):
        await answered(bot, "secret-room", "hello", privacy="private", mentioned=True)
        await host.house.records.db.write(rules_and_name)
        await spend(host, secret, 1_500_000)
        seen = await browser.get("/costs")
    assert "merger" not in seen.text
    told = seen.shown.partition("Budgets")[2]
    for words in (
        "private channel secret-room, memory for today $1.50 of $2.00",
        "all agents for today $1.50 of $10.00",
        "all agents for this month $1.50 of $100.00",
    ):
        assert words in told
    order = [
        told.index(words) for words in ("secret-room", "all agents for today", "all agents for this month")
    ]
    assert order == sorted(order)


async def test_people_channels_and_the_audit_are_paged_by_key(tmp_path: Path) -> None:
    def job(connection: Statements) -> None:
        for number in range(230):
            user = f"U{number:03}"
            requests.set_standing(connection, "memory", user, "denied", number)
            places.call(connection, Address("memory", f"w{number % 3}", f"c{number:03}"), f"room {number}")
            viewer = Viewer(Author("U9", "Olga"), Address("memory", "w", "c"), "public")
            audit.record(connection, viewer, "access", f"number {number:03}.", number)

    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        await host.house.records.db.write(job)
        for path, query, key in (
            ("/decisions", "person", "<code>memory:U"),
            ("/decisions", "channel", 'name="channel" value="'),
            ("/audit", "before", "number "),
        ):
            found: list[str] = []
            following = path
            while following:
                page = await browser.get(following)
                found += [part.partition("<")[0].partition(".")[0] for part in page.text.split(key)[1:]]
                more = page.text.partition(f'href="?{query}=')[2].partition('"')[0]
                following = f"{path}?{query}={more}" if more else ""
            assert (len(found), len(set(found))) == (230, 230), query
        for odd in (
            "person=%00",
            "person=x",
            "channel={",
            "channel=[]",
            "channel=%5B1,2,3%5D",
            "channel=null",
        ):
            assert (await browser.get(f"/decisions?{odd}")).status == 200
