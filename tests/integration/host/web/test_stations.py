"""A message through a running host: every station leaves a line and moves a figure; probes say how the host is."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from host.app import Host
from host.cli.doctor import health
from host.ports.bot import Hearing
from host.upkeep.traces import Traces
from tests.fakes.model_api import FakeModelAPI
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, serving

WEB = {"port": 0}
Figures = dict[str, float]


class Listening(MemoryBot):
    """A bot that can tell whether its platform reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.connected = True
        self.looked_ago = 0.0

    def hearing(self) -> Hearing:
        return Hearing(self.connected, asyncio.get_running_loop().time() - self.looked_ago)


async def asked(host: Host, path: str, **headers: str) -> tuple[int, str]:
    assert host.web is not None
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{host.web.port}{path}", headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def figures(host: Host) -> Figures:
    """Each sample's value by its name and labels: `name{label=value}`."""
    status, text = await asked(host, "/metrics")
    assert status == 200
    return {
        sample.name + "{" + ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items())) + "}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def moved(before: Figures, after: Figures, name: str) -> float:
    return after[name] - before.get(name, 0.0)


def lines_of(caplog: pytest.LogCaptureFixture, platform_message: str) -> list[Any]:
    """What a search for the platform's id finds, in order."""
    return [
        record for record in caplog.records if getattr(record, "platform_message", "") == platform_message
    ]


async def test_a_platforms_id_finds_every_station_of_a_message_in_order_and_no_word_of_it(
    api: FakeModelAPI, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    api.script("Four, as ever.")
    agent = {"provider": "claude", "budget_usd_per_day": 5}
    settings = config(
        tmp_path,
        agents={"default": agent},
        model={"base_url": api.base_url, "budget_usd_per_day": 7},
        web=WEB,
    )
    memory = InMemorySpanExporter()
    async with serving(settings, spans=Traces(SimpleSpanProcessor(memory))) as (host, bot):
        before = await figures(host)
        said = await bot.say("c", "How many is two and two?", platform_message_id="1712.0001")
        assert await host.settled(said.message_id) == "completed"
        await host.house.gateway.settled()
        after = await figures(host)
    found = lines_of(caplog, "1712.0001")
    assert [record.action for record in found] == [
        "in",
        "stored",
        "claimed",
        "model_call",
        "out",
        "settled",
        "receipt",
    ]
    spans = memory.get_finished_spans()
    assert {span.name for span in spans} == {
        "in",
        "stored",
        "claimed",
        "model call",
        "out",
        "turn",
        "receipt",
    }
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    assert not any("two and two" in span.to_json() or "ever" in span.to_json() for span in spans)
    assert {record.message for record in found} != {""}
    assert not any("two and two" in record.getMessage() or "ever" in record.getMessage() for record in found)
    assert moved(before, after, "dovecote_events_total{kind=message,platform=memory,verdict=stored}") == 1
    assert moved(before, after, "dovecote_deliveries_total{platform=memory,state=sent}") == 1
    assert moved(before, after, "dovecote_first_answer_seconds_count{platform=memory}") == 1
    assert moved(before, after, "dovecote_turns_total{platform=memory,status=completed}") == 1
    assert after["dovecote_budget_left_ratio{kind=agent,period=day}"] > 0.9
    assert "dovecote_budget_left_ratio{kind=person,period=day}" not in after
    assert moved(before, after, "dovecote_turn_seconds_count{platform=memory}") == 1
    assert moved(before, after, "dovecote_model_calls_total{agent=default,status=200}") == 1
    assert moved(before, after, "dovecote_tokens_total{agent=default,kind=output}") > 0
    assert moved(before, after, "dovecote_cost_usd_total{agent=default}") > 0
    assert moved(before, after, "dovecote_runner_starts_total{outcome=started}") == 1
    assert after["dovecote_runners{}"] == 1
    assert after["dovecote_platform_connected{platform=memory}"] == 1
    assert 0 < after["dovecote_budget_left_usd{period=day}"] < 7


async def test_what_people_say_among_themselves_leaves_no_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(config(tmp_path, web=WEB)) as (_, bot):
        await bot.say("c", "lunch?", privacy="public", remark=True, platform_message_id="77.1")
    assert lines_of(caplog, "77.1") == []


async def test_a_platform_that_is_away_is_not_ready_and_the_host_is_healthy_all_the_same(
    tmp_path: Path,
) -> None:
    bot = Listening()
    async with serving(config(tmp_path, web=WEB, host={"sweep_every": 0.05}), bot) as (host, _):
        await swept(tmp_path, connected=True)
        assert await asked(host, "/readyz") == (200, '{"ready": true, "platforms": {"memory": true}}')
        bot.connected = False
        assert (await asked(host, "/readyz"))[0] == 503
        assert (await asked(host, "/readyz/memory"))[0] == 503
        assert (await asked(host, "/readyz/slack"))[0] == 404
        status, told = await asked(host, "/healthz")
        assert (status, json.loads(told)["problem"]) == (200, "")
        await swept(tmp_path, connected=False)
        assert health(tmp_path)["problem"] == "not connected: memory; host.log says why"


async def test_a_bot_that_looks_no_more_makes_the_host_unhealthy(tmp_path: Path) -> None:
    bot = Listening()
    async with serving(config(tmp_path, web=WEB, host={"sweep_every": 0.05}), bot) as (host, _):
        await swept(tmp_path, connected=True)
        bot.looked_ago = 1_000.0
        status, told = await asked(host, "/healthz")
        assert (status, json.loads(told)["problem"]) == (503, "memory: the bot hangs")
        assert host.house.state.hanging() == ["memory"]


async def test_a_name_that_is_none_of_ours_is_not_served(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web={**WEB, "hosts": ["dove.example.org"]})) as (host, _):
        assert (await asked(host, "/metrics", Host="rebound.example.net"))[0] == 421
        assert (await asked(host, "/readyz", Host="dove.example.org"))[0] == 200
        assert (await asked(host, "/readyz", Host="localhost:9"))[0] == 200


async def test_a_host_that_has_ended_is_not_healthy(tmp_path: Path) -> None:
    async with serving(config(tmp_path, host={"sweep_every": 0.05})):
        await swept(tmp_path, connected=True)
        assert health(tmp_path)["healthy"]
    assert not health(tmp_path)["healthy"]
    assert "no host runs here" in str(health(tmp_path)["problem"])


def test_a_folder_that_no_host_has_swept_is_not_healthy(tmp_path: Path) -> None:
    assert health(tmp_path) == {
        "healthy": False,
        "problem": f"{tmp_path}: no host runs here, or it has not swept yet",
        "last_sweep": None,
        "connected": {},
        "stands_by": "",
    }


async def swept(data: Path, *, connected: bool) -> None:
    """Until a sweep has written what it finds."""
    async with asyncio.timeout(TIMEOUT):
        while health(data)["connected"] != {"memory": connected}:  # noqa: ASYNC110 - a file of another thread
            await asyncio.sleep(0.02)
