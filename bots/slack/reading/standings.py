"""What channels and people are now: by Slack's own word at that moment, whatever an event says of it.

Events are hints: two may come in any order, and some are withheld ("channel_left": "sometimes withheld"). So each makes the bot
ask, and at each connect it asks about every place that has tasks or was closed, and about everybody whose tasks there are.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.shapes import Json, mapping, string
from bots.slack.client.errors import TRANSIENT, code_of, retry_after, translated
from host.ports.bot import HostBusy, Ingest, Rejected
from host.ports.events import Standing
from sessiondb import Address

log = logging.getLogger(__name__)

# Each is about one channel, which it names ("Events API": event types).
OF_CHANNELS = (
    "channel_archive",
    "channel_deleted",
    "channel_left",
    "channel_rename",
    "channel_unarchive",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_rename",
    "group_unarchive",
)
UNKNOWN = frozenset(
    {"channel_not_found", "not_in_channel"}
)  # deleted, or a private one that the bot is not in
NOBODY = frozenset({"user_not_found", "user_not_visible"})
TRIES = 4  # of one question at a connect
AGAIN_AFTER = 300.0  # s until everything is asked about once more after something was not told


class Standings:
    def __init__(self, client: AsyncWebClient, host: Ingest, team: str) -> None:
        self._client = client
        self._host = host
        self._team = team
        self._changed = asyncio.Event()
        self._asking = asyncio.Lock()  # else an older answer could be told after a newer one

    async def of_channel(self, event: Json) -> None:
        """It was archived, deleted, renamed, left, or opened again. Raises `HostBusy`: Slack delivers the event again."""
        named = event.get("channel")
        await self._hinted(string(named.get("id")) if isinstance(named, dict) else string(named))

    async def renumbered(self, event: Json) -> None:
        """What is under the old id is Slack's to say, and so is the new one. Raises `HostBusy`."""
        for key in ("old_channel_id", "new_channel_id"):
            await self._hinted(string(event.get(key)))

    async def of_person(self, event: Json) -> None:
        """Somebody's account changed; of most changes there is nothing to know. Raises `HostBusy`."""
        user = mapping(event.get("user"))
        if id_ := string(user.get("id")):
            await self._host.person_stands(self._everybody, id_, here=not user.get("deleted"))

    def look_again(self) -> None:
        """Nobody listened for a time."""
        self._changed.set()

    async def keep(self, open_: Callable[[], Collection[str]]) -> None:
        """Until cancelled. `open_` tells the channels in which the bot was at its last connect, none of them archived."""
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            if await self._look(open_()):
                continue
            try:
                async with asyncio.timeout(AGAIN_AFTER):
                    await self._changed.wait()
            except TimeoutError:
                self._changed.set()

    async def _look(self, open_: Collection[str]) -> bool:
        """False when something was not told."""
        try:
            places = await self._host.inhabited("slack")
            people = await self._host.task_people("slack")
        except HostBusy as error:
            return _not_told(error)
        asked: dict[str, None] = {}
        for place, standing in places.items():
            if place.workspace_id == self._team and (standing != "open" or place.platform_id not in open_):
                asked[place.platform_id] = None
        looks = [functools.partial(self._channel, id_) for id_ in asked if id_]
        looks += [functools.partial(self._person, user) for team, user in people if team == self._team]
        return all([await self._patiently(look) for look in looks])

    async def _hinted(self, channel: str) -> None:
        if not channel:
            return
        try:
            await self._channel(channel)
        except TRANSIENT as error:
            _not_told(error)
            self._changed.set()

    async def _channel(self, id_: str) -> None:
        place = Address("slack", self._team, id_)
        async with self._asking:
            found = await self._told_of(id_)
            await self._host.place_stands(place, _standing(found))
        if name := string(found.get("name")):
            await self._host.channel_named(place, name)

    async def _told_of(self, channel: str) -> dict[str, Any]:
        try:
            return mapping((await self._client.conversations_info(channel=channel)).get("channel"))
        except SlackApiError as error:
            if code_of(error) not in UNKNOWN:
                raise
            return {}

    async def _person(self, user: str) -> None:
        try:
            found = mapping((await self._client.users_info(user=user)).get("user"))
        except SlackApiError as error:
            if code_of(error) not in NOBODY:
                raise
            found = {"deleted": True}
        await self._host.person_stands(self._everybody, user, here=not found.get("deleted"))

    async def _patiently(self, look: Callable[[], Awaitable[None]]) -> bool:
        """One that Slack does not tell of stays as it was known, and holds up no other."""
        for attempt in range(1, TRIES + 1):
            try:
                await look()
            except (HostBusy, *TRANSIENT) as error:
                if not isinstance(error, HostBusy) and isinstance(translated(error), Rejected):
                    _not_told(error)
                    return True  # asked again it would say the same
                if attempt == TRIES:
                    return _not_told(error)
                await asyncio.sleep(max(retry_after(error), float(attempt)))
            else:
                return True
        return False

    @property
    def _everybody(self) -> Address:
        return Address("slack", self._team, "")


def _not_told(error: Exception) -> bool:
    told = {"action": "standing_not_told"}
    log.warning("What became of a place or person is not known yet: %s", error, extra=told)
    return False


def _standing(channel: Json) -> Standing:
    if not channel:
        return "gone"
    if channel.get("is_archived"):
        return "archived"
    if channel.get("is_im") or channel.get("is_mpim"):
        return "open"  # it says nothing of members
    return "open" if channel.get("is_member") else "removed"
