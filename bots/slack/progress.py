"""What a thread shows while an agent works: a status line in verbs, and the agent session's state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bots.common.live import status_line
from bots.slack.errors import TRANSIENT
from host.bots import Shown
from sessiondb import Address

LEAST_PAUSE = 2.0  # s between two status lines of one thread
MOST_THREADS = 1_000


class StatusLines:
    """Best effort: what Slack does not take is dropped, and an answer wipes the line."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._shown: dict[tuple[str, str], tuple[str, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def show(self, shown: Shown) -> None:
        place = shown.address.platform_id, shown.address.thread_id or shown.answers
        if not place[1]:
            return
        line = status_line(shown.status, writing=bool(shown.text))
        before, at = self._shown.get(place, ("", 0.0))
        if line == before or (before and time.monotonic() - at < LEAST_PAUSE):
            return
        self._remember(place, line)
        await self._quietly(
            self._client.assistant_threads_setStatus(channel_id=place[0], thread_ts=place[1], status=line)
        )
        if not before:
            await self._quietly(
                self._client.agents_sessions_setStatus(
                    channel_id=place[0], thread_ts=place[1], status="processing"
                )
            )

    def answered(self, address: Address) -> None:
        """A message in the thread wipes the status line by itself; the session's state is ours to put back."""
        places = [p for p in self._shown if p == address[2:4] or (not address[3] and p[0] == address[2])]
        for place in places:
            del self._shown[place]
            self._soon(
                self._client.agents_sessions_setStatus(
                    channel_id=place[0], thread_ts=place[1], status="active"
                )
            )
            if not address.thread_id:  # the answer stands beside the thread, which nothing wipes then
                self._soon(
                    self._client.assistant_threads_setStatus(
                        channel_id=place[0], thread_ts=place[1], status=""
                    )
                )

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def _remember(self, place: tuple[str, str], line: str) -> None:
        self._shown[place] = line, time.monotonic()
        while len(self._shown) > MOST_THREADS:
            del self._shown[next(iter(self._shown))]

    def _soon(self, call: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(self._quietly(call), name="slack:status")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, call: Coroutine[Any, Any, object]) -> None:
        try:
            await call
        except TRANSIENT:
            return
