"""Webhooks against a real host over a real socket: what is signed comes in once, the rest is refused in words."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from host.app import Host
from host.ports.controls import ChannelRules
from host.ports.events import Author, Verdict, Viewer
from host.registry.db import open_host_db
from host.webhooks import WebhookError
from host.webhooks.server import LARGEST_BODY, NOT_TAKEN
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.webhooking import SECRET, generic, github

PLACE = {"platform": "memory", "workspace": "w", "channel": "deploys", "secret_env": "HOOK_SECRET"}


@asynccontextmanager
async def hooked(
    data: Path, bot: MemoryBot | None = None, hook: dict[str, Any] | None = None, **sections: Any
) -> AsyncIterator[tuple[Host, MemoryBot, Door]]:
    hooks = {"port": 0, "ci": {**PLACE, **(hook or {})}, "repo": {**PLACE, "style": "github"}}
    settings = config(data, webhooks=hooks, access={"owners": ["memory:U9"]}, **sections)
    async with serving(settings, bot) as (host, served), aiohttp.ClientSession() as client:
        assert host.webhooks is not None
        yield host, served, Door(client, f"http://127.0.0.1:{host.webhooks.port}/hooks")


class Door:
    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self._client = client
        self._url = url

    async def post(self, hook: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        async with self._client.post(f"{self._url}/{hook}", data=body, headers=headers) as answer:
            return answer.status, json.loads(await answer.text())


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


async def test_a_signed_request_wakes_the_agent_of_the_channel_once(tmp_path: Path) -> None:
    body = b"deploy 17 failed"
    headers = generic(body, "d17")
    async with hooked(tmp_path) as (host, bot, door):
        answers = await asyncio.gather(*(door.post("ci", body, headers) for _ in range(5)))
        assert sorted(status for status, _ in answers) == [200, 200, 200, 200, 202]
        assert len({told["message"] for _, told in answers}) == 1
        await bot.until(lambda: bool(bot.said("deploys")))
        olga = Viewer(Author("U9"), Address("memory", "w", "x"), "public")
        assert "from ci in memory/w/deploys" in (await host.controls.why(olga, answers[0][1]["message"])).text
    async with hooked(tmp_path, bot) as (_, _, door):
        status, told = await door.post("ci", body, headers)
        assert (status, told["duplicate"]) == (200, True)
    assert bot.said("deploys") == ["deploy 17 failed"]


async def test_a_reply_under_what_a_webhook_had_posted_goes_on_without_a_mention(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (host, bot, door):
        assert (await door.post("ci", b"red", generic(b"red", "d1")))[0] == 202
        await bot.until(lambda: bool(bot.said("deploys")))
        thread = Address("memory", "w", "deploys", f"p-{bot.sent[0].key}")
        at = time.time_ns() // 1_000_000
        reply = bot.event("deploys", "why?", address=thread, privacy="private", at=at)
        ingested = await host.ingest(reply)
        assert ingested.verdict is Verdict.STORED
        await bot.until(lambda: len(bot.said("deploys")) == 2)
    assert bot.sent[1].address == thread
    assert agents_with_sessions(tmp_path) == ["default"]


async def test_githubs_style_names_a_delivery_by_what_is_signed(tmp_path: Path) -> None:
    body = b'{"ref": "main"}'
    async with hooked(tmp_path) as (_, bot, door):
        assert await door.post("repo", b"{}", github(b"{}", event="ping")) == (200, {"pong": "repo"})
        assert (await door.post("repo", body, github(body)))[0] == 202
        assert (await door.post("repo", body, github(body, delivery="another")))[0] == 200
        await bot.until(lambda: bool(bot.said("deploys")))
    assert bot.said("deploys") == ['{"ref": "main"}']


async def test_what_is_not_signed_well_is_refused_and_disturbs_nothing(tmp_path: Path) -> None:
    body, now = b"x", int(time.time())
    good = generic(body, "d1")
    forged: list[tuple[str, bytes, dict[str, str]]] = [
        ("ci", body, {}),
        ("ci", body, generic(body, "d1", secret="another secret of some length")),
        ("ci", body + b"y", good),
        ("ci", body, {**good, "webhook-id": "d2"}),
        ("ci", body, {**good, "webhook-timestamp": str(now + 1)}),
        ("ci", body, {**good, "webhook-signature": ""}),
        ("ci", body, {**good, "webhook-signature": "v1,é"}),
        ("ci", body, generic(body, "i" * 300)),
        ("ci", body, generic(body, "late", at=now - 400)),
        ("ci", body, generic(body, "early", at=now + 400)),
        ("ci", body, github(body)),
        ("repo", body, good),
        ("repo", body, {**github(body), "x-hub-signature-256": "sha256=00"}),
        ("other", body, good),
        ("other", body, github(body)),
        ("ci%0a2026-01-01 forged", body, good),
    ]
    refusals = set()
    async with hooked(tmp_path) as (_, bot, door):
        for hook, sent, headers in forged:
            status, told = await door.post(hook, sent, headers)
            refusals.add((status, told["error"]))
        assert refusals == {(401, NOT_TAKEN)}, "which names are hooks is nobody's to find out"
        assert (await door.post("ci", body, good))[0] == 202
        await bot.until(lambda: bool(bot.said("deploys")))
    assert bot.said("deploys") == ["x"]
    assert received(tmp_path) == 1


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (_, _, door):
        body = b"x" * (LARGEST_BODY + 1)
        status, told = await door.post("ci", body, generic(body, "d1"))
        assert (status, told) == (413, {"error": f"the body has more than {LARGEST_BODY} bytes"})
        most = body[:LARGEST_BODY]
        assert (await door.post("ci", most, generic(most, "d2")))[0] == 202
    assert received(tmp_path) == 1


async def test_a_sender_that_is_too_fast_is_told_to_wait(tmp_path: Path) -> None:
    async with hooked(tmp_path, hook={"per_minute": 2}) as (_, _, door):
        seen = [(await door.post("ci", b"x", generic(b"x", f"d{number}")))[0] for number in range(3)]
        assert (await door.post("repo", b"y", github(b"y")))[0] == 202
    assert seen[0] == 202
    assert seen[-1] == 429


async def test_a_channel_that_is_off_takes_no_webhooks_and_another_agent_may_be_named(tmp_path: Path) -> None:
    agents: dict[str, Any] = {"default": {}, "watch": {}}
    async with hooked(tmp_path, hook={"agent": "watch"}, agents=agents) as (host, bot, door):
        owner = Viewer(Author("U9", "Olga"), Address("memory", "w", "deploys"), "public")
        await host.controls.set_rules(owner, ChannelRules(engage="off"))
        assert await door.post("ci", b"x", generic(b"x", "d1")) == (
            409,
            {"error": "agents are switched off in this channel"},
        )
        await host.controls.set_rules(owner, ChannelRules())
        assert (await door.post("ci", b"x", generic(b"x", "d1")))[0] == 202
        await bot.until(lambda: bool(bot.said("deploys")))
    assert agents_with_sessions(tmp_path) == ["watch"]


async def test_a_hook_without_a_proper_secret_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bad, remedy in (("", "has no HOOK_SECRET"), ("short", "16 bytes"), ("whsec_!", "not base64")):
        monkeypatch.setenv("HOOK_SECRET", bad)
        with pytest.raises(WebhookError, match=remedy):
            async with hooked(tmp_path):
                pytest.fail("it started")


def received(data: Path) -> int:
    return len(_ask(data, "SELECT message_id FROM inbox"))


def agents_with_sessions(data: Path) -> list[str]:
    return _ask(data, "SELECT agent FROM sessions ORDER BY agent")


def _ask(data: Path, sql: str) -> list[str]:
    connection = open_host_db(data / "host.db")
    try:
        return [str(value) for (value,) in connection.execute(sql).fetchall()]
    finally:
        connection.close()
