"""A node of the chaos: a host whose platform is that of `durable`, with questions and files besides.

A post says which question it asks and what its file holds; a line of people.jsonl with `answers` is an answer to that question.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from host.app import Host
from host.assembly import Parts
from host.delivery import attempts, policy
from host.folders import share
from host.folders.disk import ThreadDisk
from host.live import policy as live_policy
from host.ports.bot import Bots, Delivery, Receipt
from host.ports.events import EventClass, InboundEvent
from host.upkeep import giving_back, packing
from sessiondb import content
from tests.support import clocks, durable, hosting
from tests.support.forking import ForkedLauncher

WHILE_WRITTEN = 5.0  # s from a pack to the next: there are no minutes here
AGAIN = 20  # lines of people.jsonl that a start hears although they were acknowledged
TOOLS = ["bash", "send_file", "ask_user_question", "schedule_task"]


class Bot(durable.DurableBot):
    def __init__(self, platform: Path, node: str) -> None:
        super().__init__(platform)
        self._platform = platform
        self._node = node

    def _first(self) -> int:
        """As platforms do: what nobody has acknowledged comes again, with some of what was."""
        taken = {line["line"] for line in durable.lines(self._platform / "taken.jsonl")}
        open_ = next(number for number in itertools.count() if number not in taken)
        return max(0, open_ - AGAIN)

    def _taken_in(self, number: int) -> None:
        durable.append(self._platform / "taken.jsonl", line=number)

    def event(self, number: int, said: dict[str, Any]) -> InboundEvent:
        if "answers" not in said:
            return super().event(number, said)
        question, choice = said["answers"], said["text"]
        given = super().event(number, {"channel": said["channel"], "id": question, "text": ""})
        answered = {"event_class": EventClass.ANSWER, "refers_to": question, "value": choice}
        return replace(given, platform_message_id="", **answered)

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        return [{"text": getattr(operation, "text", ""), "file": getattr(operation, "path", "")}]

    async def send(self, delivery: Delivery) -> Receipt:
        file = delivery.payload["file"]
        held = delivery.read(file).decode().strip() if file else ""
        fields = {
            "key": delivery.key,
            "channel": delivery.address.platform_id,
            "text": delivery.payload["text"],
            "question": delivery.question,
            "file": held,
            "by": self._node,  # and when, for whoever looks for a cause
            "at": time.strftime("%H:%M:%S"),
        }
        await asyncio.to_thread(durable.append, self._platform / "posts.jsonl", **fields)
        return Receipt(f"p-{delivery.key}")


def _told() -> logging.Handler:
    """Each line with the conversation and the message that it is of."""
    told = "%(asctime)s %(levelname)s %(name)s %(message)s %(session)s %(platform_message)s"
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(told, defaults={"session": "", "platform_message": ""}))
    return handler


async def serve(platform: Path, data: Path, url: str) -> None:
    logging.basicConfig(level=logging.INFO, handlers=[_told()], force=True)
    policy.GRACE = 200  # the platform answers at once here
    attempts.RETRY_BACKOFF = 100
    live_policy.OPEN_AFTER = 0.5
    agent = {"provider": "mock", "options": {"tools": TOOLS}}
    packing.EVERY, packing.WHILE_WRITTEN = 1.0, WHILE_WRITTEN
    restless = int(data.name[-1:]) % 2 == 1  # what rests there for a moment may be another node's next
    giving_back.EVERY, giving_back.IDLE = (1.0, 2_000) if restless else (giving_back.EVERY, giving_back.IDLE)
    runner = {"idle_exit": 2.0, "stream_idle": 1.0} if restless else {}
    shared = data.parent / "shared"
    mounted = {"workspaces": str(shared)} if (shared / share.MARK).exists() else {}
    cluster = {"database": url, **mounted}
    config = hosting.config(
        data, host={"sweep_every": 1.0}, runner=runner, cluster=cluster, agents={"default": agent}
    )
    bot = Bot(platform, data.name)
    parts = Parts(ThreadDisk(), ForkedLauncher(clocks.__name__), clocks.clock_of(data))
    await Host(config, Bots({bot.channel_type: bot}), parts).serve()
