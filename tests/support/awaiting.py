"""Tasks in memory channels that wait for something, and what they wait for."""

from __future__ import annotations

import asyncio
from typing import Any

from host.app import Host
from host.ports.events import Author, EventClass, InboundEvent
from host.registry import awaiting
from host.registry.port import Statements
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import now_ms
from tests.support.tasking import call, in_thread, task_id

BOB = Author("U2", "Bob")


async def waiting(host: Host, bot: MemoryBot, **what: Any) -> str:
    """A task of channel C1 that posts there; returned once it waits. What asked for it is told again, as after a crash."""
    wish = {"title": "Watch", "prompt": "look", "destination": "channel", **what}
    asked = {"mentioned": True, "at": now_ms(), **in_thread("C1", f"t{what}")}
    event = bot.event("C1", call("schedule_task", **wish), **asked)
    before = len(bot.sent)
    await bot.ingested(event)
    await bot.until(lambda: any(one.address == event.address for one in bot.sent[before:]))
    said = next(str(one.payload["text"]) for one in bot.sent[before:] if one.address == event.address)
    id_ = task_id(said)
    await until_it_waits(host, id_, True)
    await bot.ingested(event)
    return id_


async def until_it_waits(host: Host, id_: str, wanted: bool) -> None:
    def job(connection: Statements) -> bool:
        return any(one.task_id == id_ for one in awaiting.at(connection, Address("memory", "w", "C1")))

    async with asyncio.timeout(20):
        while await host.house.records.db.read(job) is not wanted:
            host.house.scheduler.changed()


def reacted(emoji: str, number: int = 1, author: Author = BOB) -> InboundEvent:
    return InboundEvent(
        EventClass.REACTION,
        Address("memory", "w", "C1"),
        f"m{number}:{author.id}:{emoji}:+",
        author,
        now_ms(),
        platform_message_id=f"m{number}",
        value=emoji,
    )
