"""Who and where: users, channels and user groups by id, remembered for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client.errors import TRANSIENT, code_of
from host.ports.events import Privacy

log = logging.getLogger(__name__)
T = TypeVar("T")
REMEMBERED = 3_600.0  # s until a channel's name is asked for again
PEOPLE_REMEMBERED = (
    300.0  # s until it is asked again who somebody is, and who belongs to a group: a member becomes a guest
)
MOST = 5_000  # entries of each kind
GROUP = "S"  # begins the ids of user groups
SOON = 1.0  # s: a form has to be open within three
NO_MEMBERS = ("no_such_subteam", "subteam_disabled", "plan_upgrade_required", "missing_scope")
FEW = 5  # channels that are asked about one by one
LISTED, MOST_PAGES = 900, 5  # channels of a list, and how many lists are asked for at once


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    zone: str = ""
    is_bot: bool = False
    team: str = ""
    stranger: bool = False
    guest: bool = False  # of some channels, or of one
    locale: str = ""
    teams: tuple[str, ...] = ()  # of an organisation in which they are members


@dataclass(frozen=True, slots=True)
class Place:
    id: str
    name: str
    privacy: Privacy


class Directory:
    """Raises `bots.slack.errors.TRANSIENT` when Slack does not say."""

    def __init__(self, client: AsyncWebClient, groups: Collection[str] = ()) -> None:
        self._client = client
        self._named: dict[str, str] = {}
        self.askers: Callable[[], Awaitable[Collection[str]]] = _nobody  # whom the channels' rules name
        self.mind(groups)
        self._people: _Cache[Person] = _Cache(self._ask_person, PEOPLE_REMEMBERED)
        self._places: _Cache[Place] = _Cache(self._ask_place)
        self._members: _Cache[frozenset[str]] = _Cache(self._ask_members, PEOPLE_REMEMBERED)

    def mind(self, groups: Collection[str]) -> None:
        """`groups` are the ids of the user groups that matter to access."""
        self._groups = frozenset(groups)

    async def person(self, id_: str) -> Person:
        return await self._people.get(id_)

    def forget_person(self, id_: str) -> None:
        """They are asked for anew: a member may have become a guest since."""
        self._people.forget(id_)

    async def place(self, id_: str) -> Place:
        return await self._places.get(id_)

    async def place_now(self, id_: str) -> Place:
        """Asked anew: a channel may have become private or public since."""
        self._places.forget(id_)
        return await self.place(id_)

    async def places_now(self, ids: Collection[str]) -> list[Place]:
        """Those of these channels of which Slack tells, asked anew. One by one where they are few, else by the list of all
        that the bot is in: Slack answers some fifty questions a minute."""
        if len(ids) > FEW:
            return [place for place in await self._listed_now() if place.id in ids]
        asked = await asyncio.gather(*map(self.place_now, ids), return_exceptions=True)
        for found in asked:
            if isinstance(found, BaseException) and not isinstance(found, SlackApiError):
                raise found
        return [found for found in asked if isinstance(found, Place)]

    async def _listed_now(self) -> list[Place]:
        found: list[Place] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            answer = await self._client.users_conversations(
                types="public_channel,private_channel", limit=LISTED, cursor=cursor or None
            )
            found += [self.know_place(channel) for channel in answer.get("channels") or ()]
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        return found

    async def groups_of(self, user: str) -> tuple[str, ...]:
        """Those of the groups that matter which the person belongs to."""
        named = {one for one in await self.askers() if one.startswith(GROUP)}
        matter = sorted(self._groups | named)
        return tuple([group for group in matter if user in await self._members.get(group)])

    async def groups(self) -> dict[str, str]:
        """Names of the user groups there are, by id; those known last where Slack does not say in time for a form."""
        try:
            async with asyncio.timeout(SOON):
                answer = await self._client.usergroups_list()
            found = {str(one["id"]): f"@{one['handle']}" for one in answer.get("usergroups") or ()}
            self._named = dict(sorted(found.items(), key=lambda one: one[1]))
        except TRANSIENT as error:  # no plan of Slack's without a price has them
            log.info("Slack tells no user groups: %s", code_of(error), extra={"action": "no_groups"})
        return self._named

    def know_place(self, channel: dict[str, Any]) -> Place:
        """From a listing: spares a question."""
        place = _place(channel)
        self._places.put(place.id, place)
        return place

    async def name(self, id_: str) -> str:
        """The name to show for a person, the id when Slack does not say."""
        try:
            return (await self.person(id_)).name
        except TRANSIENT:
            return id_

    async def _ask_person(self, id_: str) -> Person:
        found = (await self._client.users_info(user=id_, include_locale=True))["user"]
        profile = found.get("profile") or {}
        return Person(
            id_,
            profile.get("display_name") or found.get("real_name") or found.get("name") or id_,
            found.get("tz") or "",
            bool(found.get("is_bot")),
            found.get("team_id") or "",
            bool(found.get("is_stranger")),
            bool(found.get("is_restricted") or found.get("is_ultra_restricted")),
            found.get("locale") or "",
            tuple(map(str, (found.get("enterprise_user") or {}).get("teams") or ())),
        )

    async def _ask_members(self, group: str) -> frozenset[str]:
        """A group that is gone, switched off, or not to be had any more has no members: closed, not open."""
        try:
            answer = await self._client.usergroups_users_list(usergroup=group)
        except SlackApiError as error:
            if code_of(error) not in NO_MEMBERS:
                raise
            log.warning("Slack knows no user group %s", group, extra={"action": "no_such_group"})
            return frozenset()
        return frozenset(map(str, answer["users"]))

    async def _ask_place(self, id_: str) -> Place:
        return _place((await self._client.conversations_info(channel=id_))["channel"])


async def _nobody() -> Collection[str]:
    return ()


def privacy(channel_type: str) -> Privacy:
    """Of the `channel_type` of an event."""
    kinds: dict[str, Privacy] = {"im": "dm", "app_home": "dm", "channel": "public"}
    return kinds.get(channel_type, "private")


def _place(channel: dict[str, Any]) -> Place:
    kind: Privacy = "public"
    if channel.get("is_im"):
        kind = "dm"
    elif any(channel.get(f"is_{kept}") for kept in ("private", "mpim", "group", "ext_shared")):
        # What one organisation's public channels share is not for those who are guests in one of them.
        kind = "private"
    return Place(channel["id"], channel.get("name") or channel["id"], kind)


class _Cache(Generic[T]):
    def __init__(self, ask: Callable[[str], Awaitable[T]], remembered: float = REMEMBERED) -> None:
        self._ask = ask
        self._remembered = remembered
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()

    async def get(self, id_: str) -> T:
        known = self._known.get(id_)
        if known is not None and time.monotonic() - known[0] < self._remembered:
            return known[1]
        found = await self._ask(id_)
        self.put(id_, found)
        return found

    def forget(self, id_: str) -> None:
        self._known.pop(id_, None)

    def put(self, id_: str, value: T) -> None:
        self._known[id_] = time.monotonic(), value
        self._known.move_to_end(id_)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
