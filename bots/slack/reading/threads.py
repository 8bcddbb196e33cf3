"""What was said in a thread before the bot is named there for the first time: how it began, and the latest."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal

from slack_sdk.web.async_client import AsyncWebClient

from bots.common.shapes import Json, mapping, string
from bots.slack.client.errors import TRANSIENT
from bots.slack.reading import saying
from bots.slack.reading.names import Names
from bots.slack.reading.saying import SHOWN
from bots.slack.reading.times import ms
from host.ports.events import Said
from sessiondb import Address

log = logging.getLogger(__name__)

READ = 2.0  # s for the thread before a mention, with the names in it: Slack waits 3 s for the acknowledgement
THREAD_READ = 1.2  # s of them for the messages
MOST_READ = 50  # messages of the thread before a mention: its first and the latest
PAGE = 200
KEPT = 5.0  # s; `READ` and a little more
CUT = "[what was said after this, up to the message that calls you, could not be read in time]"
NOTHING = "[what was said before in this thread could not be read in time]"


class Threads:
    def __init__(
        self,
        client: AsyncWebClient,
        names: Callable[[Sequence[Json], float], Awaitable[Names]],
        is_own: Callable[[Json], bool],
    ) -> None:
        self._client = client
        self._names = names
        self._is_own = is_own
        self._reading: dict[tuple[Address, str], asyncio.Task[tuple[Said, ...]]] = {}

    async def so_far(self, address: Address, ts: str) -> tuple[Said, ...]:
        """What there was time to read; where that is not all, the agent is told so. Slack tells of a mention twice, and it is
        read once: the second could be refused, and taken in first."""
        place = address, ts
        if (task := self._reading.get(place)) is None:
            task = self._reading[place] = asyncio.create_task(self._read(address, ts), name="slack:thread")
            asyncio.get_running_loop().call_later(KEPT, self._reading.pop, place, None)
        return await asyncio.shield(task)

    async def _read(self, address: Address, ts: str) -> tuple[Said, ...]:
        first: list[Json] = []
        latest: deque[Json] = deque(maxlen=MOST_READ - 1)
        count = 0
        clock = asyncio.get_running_loop().time
        until = clock() + READ
        try:
            async with asyncio.timeout(THREAD_READ):
                async for message in self._thread(address, ts):
                    (latest if first else first).append(message)
                    count += 1
            whole = True
        except TRANSIENT as error:
            log.info("A thread was not read to its end: %s", type(error).__name__)
            whole = False
        messages = [*first, *latest]
        found = self._lines(messages, await self._names(messages, until - clock()))
        if count > len(messages):
            note = f"[{count - len(messages)} messages in between are left out]"
            found.insert(1, Said(note, by="host", at=found[0].at if found else 0))
        if not whole:
            found.append(Said(CUT if found else NOTHING, by="host", at=found[-1].at if found else ms(ts)))
        return tuple(found)

    def _lines(self, messages: Sequence[Json], names: Names) -> list[Said]:
        found = []
        for message in messages:
            try:
                found.append(self._said(message, names))
            except Exception:  # one message that cannot be read takes nobody's words but its own
                log.exception("A message of a thread cannot be read", extra={"action": "message_skipped"})
        return [one for one in found if not one.says_nothing]

    def _said(self, message: Json, names: Names) -> Said:
        spoken = saying.said(message, names)
        own = self._is_own(message)
        by: Literal["", "bot", "agent"] = "agent" if own else "bot" if message.get("bot_id") else ""
        who, ts = speaker(message), string(message.get("ts"))
        files = () if own else spoken.files  # what the agent sent it has
        return Said(
            spoken.text, names.people.get(who) or name_of(message), who, by, ms(ts), ts, spoken.parts, files
        )

    async def _thread(self, address: Address, ts: str) -> AsyncIterator[Json]:
        """What people and bots said in it before that message, oldest first: Slack pages it in no other order."""
        cursor: Json = {}
        while True:
            answer = await self._client.conversations_replies(
                channel=address.platform_id, ts=address.thread_id, latest=ts, limit=PAGE, **cursor
            )
            for message in answer.get("messages") or ():
                if not isinstance(message, dict) or message.get("ts") == ts:
                    continue
                if saying.speaks(message) or message.get("subtype") in SHOWN:
                    yield message
            following = string(mapping(answer.get("response_metadata")).get("next_cursor"))
            if not following:
                return
            cursor = {"cursor": following}


def speaker(message: Json) -> str:
    return string(message.get("user")) or string(message.get("bot_id")) or string(message.get("username"))


def name_of(message: Json) -> str:
    """Of a bot: what it calls itself in this message."""
    profile = mapping(message.get("bot_profile"))
    return string(message.get("username")) or string(profile.get("name")) or speaker(message)
