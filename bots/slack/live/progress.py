"""What a thread shows while an agent works: a status line in verbs, and the agent session's state."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from slack_sdk.web.async_client import AsyncWebClient

from bots.common.live import status_line
from bots.common.short import shortened
from bots.slack.client.errors import TRANSIENT
from host.ports.bot import Shown
from sessiondb import Address

LEAST_PAUSE = 2.0  # s between two status lines of one thread
LONGEST_TITLE = 80  # characters
MOST_THREADS = 1_000


Place: TypeAlias = tuple[str, str]  # channel and thread


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    at: float
    address: Address  # of the conversation; in a direct message it may have no thread


class StatusLines:
    """Best effort: what Slack does not take is dropped, and an answer wipes the line."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._shown: dict[Place, _Line] = {}
        self._asked: OrderedDict[Place, tuple[str, str]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def asked(self, place: Place, text: str, by: str) -> None:
        """What began a thread names its agent session."""
        if place in self._asked:
            return
        title = shortened(" ".join(text.split()), LONGEST_TITLE)
        self._asked[place] = title, by
        if len(self._asked) > MOST_THREADS:
            self._asked.popitem(last=False)

    def conversation(self, place: Place) -> Address | None:
        """Whose work is shown there; None when nothing is."""
        shown = self._shown.get(place)
        return None if shown is None else shown.address

    async def show(self, shown: Shown) -> None:
        place = shown.address.platform_id, shown.address.thread_id or shown.answers
        if not place[1]:
            return
        line = status_line(shown.status, writing=bool(shown.text)).told(shown.language)
        before = self._shown.get(place)
        if before is not None and (line == before.text or time.monotonic() - before.at < LEAST_PAUSE):
            return
        self._remember(place, _Line(line, time.monotonic(), shown.address))
        await self._quietly(
            self._client.assistant_threads_setStatus(channel_id=place[0], thread_ts=place[1], status=line)
        )
        if before is None:
            title, by = self._asked.get(place, ("", ""))
            await self._quietly(
                self._client.agents_sessions_setStatus(
                    channel_id=place[0],
                    thread_ts=place[1],
                    status="processing",
                    title=title or None,
                    initiator_user_id=by or None,
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

    def _remember(self, place: Place, line: _Line) -> None:
        self._shown[place] = line
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
