"""A stay in a channel to try Discord: what is posted is known, and can be removed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable
from typing import Any, TypeVar

import discord
from discord.http import Route

from bots.discord.client import errors
from host.ports.conformance import NotTried

T = TypeVar("T")
Json = dict[str, Any]

LOOKED_BACK = 100  # messages of the channel's history
MOST_CALL = 60.0  # s of one call, with what the library waits for Discord's limits in it
GONE = (errors.UNKNOWN_MESSAGE, errors.UNKNOWN_CHANNEL)
REFUSALS = (discord.HTTPException,)


class Stay:
    """In one channel: every message begins with the mark of this run."""

    def __init__(self, client: discord.Client, channel: int) -> None:
        self.client, self.channel = client, channel
        self.mark = f"A check by Dovecote ({secrets.token_hex(4)}), which goes away by itself."
        self.click: Json = {}  # what a press of the button brought
        self.why_no_click = "nobody was asked to press the button"
        self._posted: set[int] = set()

    def text(self, length: int = 0) -> str:
        """With the mark in front, of so many characters."""
        return f"{self.mark} ".ljust(length, "a").rstrip()

    async def call(self, method: str, path: str, *, json: Json | None = None, **parts: Any) -> Any:
        """Raises `discord.HTTPException` for what Discord refuses, `NotTried` for what it does not answer."""
        query = parts.pop("params", None)
        more: Json = ({"json": json} if json is not None else {}) | ({"params": query} if query else {})
        route = Route(method, path, channel_id=self.channel, **parts)
        try:
            async with asyncio.timeout(MOST_CALL):
                return await self.client.http.request(route, **more)
        except (*errors.TRANSPORT, TimeoutError) as error:
            raise NotTried(f"no answer ({type(error).__name__})") from error
        except discord.RateLimited as error:
            raise NotTried("Discord asked to slow down") from error

    async def post(self, **fields: Any) -> Json:
        body = {"content": self.text(), "allowed_mentions": {"parse": []}, **fields}
        return self.keep(await self.call("POST", MESSAGES, json=body))

    def keep(self, message: Json) -> Json:
        """It is to be removed."""
        self._posted.add(int(message["id"]))
        return message

    async def history(self, **query: Any) -> list[Json]:
        found: list[Json] = await self.call("GET", MESSAGES, params={"limit": LOOKED_BACK, **query})
        return found

    async def in_history(self, message: Json) -> Json:
        """As the history has it. Raises `NotTried` where it is not there."""
        for one in await self.history():
            if one["id"] == message["id"]:
                return one
        raise NotTried("the message is not in the history")

    async def verdict(self, call: Awaitable[Any]) -> str:
        """'accepted', or Discord's number for why not."""
        try:
            await call
        except discord.HTTPException as error:
            return word_of(error)
        return "accepted"

    async def posted(self, **fields: Any) -> str:
        return await self.verdict(self.post(**fields))

    async def remove_all(self) -> int:
        """How many could not be removed. Also those whose post was never answered: they begin with the mark."""
        left = set(self._posted)
        try:
            found = await self.history()
            left |= {int(one["id"]) for one in found if str(one.get("content", "")).startswith(self.mark)}
        except (NotTried, *REFUSALS):
            pass
        return sum([not await self._removed(message) for message in sorted(left, reverse=True)])

    async def _removed(self, message: int) -> bool:
        try:
            await self.call("DELETE", ONE, message_id=message)
        except discord.HTTPException as error:
            return error.code in GONE
        except NotTried:
            return False
        return True


MESSAGES = "/channels/{channel_id}/messages"
ONE = MESSAGES + "/{message_id}"


def word_of(error: discord.HTTPException) -> str:
    """Discord's own number for what it refuses, the status where it gives none."""
    return f"code {error.code}" if error.code else f"status {error.status}"
