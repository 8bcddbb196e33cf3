"""Who looks at a host without an agent, and what there is to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host.app import Host
from host.gateway.budget import Call
from host.gateway.prices import Usage
from host.ports.events import Author, Privacy, Viewer
from host.registry.db import open_host_db
from host.registry.sessions import session_id
from sessiondb import Address
from tests.fakes.platform import MemoryBot

ADA, BOB, OWNER = Author("U1", "Ada"), Author("U2", "Bob"), Author("U9", "Olga")
OWNERS = {"owners": ["memory:U9"]}


def viewer(author: Author, channel: str, privacy: Privacy = "public", thread: str = "") -> Viewer:
    return Viewer(author, Address("memory", "w", channel, thread), privacy)


async def answered(bot: MemoryBot, channel: str, text: str, **more: Any) -> str:
    """Says it and waits for the answer; returns the message's id."""
    before = len(bot.said(channel))
    said = await bot.say(channel, text, **more)
    await bot.until(lambda: len(bot.said(channel)) > before)
    return said.message_id


async def spend(host: Host, address: Address, cost: int) -> None:
    """One model call of the conversation, as the gateway accounts for it."""
    call = Call(session_id("default", address), "default", "U1", "", "claude-sonnet-5-5", cost)
    reservation = await host.house.budgets.reserve(call)
    await host.house.budgets.settle(reservation, Usage(input_tokens=100), cost, estimated=False)


def recorded(data: Path) -> list[tuple[Any, ...]]:
    connection = open_host_db(data / "host.db")
    try:
        return connection.execute(
            "SELECT user, platform_id, action, detail FROM audit ORDER BY id"
        ).fetchall()
    finally:
        connection.close()
