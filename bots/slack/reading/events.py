"""From what Slack says to `InboundEvent`s."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.shapes import mapping, one_line, string
from bots.common.short import shortened
from bots.slack.client import directory
from bots.slack.client.directory import Directory
from bots.slack.client.errors import TRANSIENT, code_of
from bots.slack.reading import saying
from bots.slack.reading.names import Names, ids_in
from bots.slack.reading.saying import Spoken
from bots.slack.reading.threads import Threads, name_of
from bots.slack.reading.times import ms
from host.ports.bot import Ingest
from host.ports.events import Author, EventClass, InboundEvent, Privacy, Said, Viewer
from host.words import ENGLISH
from sessiondb import Address
from sessiondb.content import Part

log = logging.getLogger(__name__)
Json = dict[str, Any]

MOST_FOLLOWED = 20_000  # threads
MOST_NAMES = 60  # people and channels that are asked for by name, of one reading
LANGUAGE_PATIENCE = 1.0  # s of the three that Slack waits for a form
EXCERPT = 200  # characters of a message that somebody reacted to
NOBODY = frozenset(
    {"user_not_found", "user_not_visible"}
)  # whom Slack will not show us, however often we ask


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the token speaks for (`auth.test`)."""

    team: str
    user: str
    bot: str
    name: str = ""
    scopes: frozenset[str] = frozenset()  # of the token, where Slack tells
    organisation: str = ""  # whose token it is, where it is no workspace's own


