"""Receipts in host.db: a lost inbound.db takes none of them with it, and no file is synced for each."""

from __future__ import annotations

import asyncio
import io
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from host.app import Host
from host.cli import listing
from host.cli.story import tell
from host.delivery import policy, service
from host.mailbox.inbound import InboundWriter
from host.ports.bot import Delivery, Receipt
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, serving
from tests.support.reading import rows
from tests.support.waiting import eventually

MANY = 40  # posts of one turn
OVER = "SELECT status FROM messages_in WHERE id = ?"


class Asked(MemoryBot):
    """Notes what it is asked for; what a dead host sent is over at once."""

    capabilities = replace(MemoryBot.capabilities, flight=0.0)

    def __init__(self) -> None:
        super().__init__()
        self.looked_up: list[str] = []

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        self.looked_up.append(delivery.key)
        return await super().lookup(delivery)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "GRACE", 20)
    monkeypatch.setattr(service, "LANE_GRACE", 0.1)


def inbound(data: Path) -> Path:
    [found] = (data / "sessions").glob("*/inbound/inbound.db")
    return found


def commits(path: Path) -> int:
    """SQLite's own count of the transactions that have changed the file."""
    return int(struct.unpack(">I", path.read_bytes()[24:28])[0])


async def answered(host: Host, bot: MemoryBot, text: str, **more: str) -> str:
    said = await bot.say("c", text, **more)
    async with asyncio.timeout(TIMEOUT):
        assert await host.settled(said.message_id) == "completed"
    return said.message_id


async def test_what_was_sent_before_the_file_was_lost_is_neither_sent_nor_asked_for_again(
    tmp_path: Path,
) -> None:
    bot = Asked()
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (host, _):
        first = await answered(host, bot, "one")
    inbound(tmp_path).unlink()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot) as (host, _):
        await answered(host, bot, "two")
        [session] = host.house.records.sessions._known.values()
        [sent] = (delivery for delivery in bot.sent if delivery.payload["text"] == "one")
        await host.house.records.mailboxes.use(session, lambda w: w.catch_up())
        answering = "in_reply_to = ? AND in_reply_to <> ''"
        again = await host.house.records.mailboxes.use(session, lambda w: w._parcels(answering, first))
    assert [text for text in bot.said("c") if "⚠️" not in text] == ["one", "two"]
    assert [(p.key, p.state, p.platform_message_id) for p in again] == [(sent.key, "sent", f"p-{sent.key}")]
    assert sent.key not in bot.looked_up


async def test_whoever_waits_for_an_answer_costs_its_file_no_commit(tmp_path: Path) -> None:
    """That the answer was sent is in host.db; the file hears of it with what is written there next."""
    bot = Asked()
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (host, _):
        first = await answered(host, bot, "one")
        path = inbound(tmp_path)
        before = commits(path)
        async with asyncio.timeout(TIMEOUT):
            assert [await host.settled(first) for _ in range(5)] == ["completed"] * 5
        assert commits(path) == before
        assert rows(path, "SELECT state FROM delivered WHERE in_reply_to = ?", (first,)) == [("sending",)]
    assert bot.said("c") == ["one"]


async def test_an_answer_that_an_earlier_life_left_on_its_way_is_waited_for(tmp_path: Path) -> None:
    bot = Asked()
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (host, _):
        bot.gates["c"] = asyncio.Event()
        said = await bot.say("c", "one")
        await eventually(lambda: list((tmp_path / "sessions").glob("*/inbound/inbound.db")))
        await eventually(lambda: rows(inbound(tmp_path), OVER, (said.message_id,)) == [("completed",)])
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (host, _):
        waiting = asyncio.create_task(host.settled(said.message_id))
        async with asyncio.timeout(TIMEOUT):
            await asyncio.wait([waiting], timeout=0)
            assert not waiting.done()
            bot.gates.pop("c").set()
            assert await waiting == "completed"
    assert [text for text in bot.said("c") if "⚠️" not in text] == ["one"]


