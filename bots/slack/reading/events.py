"""From Slack's events to `InboundEvent`s, the same whether they come live or from a history.

The natural id per class: a message its ts, an edit the ts and the edit's, a deletion the ts, a reaction the ts, the
person, the emoji and whether it was added. `message` and `app_mention` of one ts are one message: the mention is read
from the text, not from the event's type.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common import commands
from bots.markup import slack as markup
from bots.slack.client import directory
from bots.slack.client.directory import Directory
from bots.slack.client.errors import TRANSIENT, code_of
from host.ports.events import Author, EventClass, InboundEvent, IncomingFile, Privacy, Said, Viewer
from sessiondb import Address

log = logging.getLogger(__name__)
Json = dict[str, Any]

SPOKEN = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
THREAD_READ = 1.2  # s for reading the thread before a mention: Slack waits 3 s for the acknowledgement
NAMES_READ = 0.6  # s for the names in it
MOST_FOLLOWED = 20_000  # threads
MOST_READ = 50  # messages of the thread before a mention: its first and the latest
PAGE = 200
EXCERPT = 200  # characters of a message that somebody reacted to
NOBODY = frozenset(
    {"user_not_found", "user_not_visible"}
)  # whom Slack will not show us, however often we ask

_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_CHANNEL = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^<>]*)?>")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the token speaks for (`auth.test`)."""

    team: str
    user: str
    bot: str
    name: str = ""