class Reader:
    """Raises `TRANSIENT` when who wrote cannot be found out: closed, not open; Slack delivers again."""

    def __init__(self, client: AsyncWebClient, people: Directory, identity: Identity) -> None:
        self._client = client
        self._people = people
        self._me = identity
        self._threads = Threads(client, self.names, self.is_own)
        self._following: set[Address] = set()  # threads whose beginning the host was given, or needs not

    def follow(self, thread: Address) -> None:
        """Its beginning need not be read again; that it is, once these are too many, costs a look and nothing else."""
        if len(self._following) >= MOST_FOLLOWED:
            self._following.clear()
        self._following.add(thread)

    async def message(self, event: Json) -> InboundEvent | None:
        """A message as posted; None for our own and for what nobody said."""
        if not saying.speaks(event) or self.is_own(event) or not ms(event.get("ts")):
            return None
        return await self._as_posted(event, await self.said(event))

    async def _as_posted(self, event: Json, spoken: Spoken) -> InboundEvent:
        address = self.address(event)
        # Slack's own word counts too, unless it is a quotation that it speaks of.
        mentioned = spoken.mentioned or (event.get("type") == "app_mention" and not spoken.quoted)
        privacy = await self.privacy(event)
        found = InboundEvent(
            event_class=EventClass.MESSAGE,
            address=address,
            natural_id=str(event["ts"]),
            author=await self.author(event),
            at=ms(event["ts"]),
            text=spoken.text,
            opening=spoken.opening,
            platform_message_id=str(event["ts"]),
            mentioned=mentioned,
            privacy=privacy,
            opens_thread="" if address.thread_id else str(event["ts"]),
            untitled=privacy == "dm"
            and bool(address.thread_id),  # a chat with the app: its history lists titles
            files=spoken.files,
            parts=spoken.parts,
        )
        if mentioned:
            found = replace(found, thread_so_far=await self.so_far(address, found.natural_id))
        return found

    async def so_far(self, address: Address, ts: str) -> tuple[Said, ...]:
        """What was said in a thread before the message that names us there first."""
        if not address.thread_id or address in self._following:
            return ()
        return await self._threads.so_far(address, ts)

    async def change(self, event: Json) -> InboundEvent | None:
        """An edit or a deletion; None when it says the same (a preview was added), or it is ours."""
        before, after = mapping(event.get("previous_message")), mapping(event.get("message"))
        gone = event["subtype"] == "message_deleted" or after.get("subtype") == "tombstone"
        if self.is_own(after) or self.is_own(before) or not (before or after):
            return None
        return self._deletion(event, before, after) if gone else await self._edit(event, before, after)

    def _deletion(self, event: Json, before: Json, after: Json) -> InboundEvent:
        """Slack does not say who deleted."""
        said = before or after
        ts = str(event.get("deleted_ts") or said.get("ts"))
        return InboundEvent(
            event_class=EventClass.DELETE,
            address=self.address({"ts": ts, **said, "channel": event["channel"]}),
            natural_id=ts,
            author=Author(string(said.get("user")) or "slack", "somebody"),
            at=ms(event.get("event_ts") or event["ts"]),
            platform_message_id=ts,
            privacy=directory.privacy(string(event.get("channel_type"))),
        )

    async def _edit(self, event: Json, before: Json, after: Json) -> InboundEvent | None:
        names = await self.names([before, after])
        old, new = saying.said(before, names), saying.said(after, names)
        unchanged = old.gist == new.gist if before else not after.get("edited")
        if unchanged or not saying.speaks(after) or not ms(after.get("ts")):
            return None
        named_anew = new.mentioned and (not old.mentioned or old.says_nothing)
        kept: Json = {key: event[key] for key in ("channel", "channel_type") if key in event}
        as_posted = await self._as_posted({**after, **kept}, replace(new, mentioned=named_anew))
        edited = str(mapping(after.get("edited")).get("ts") or event.get("event_ts") or event.get("ts"))
        return replace(
            as_posted,
            event_class=EventClass.EDIT,
            natural_id=f"{after['ts']}:{edited}",
            at=ms(event.get("event_ts") or event.get("ts")),
        )

    async def reaction(self, event: Json) -> InboundEvent | None:
        item = mapping(event.get("item"))
        if item.get("type") != "message" or event.get("user") == self._me.user:
            return None
        added = event["type"] == "reaction_added"
        emoji = str(event["reaction"])
        channel, ts = str(item["channel"]), str(item["ts"])
        # Of some messages Slack does not say whose they are.
        about = (
            await self._reacted_to(channel, ts)
            if event.get("item_user", self._me.user) == self._me.user
            else {}
        )
        ours = self.is_own(about) or (not about and event.get("item_user") == self._me.user)
        about = about if ours else {}
        said = shortened(one_line((await self.said(about)).text), EXCERPT) if about else ""
        return InboundEvent(
            event_class=EventClass.REACTION,
            address=self.address({"ts": ts, "thread_ts": about.get("thread_ts"), "channel": channel}),
            natural_id=f"{ts}:{event['user']}:{emoji}:{'+' if added else '-'}:{event['event_ts']}",
            author=await self.author(event),
            at=ms(event["event_ts"]),
            text=f"to your “{said}”" if said else "",
            platform_message_id=ts,
            mentioned=ours,
            privacy=await self.privacy({"channel": channel}),
            value=f":{emoji}:" if added else f"took back :{emoji}:",
        )

    async def quoted(self, channel: str, ts: str) -> Part | None:
        """None where Slack does not show it."""
        found = await self._reacted_to(channel, ts)
        if not found:
            return None
        spoken, author = await self.said(found), await self.author(found)
        files = ", ".join(file.name for file in spoken.files)
        text = "\n".join([spoken.text, *(part.text for part in spoken.parts), files]).strip()
        return Part("quoted", text, author=author.name, author_id=author.id)

    async def _reacted_to(self, channel: str, ts: str) -> Json:
        """A message that is ours or may be: the event does not name its thread. Empty when Slack does not show it."""
        try:
            return mapping((await self._client.reactions_get(channel=channel, timestamp=ts)).get("message"))
        except TRANSIENT as error:
            log.info("What was reacted to is not known: %s", type(error).__name__)
            return {}

    async def groups(self) -> Mapping[str, str]:
        """Names of the workspace's user groups by id, as far as Slack tells."""
        return await self._people.groups()

    async def viewer(self, user: str, channel: str, host: Ingest | None = None) -> Viewer:
        """Somebody who looks at or orders things, from a channel; a channel that is closed to us counts as private.

        Before something is shown the host is told for whom the channel is at this moment. Raises `HostBusy` with it.
        """
        address = Address("slack", self._me.team, channel)
        try:
            privacy = (await self._people.place_now(channel)).privacy if channel else "dm"
        except SlackApiError as error:
            if code_of(error) not in ("channel_not_found", "not_in_channel"):
                raise
            privacy = "private"
        if host is not None and channel and privacy != "dm":
            await host.channel_became(address, privacy)
        self._people.forget_person(user)
        return Viewer(await self.author({"user": user}), address, privacy)

    async def language(self, user: str, channel: str, host: Ingest) -> str:
        """In which somebody is told something there; English where that is not known at once."""
        address = Address("slack", self._me.team, channel)
        try:
            async with asyncio.timeout(LANGUAGE_PATIENCE):
                privacy = await self.privacy({"channel": channel}) if channel else "dm"
                author = await self.author({"user": user}) if privacy == "dm" else Author(user)
                return await host.controls.language(Viewer(author, address, privacy))
        except (TimeoutError, *TRANSIENT):
            return ENGLISH

    async def became(self, channel: str, host: Ingest) -> None:
        """By Slack's own word now, whatever the event says: two conversions may come in any order."""
        place = await self._people.place_now(channel)
        address = Address("slack", self._me.team, channel)
        await host.channel_became(address, place.privacy)
        await host.channel_named(address, place.name)

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
            return Author(bot, name_of(event), is_bot=True)
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
            external=person.stranger or self._me.team not in (person.team or team, *person.teams),
            groups=await self._people.groups_of(user),
            zone=person.zone,
            guest=person.guest,
            locale=person.locale,
        )

    async def said(self, message: Json) -> Spoken:
        return saying.said(message, await self.names([message]))

    async def names(self, messages: Sequence[Json], within: float | None = None) -> Names:
        """Of everybody and every channel that is named in them; what Slack does not say, in so many seconds, keeps its id."""
        ids = list(dict.fromkeys(one for message in messages for one in ids_in(saying.within(message))))
        authors = [("user", string(m.get("user"))) for m in messages if m.get("user")]
        ids = list(dict.fromkeys([*authors, *ids]))[:MOST_NAMES]
        asked = {one: asyncio.create_task(self._name(*one)) for one in ids}
        try:
            if asked:
                await asyncio.wait(asked.values(), timeout=within)
            found = {one: task.result() if task.done() else one[1] for one, task in asked.items()}
        finally:
            for task in asked.values():
                task.cancel()
        people = {id_: name for (kind, id_), name in found.items() if kind == "user"}
        places = {id_: name for (kind, id_), name in found.items() if kind == "channel"}
        if self._me.name:
            people[self._me.user] = self._me.name
        return Names(people, places, self._me.user)

    async def words(self, text: str) -> str:
        """What somebody typed to us, with names for ids."""
        return (await self.names([{"text": text}])).words(text)

    async def _name(self, kind: str, id_: str) -> str:
        try:
            return (await self._people.place(id_)).name if kind == "channel" else await self._people.name(id_)
        except TRANSIENT:
            return id_
