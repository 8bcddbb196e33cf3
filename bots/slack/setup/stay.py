"""A stay in a channel to try Slack: what is posted is known, and can be removed."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client.errors import RATE_LIMITED, TRANSIENT, code_of, retry_after
from host.ports.conformance import NotTried

Json = dict[str, Any]

TEXT = "A check by Dovecote. This message goes away by itself."
EVENT_TYPE = "dovecote_conformance"
MOST_WAIT = 60.0  # s that Slack may ask to wait before one call
MOST_REMOVAL = 120.0  # s for removing everything
_CODE = re.compile(r"[a-z_]{1,60}")  # what of an answer may stand in a report


def word_of(error: SlackApiError) -> str:
    code = code_of(error)
    return code if _CODE.fullmatch(code) else "refused in another way"


class Stay:
    """In one channel: every call names it, and every message carries the mark of this run."""

    def __init__(self, client: AsyncWebClient, channel: str, team: str, interval: float) -> None:
        self.client, self.channel, self.team = client, channel, team
        self.person = ""  # who pressed the button
        self.click: Json = {}
        self.why_no_click = "nobody was asked to press the button"
        self._interval = interval
        self._run = secrets.token_hex(8)
        self._posted: list[str] = []
        self._since = time.time() - 60.0

    def marked(self) -> Json:
        return {"event_type": EVENT_TYPE, "event_payload": {"id": self._run}}

    def is_ours(self, message: Json) -> bool:
        return (message.get("metadata") or {}).get("event_payload") == {"id": self._run}

    async def post(self, **arguments: Any) -> Json:
        """Raises what Slack refuses."""
        await asyncio.sleep(self._interval)
        arguments = {"text": TEXT, "metadata": self.marked(), **arguments}
        answer = await self.client.chat_postMessage(
            channel=self.channel, unfurl_links=False, unfurl_media=False, **arguments
        )
        return self.keep(answer)

    def keep(self, answer: Any) -> Json:
        """An answer about a new message: it is to be removed."""
        self._posted.append(str(answer["ts"]))
        return dict(answer.data)

    async def verdict(self, call: Awaitable[Any]) -> str:
        """'accepted', or Slack's word for why not."""
        try:
            await call
        except SlackApiError as error:
            if code_of(error) in RATE_LIMITED:
                raise
            return word_of(error)
        return "accepted"

    async def history(self) -> list[Json]:
        answer = await self.client.conversations_history(
            channel=self.channel, oldest=f"{self._since:.6f}", limit=100, include_all_metadata=True
        )
        return list(answer["messages"])

    async def replies(self, ts: str) -> list[Json]:
        answer = await self.client.conversations_replies(
            channel=self.channel, ts=ts, limit=100, include_all_metadata=True
        )
        return list(answer["messages"])

    async def remove_all(self) -> int:
        """How many could not be removed. Also those whose post was never answered: they carry the mark."""
        left = set(self._posted)
        try:
            async with asyncio.timeout(MOST_REMOVAL):
                found = await patiently(self.history)
                left |= {str(message["ts"]) for message in found if self.is_ours(message)}
        except (*TRANSIENT, NotTried):
            pass
        failed = 0
        for ts in sorted(left, reverse=True):  # replies before the root
            failed += not await self._removed(ts)
        return failed

    async def _removed(self, ts: str) -> bool:
        try:
            async with asyncio.timeout(MOST_REMOVAL):
                await patiently(lambda: self.client.chat_delete(channel=self.channel, ts=ts))
        except SlackApiError as error:
            return code_of(error) == "message_not_found"
        except (*TRANSIENT, NotTried):
            return False
        return True


async def patiently(call: Any) -> Any:
    """Once more where Slack asks to slow down. Raises `NotTried` where it asks for too much of that."""
    for _ in range(2):
        try:
            return await call()
        except SlackApiError as error:
            if code_of(error) not in RATE_LIMITED:
                raise
            pause = retry_after(error)
        if pause > MOST_WAIT:
            break
        await asyncio.sleep(pause)
    raise NotTried("Slack asked to slow down")