async def test_a_long_answer_that_was_half_sent_when_the_file_was_lost_is_said_to_its_end_once(
    tmp_path: Path,
) -> None:
    bot = Asked()
    whole = "".join(str(number % 10) * 2_000 for number in range(4))

    def shut(_: Delivery) -> None:
        if len(bot.sent) == 1:  # the second is on its way, and the platform takes no third
            bot.gates["c"] = asyncio.Event()

    bot.on_send = shut
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (_, _):
        await bot.say("c", whole)
        await bot.until(lambda: len(bot.sent) == 2)
    inbound(tmp_path).unlink()
    bot.gates.clear()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot) as (_, _):
        await bot.until(lambda: len([text for text in bot.said("c") if "⚠️" not in text]) >= 4)
    assert "".join(text for text in bot.said("c") if "⚠️" not in text) == whole


async def test_an_answer_whose_reading_a_power_failure_took_back_is_said_to_its_end_once(
    tmp_path: Path,
) -> None:
    """A host that was killed within a commit left it visible and not durable; the next one has put a chunk into the ledger."""
    bot = Asked()
    whole = "".join(str(number) * 2_000 for number in range(3))

    def shut(_: Delivery) -> None:
        bot.gates["c"] = asyncio.Event()  # the platform takes one chunk and no other

    bot.on_send = shut
    async with serving(config(tmp_path, host={"sweep_every": 3600}), bot) as (_, _):
        said = await bot.say("c", f"@@sleep 1\n{whole}")
        await eventually(lambda: list((tmp_path / "sessions").glob("*/inbound/inbound.db")))
        await eventually(lambda: rows(inbound(tmp_path), OVER, (said.message_id,)) == [("pending",)])
        before = inbound(tmp_path).read_bytes()
        assert rows(inbound(tmp_path), "SELECT 1 FROM delivered", ()) == []
        await bot.until(lambda: len(bot.sent) == 1)
    inbound(tmp_path).write_bytes(before)
    bot.gates.clear()
    bot.on_send = lambda _: None
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot) as (_, _):
        await bot.until(lambda: "".join(bot.said("c")) == whole)


async def test_the_life_of_a_message_is_told_though_its_file_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(listing, "_out", Console(file=out, width=200))
    async with serving(config(tmp_path)) as (host, bot):
        first = await answered(host, bot, "one")
    inbound(tmp_path).unlink()
    for name in (first, f"p-{bot.sent[0].key}"):
        tell(config(tmp_path), name, verbose=True, as_json=False)
    for story in out.getvalue().split(first + " ")[1:]:
        assert f"as p-{bot.sent[0].key}" in story
        assert "unreadable" in story


async def test_a_burst_of_answers_syncs_the_sessions_file_a_few_times_and_not_once_for_each(
    tmp_path: Path,
) -> None:
    calls = "\n".join(f'@@call send_message {{"text": "part {number}"}}' for number in range(MANY))
    async with serving(config(tmp_path, host={"sweep_every": 3600})) as (host, bot):
        await answered(host, bot, "warm")
        [session] = host.house.records.sessions._known.values()
        await host.house.records.mailboxes.use(session, InboundWriter.catch_up)
        bot.gates["c"] = asyncio.Event()
        before = commits(inbound(tmp_path))
        said = await bot.say("c", f"{calls}\nlast")
        path = inbound(tmp_path)
        await eventually(lambda: rows(path, OVER, (said.message_id,)) == [("completed",)])
        read_in = commits(inbound(tmp_path))
        bot.gates["c"].set()
        await bot.until(lambda: len(bot.said("c")) == MANY + 2)
        await host.house.deliveries.stop()
        assert not await host.house.records.mailboxes.use(session, lambda w: w.open_parcels())
        after = commits(inbound(tmp_path))
    assert read_in > before
    assert after - read_in < MANY / 4
