"""How long one hostile input holds the loop that serves everybody: of a hook, a tool, a text, a platform.

The loop notes how late it comes to what is due each millisecond. What is read in threads and processes apart holds it where
it takes the interpreter or the machine from it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from bench.figure import Figure, Timings, one
from bench.hostile import gateway
from bench.serving import BenchBot, now_ms
from bots.slack.live.message import shown_so_far
from bots.slack.reading import saying
from bots.slack.reading.names import Names
from host.config import Webhooks
from host.delivery.drawing import Drawing, Large
from host.delivery.pace import Pace
from host.ports.bot import Capabilities, Live
from host.ports.events import InboundEvent, Ingested, Verdict
from host.webhooks.server import WebhookServer
from sessiondb import Address, content

ROUNDS = 1  # of each run of this module
MOST_HELD = 200  # ms
SECRET = "of the hook that is measured"
PLACE = Address("slack", "T1", "C1")
NESTED = "".join("*_**~~[" for _ in range(8_000))
MARKS = "*a " * 13_000
PAIRS = "*a b_ " * 6_500  # of which none is one
TOOLS = json.dumps(
    {
        "model": "none",
        "max_tokens": 1,
        "messages": [],
        "tools": [{"input_schema": [{"a": n} for n in range(150_000)]}],
    }
)
CARDS = [{"text": PAIRS, "fields": [{"title": "<http://a|b>" * 200}] * 50} for _ in range(20)]


def measure(folder: Path) -> list[Figure]:
    return asyncio.run(_measured(folder))


async def _measured(folder: Path) -> list[Figure]:
    inputs: dict[str, Callable[[Path], Awaitable[None]]] = {
        "a hook's body": _hook,
        "a tool's schema": _schema,
        "Markdown": _markdown,
        "a text under way": _live,
        "a platform's message": _message,
    }
    figures = list[Figure]()
    for name, brings in inputs.items():
        held = [await _held(brings, folder / f"{number}-{len(figures)}") for number in range(ROUNDS)]
        figures.append(Figure(Timings(f"the loop held by {name}", held), one("ms"), MOST_HELD))
    return figures


_longest = 0.0


def _begins() -> None:
    """What it took to be ready does not count."""
    global _longest
    _longest = 0.0


async def _held(brings: Callable[[Path], Awaitable[None]], folder: Path) -> float:
    """The longest that the loop did not turn, in seconds."""
    global _longest
    under_way = asyncio.create_task(_after_a_turn(brings, folder))
    before = time.perf_counter()
    while not under_way.done():
        await asyncio.sleep(0.001)
        _longest, before = max(_longest, time.perf_counter() - before), time.perf_counter()
    await under_way
    return _longest


async def _after_a_turn(brings: Callable[[Path], Awaitable[None]], folder: Path) -> None:
    folder.mkdir()
    await asyncio.sleep(0.01)
    _begins()
    await brings(folder)


async def _hook(_: Path) -> None:
    async def ingest(event: InboundEvent) -> Ingested:
        return Ingested(Verdict.STORED, event.message_id)

    hook = {"secret_env": "S", "style": "github", "platform": "slack", "workspace": "T1", "channel": "C1"}
    config = Webhooks.model_validate({"port": 0, "h": {**hook, "prompt": "Look."}})
    server = WebhookServer(config, {"S": SECRET}, ["slack"], ingest, now_ms)
    await server.start()
    body = b"[" * 250_000
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "x-hub-signature-256": f"sha256={signed}",
        "x-github-event": "push",
        "x-github-delivery": "d-1",
    }
    url = f"http://127.0.0.1:{server.port}/hooks/h"
    async with aiohttp.ClientSession() as client, client.post(url, data=body, headers=headers) as answer:
        assert answer.status == 202, await answer.text()
    await server.stop()


async def _schema(folder: Path) -> None:
    async with gateway(folder / "g") as sockets:
        line = aiohttp.UnixConnector(sockets[0])
        url = "http://gateway/v1/messages?beta=true"
        async with aiohttp.ClientSession(connector=line) as client:
            _begins()
            async with client.post(url, data=TOOLS) as answer:
                assert answer.status in (400, 403, 413), await answer.text()


async def _markdown(_: Path) -> None:
    bot = BenchBot()
    bot.capabilities = Capabilities(drawn_by="bots.slack.sending.rendering:operation")
    drawing = Drawing(Pace(time.monotonic))
    try:
        await drawing.draw(Large("r", bot, content.Text(NESTED), ()), "s")
    finally:
        await drawing.close()


async def _live(_: Path) -> None:
    shown_so_far(Live("k", PLACE, "1.1", "U1", "working", NESTED * 4))


async def _message(_: Path) -> None:
    saying.said({"text": MARKS, "attachments": CARDS}, Names())
