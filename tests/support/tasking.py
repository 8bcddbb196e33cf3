"""Asking an agent for tasks in memory channels, and what is posted there."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from host.config import Config
from host.ports.events import Author
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config

_TASK = re.compile(r"\bt[0-9a-f]{9}\b")
BERLIN = Author("U1", "Ada", zone="Europe/Berlin")
ELSEWHERE = {"announcements": {"platform": "memory", "channel": "C9", "description": "for everyone"}}


def settings(data: Path, **agent: Any) -> Config:
    """A channel message opens a thread; direct messages need no mention."""
    return config(data, agents={"default": {"destinations": ELSEWHERE, **agent}}, host={"sweep_every": 1})


def call(tool: str, **arguments: Any) -> str:
    return f"@@call {tool} {json.dumps(arguments)}\n@@results"


def soon(seconds: float) -> str:
    """For an agent whose runner is up."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def in_thread(channel: str, thread: str) -> dict[str, Any]:
    return {"address": Address("memory", "w", channel, thread), "privacy": "public", "author": BERLIN}


def posts(bot: MemoryBot, channel: str, thread: str = "") -> list[str]:
    return [
        d.payload["text"]
        for d in bot.sent
        if d.address.platform_id == channel and d.address.thread_id == thread
    ]


async def scheduled(bot: MemoryBot, channel: str, wish: dict[str, Any], **more: Any) -> str:
    """Asks for a task that is soon due, and returns the answer that names it. Where its moment has passed before its runner was
    up it is asked for again, for a later one."""
    for seconds in (2.0, 10.0, 40.0):
        text = await ask(bot, channel, call("schedule_task", at=soon(seconds), **wish), **more)
        if _TASK.search(text):
            break
    return text


def task_id(text: str) -> str:
    found = _TASK.search(text)
    assert found is not None, text
    return found[0]


async def ask(bot: MemoryBot, channel: str, text: str, **more: Any) -> str:
    """Mentions the agent and returns what it answers there."""
    before = len(bot.sent)
    await bot.say(channel, text, **{"mentioned": True, "author": BERLIN, **more})
    thread = more["address"].thread_id if "address" in more else ""
    await bot.until(
        lambda: any(
            d.address.platform_id == channel and d.address.thread_id == thread for d in bot.sent[before:]
        )
    )
    return next(
        str(d.payload["text"])
        for d in bot.sent[before:]
        if d.address.platform_id == channel and d.address.thread_id == thread
    )