class Reader:
    """Raises `TRANSIENT` when who wrote cannot be found out: closed, not open; Slack delivers again."""

    def __init__(self, client: AsyncWebClient, people: Directory, identity: Identity) -> None:
        self._client = client
        self._people = people
        self._me = identity
        self._following: set[Address] = set()  # threads whose beginning the host was given, or needs not

    def follow(self, thread: Address) -> None:
        """Its beginning need not be read again; that it is, once these are too many, costs a look and nothing else."""
        if len(self._following) >= MOST_FOLLOWED:
            self._following.clear()
        self._following.add(thread)

    async def message(self, event: Json) -> InboundEvent | None:
        """A message as posted; None for our own and for what nobody said."""
        if event.get("subtype", "") not in SPOKEN or self.is_own(event) or not event.get("ts"):
            return None
        address = self.address(event)
        privacy = await self.privacy(event)
        text, mentioned = await self.words(str(event.get("text") or ""))
        thread = address.thread_id
        found = InboundEvent(
            event_class=EventClass.MESSAGE,
            address=address,
            natural_id=str(event["ts"]),
            author=await self.author(event),
            at=ms(event["ts"]),
            text=text,
            platform_message_id=str(event["ts"]),
            mentioned=mentioned,
            privacy=privacy,
            opens_thread="" if thread else str(event["ts"]),
            files=tuple(_files(event.get("files") or ())),
        )
        if thread and mentioned and address not in self._following:
            found = replace(found, thread_so_far=await self._thread_so_far(address, found.natural_id))
        return commands.obeyed(found)

    async def change(self, event: Json) -> InboundEvent | None:
        """An edit or a deletion; None when the words are the same (a preview was added) or they are ours."""
        before = event.get("previous_message") or {}
        after = event.get("message") or {}
        gone = event["subtype"] == "message_deleted" or after.get("subtype") == "tombstone"
        said = before if gone else after
        if self.is_own(said) or self.is_own(before) or not (before or after):
            return None
        if not gone and before.get("text") == after.get("text"):
            return None
        ts = str(event.get("deleted_ts") or said.get("ts") or before.get("ts"))
        text, mentioned = await self.words(str(after.get("text") or ""))
        edited = str((after.get("edited") or {}).get("ts") or event.get("ts"))
        return InboundEvent(
            event_class=EventClass.DELETE if gone else EventClass.EDIT,
            address=self.address({**said, "channel": event["channel"]}),
            natural_id=ts if gone else f"{ts}:{edited}",
            author=await self.author(said),
            at=ms(event.get("event_ts") or event["ts"]),
            text="" if gone else text,
            platform_message_id=ts,
            mentioned=mentioned,
            privacy=await self.privacy(event),
        )

    async def reaction(self, event: Json) -> InboundEvent | None:
        item = event.get("item") or {}
        if item.get("type") != "message" or event.get("user") == self._me.user:
            return None
        added = event["type"] == "reaction_added"
        emoji = str(event["reaction"])
        channel, ts = str(item["channel"]), str(item["ts"])
        ours = event.get("item_user") == self._me.user
        about = await self._reacted_to(channel, ts) if ours else {}
        said = " ".join(str(about.get("text") or "").split())
        said = said if len(said) <= EXCERPT else said[: EXCERPT - 1] + "…"
        return InboundEvent(
            event_class=EventClass.REACTION,
            address=self.address({"ts": ts, "thread_ts": about.get("thread_ts"), "channel": channel}),
            natural_id=f"{ts}:{event['user']}:{emoji}:{'+' if added else '-'}:{event['event_ts']}",
            author=await self.author(event),
            at=ms(event["event_ts"]),
            text=f"to your “{markup.unescaped(said)}”" if said else "",
            platform_message_id=ts,
            mentioned=ours,
            privacy=await self.privacy({"channel": channel}),
            value=f":{emoji}:" if added else f"took back :{emoji}:",
        )

    async def _reacted_to(self, channel: str, ts: str) -> Json:
        """A message of ours: the event does not name its thread. Empty when it is gone."""
        try:
            answer = await self._client.reactions_get(channel=channel, timestamp=ts)
        except SlackApiError as error:
            if code_of(error) not in ("message_not_found", "not_reactable"):
                raise
            return {}
        found: Json = answer.get("message") or {}
        return found

    async def viewer(self, user: str, channel: str) -> Viewer:
        """Somebody who looks at or orders things, from a channel; a channel that is closed to us counts as private."""
        address = Address("slack", self._me.team, channel)
        try:
            privacy = await self.privacy({"channel": channel})
        except SlackApiError as error:
            if code_of(error) not in ("channel_not_found", "not_in_channel"):
                raise
            privacy = "private"
        return Viewer(await self.author({"user": user}), address, privacy)

    def is_own(self, event: Json) -> bool:
        return event.get("user") == self._me.user or (
            bool(event.get("bot_id")) and event["bot_id"] == self._me.bot
        )

    def address(self, event: Json) -> Address:
        thread = str(event.get("thread_ts") or "")
        return Address(
            "slack", self._me.team, str(event["channel"]), "" if thread == event.get("ts") else thread
        )

    async def privacy(self, event: Json) -> Privacy:
        """Whether other organisations are in a channel the event does not say."""
        kind = str(event.get("channel_type") or "")
        if kind and directory.privacy(kind) != "public":
            return directory.privacy(kind)
        return (await self._people.place(str(event["channel"]))).privacy

    async def author(self, event: Json) -> Author:
        user = str(event.get("user") or "")
        if not user:
            bot = str(event.get("bot_id") or "")
            return Author(bot, str(event.get("username") or bot), is_bot=True)
        team = str(event.get("user_team") or event.get("team") or "")
        try:
            person = await self._people.person(user)
        except TRANSIENT as error:
            # Nothing known and nothing to come: a stranger. To ask again for ever would stop everything behind it.
            if not team and code_of(error) not in NOBODY:
                raise
            person = directory.Person(user, user, is_bot=bool(event.get("bot_id")), team=team)
        return Author(
            user,
            person.name,
            is_bot=person.is_bot or bool(event.get("bot_id")),
            external=person.stranger or self._me.team != (person.team or team),
            groups=await self._people.groups_of(user),
            zone=person.zone,
        )

    async def words(self, text: str) -> tuple[str, bool]:
        """As a person reads it, with names for ids; and whether it mentions us."""
        people = {id_: await self._people.name(id_) for id_ in set(_USER.findall(text))}
        if self._me.user in people and self._me.name:
            people[self._me.user] = self._me.name
        places = {id_: await self._place_name(id_) for id_ in set(_CHANNEL.findall(text))}
        return markup.inbound(text, people, places, self._me.user)

    async def _place_name(self, id_: str) -> str:
        try:
            return (await self._people.place(id_)).name
        except TRANSIENT:
            return id_

    async def _thread_so_far(self, address: Address, ts: str) -> tuple[Said, ...]:
        """What was said before the first mention: how it began, and the latest; what there was time to read."""
        first: list[Json] = []
        latest: deque[Json] = deque(maxlen=MOST_READ - 1)
        count = 0
        try:
            async with asyncio.timeout(THREAD_READ):
                async for message in self._thread(address, ts):
                    (latest if first else first).append(message)
                    count += 1
        except TRANSIENT as error:
            log.info("A thread was not read to its end: %s", type(error).__name__)
        said = await self._lines([*first, *latest])
        if count > len(said):
            said.insert(
                1, Said(f"[{count - len(said)} messages in between are left out]", by="host", at=said[0].at)
            )
        return tuple(said)

    async def _lines(self, messages: Sequence[Json]) -> list[Said]:
        """Who said what, with ids instead of the names that could not be found out in time."""
        found: list[Said] = []
        try:
            async with asyncio.timeout(NAMES_READ):
                for message in messages:
                    text, _ = await self.words(str(message.get("text") or ""))
                    found.append(self._said(message, text, await self._people.name(_speaker(message))))
        except TimeoutError:
            for message in messages[len(found) :]:
                text, _ = markup.inbound(str(message.get("text") or ""), {}, {}, self._me.user)
                found.append(self._said(message, text, _speaker(message)))
        return found

    def _said(self, message: Json, text: str, name: str) -> Said:
        by: Literal["", "bot", "agent"] = (
            "agent" if self.is_own(message) else "bot" if message.get("bot_id") else ""
        )
        ts = str(message["ts"])
        return Said(text, name, _speaker(message), by, ms(ts), ts)

    async def _thread(self, address: Address, ts: str) -> AsyncIterator[Json]:
        """What people and bots said in it before that message, oldest first: Slack pages it in no other order."""
        cursor: Json = {}
        while True:
            answer = await self._client.conversations_replies(
                channel=address.platform_id, ts=address.thread_id, latest=ts, limit=PAGE, **cursor
            )
            for message in answer["messages"]:
                if message.get("ts") != ts and message.get("subtype", "") in SPOKEN:
                    yield message
            following = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not following:
                return
            cursor = {"cursor": following}


def _speaker(message: Json) -> str:
    return str(message.get("user") or message.get("username") or "")


def _files(files: Iterable[Json]) -> Iterable[IncomingFile]:
    for file in files:
        reference = str(file.get("url_private_download") or file.get("url_private") or "")
        # A remote file's address is whatever another app says: our token must not go there.
        if reference and file.get("mode") not in ("tombstone", "external") and not file.get("is_external"):
            yield IncomingFile(
                str(file.get("name") or file.get("title") or file.get("id") or "file"),
                str(file.get("mimetype") or "application/octet-stream"),
                int(file.get("size") or 0),
                reference,
            )


def ms(ts: object) -> int:
    """A Slack timestamp in milliseconds."""
    seconds, _, fraction = str(ts).partition(".")
    return int(seconds or 0) * 1000 + int((fraction + "000")[:3])


def microseconds(ts: object) -> int:
    seconds, _, fraction = str(ts).partition(".")
    return int(seconds or 0) * 1_000_000 + int((fraction + "000000")[:6])


def slack_ts(us: int) -> str:
    return f"{us // 1_000_000}.{us % 1_000_000:06}"
