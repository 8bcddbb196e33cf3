"""What comes in: one channel at a time in order, and after every connect what was said meanwhile.

The gateway has no acknowledgement and forgets. So each channel has a watermark, the last message that was taken in, and
nothing live moves it before the channel's history up to there was read: a crash in between reads it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, cast

import discord

from bots.common.shapes import Json, mapping, number
from bots.discord.client import errors, places
from bots.discord.client.parsing import Unread
from bots.discord.reading import events, saying
from bots.discord.reading.members import Members
from bots.discord.reading.papers import Papers
from bots.discord.reading.privacy import Privacies
from bots.discord.reading.saying import Spoken
from bots.discord.reading.turns import Turns
from bots.discord.sending.threads import Threads
from host.ports.bot import HostBusy, Ingest
from host.ports.events import Author, InboundEvent, Said, Verdict

log = logging.getLogger(__name__)

AGAIN_AFTER = 1.0  # s until a history that could not be read is tried again; doubles
LONGEST_AGAIN = 60.0
TELL_AGAIN = (1.0, 2.0, 4.0, 8.0, 15.0)  # s between two tries of what is in no history
LISTENED_TO = 500  # places whose last message is remembered, to find out that nobody tells of new ones
SAMPLE = 5  # of them that are asked for
MOST_ASLEEP = 100  # archived threads whose last words are looked for, the latest conversations first
MOST_REACTIONS = 2_000  # whose last turn is remembered
MOST_KNOWN = 2_000  # places outside the library's cache that are not asked for again
MOST_TRIES = 10  # of one missed message; four minutes in all
SO_FAR = 30  # messages of a thread that are shown to an agent mentioned in it for the first time
CANNOT_READ = (discord.DiscordException, HostBusy, *errors.TRANSPORT)

Place = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread | discord.DMChannel


class Receiver:
    def __init__(
        self,
        client: discord.Client,
        host: Ingest,
        threads: Threads,
        papers: Papers,
        privacies: Privacies,
        members: Members,
    ) -> None:
        self._client = client
        self._host = host
        self._threads = threads
        self._papers = papers
        self._privacies = privacies
        self._turns = Turns(host)
        self._order: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._marks: dict[int, int] = {}
        self._caught_up: set[int] = set()
        self._read_to: dict[
            int, int
        ] = {}  # place -> up to which message its history was taken in, in this life
        self._failing: dict[
            int, tuple[int, int]
        ] = {}  # place -> its message that cannot be taken in, and how often
        self._behind = asyncio.Event()
        self._reactions: OrderedDict[tuple[int, int, str], tuple[bool, int]] = OrderedDict()
        self._members = members
        self._archived: dict[int, Place] = {}
        self._archives_read = False
        self._heard: OrderedDict[int, int] = OrderedDict()  # place -> its last message, the latest place last

    # ── live ─────────────────────────────────────────────────────────────────────────────────────────────

    async def message(self, said: discord.Message) -> None:
        self._hear(said.channel.id, said.id)
        # A direct message brings its channel with it: nothing has to be asked for that could fail.
        place = said.channel if isinstance(said.channel, Place) else await self._place(said.channel.id)
        if place is None:
            return
        turn = self._turns.now()
        async with self._order[place.id]:
            late = await turn.comes(place)
            try:
                await self._catch_up(place, before=said)
            except CANNOT_READ as error:
                self._not_read(place, error)
            if said.id <= self._read_to.get(place.id, 0):
                return  # the history had it; what was no agent's business then is none now, whoever was asked in since
            try:
                await self._take(place, said, late=late)
            except CANNOT_READ:  # the watermark stays before it: it is read again
                self.look_again([place.id])

    async def edited(self, raw: discord.RawMessageUpdateEvent) -> None:
        before = self._papers.get(raw.message_id)
        now = {**(before or {}), **cast(Json, raw.data)}
        self._papers.keep(now)
        place = await self._place(raw.channel_id)
        if place is None:
            return
        was = self._spoken(place, before) if before is not None else None
        spoken = self._spoken(place, now)
        if events.edit(raw.message, place, spoken, was, self._me) is None:
            return
        member = await self._in_time(lambda: self._members.author(_guild(place), raw.message))
        event = events.edit(raw.message, place, spoken, was, self._me, member)
        if event is not None and event.mentioned and isinstance(place, discord.Thread):
            event = replace(event, thread_so_far=await self._so_far(place, raw.message))
        if event is not None and event.mentioned and event.opens_thread:
            self._threads.asked(event.opens_thread, event.text)
        await self._tell(place, event)

    async def refiled(self, before: discord.Thread, after: discord.Thread) -> None:
        """Only of a post that somebody talks in with an agent anything is known that could read otherwise."""
        if places.post_head(before, before.id) == places.post_head(after, after.id):
            return
        try:
            said = await after.fetch_message(after.id)
        except discord.NotFound:  # it is gone, and its post goes on without it
            return
        member = await self._in_time(lambda: self._members.author(after.guild, said))
        spoken = self._spoken(after, self._papers.of(said))
        await self._tell(after, events.refiled(said, after, spoken, self._me, member))

    async def deleted(self, channel_id: int, message_ids: Sequence[int]) -> None:
        place = await self._place(channel_id)
        if place is not None:
            for message_id in sorted(message_ids):
                await self._tell(place, events.deletion(message_id, place))

    async def reacted(self, raw: discord.RawReactionActionEvent, *, added: bool) -> None:
        place = await self._place(raw.channel_id)
        if place is not None and raw.user_id != self._me.id and await self._turns.is_ours(place):
            about = self._papers.get(raw.message_id) or {}
            by = raw.message_author_id or number(mapping(about.get("author")).get("id"))
            ours = by == self._me.id
            turned = self._turned(raw, added)
            excerpt = self._spoken(place, about).excerpt if ours and about else ""
            member = raw.member
            if member is None and ours:  # of others' messages too many are told of to ask about each
                member = await self._in_time(lambda: self._members.of(_guild(place), raw.user_id))
            author = events.author_of(member) if member is not None else self._stranger(raw.user_id)
            await self._tell(
                place, events.reaction(raw, place, author, turned, excerpt, added=added, ours=ours)
            )

    def _stranger(self, user_id: int) -> Author:
        """Without roles, under the name they wrote by."""
        return Author(str(user_id), self._members.name(user_id))

    async def _in_time(
        self, ask: Callable[[], Coroutine[Any, Any, discord.Member | None]]
    ) -> discord.Member | None:
        """Of what no history tells again: tried as long as is sensible. Raises as discord.py does: nobody is let in unknown."""
        for pause in TELL_AGAIN:
            try:
                return await ask()
            except CANNOT_READ:
                await asyncio.sleep(pause)
        return await ask()

    def _turned(self, raw: discord.RawReactionActionEvent, added: bool) -> int:
        """When the reaction was last turned this way, ms UTC: the same for an event that is told twice, and another
        for a reaction that was taken back in between."""
        which = raw.message_id, raw.user_id, str(raw.emoji)
        last = self._reactions.pop(which, None)
        if last is None or last[0] != added:
            last = added, max(events.now_ms(), last[1] + 1 if last is not None else 0)
        self._reactions[which] = last
        if len(self._reactions) > MOST_REACTIONS:
            self._reactions.popitem(last=False)
        return last[1]

    async def _tell(self, place: Place, event: InboundEvent | None) -> None:
        """After the messages that came before it, which it may be about.

        No history tells of it again: a host that cannot make it durable just now is asked again, as long as is sensible.
        """
        if event is None:
            return
        turn = self._turns.now()
        async with self._order[place.id]:
            await turn.comes(place)
            for pause in TELL_AGAIN:
                try:
                    await self._host.ingest(event)
                except HostBusy:
                    await asyncio.sleep(pause)
                else:
                    return
            await self._host.ingest(event)

    # ── whether anything is heard at all ─────────────────────────────────────────────────────────────────

    def _hear(self, place_id: int, message_id: int) -> None:
        self._heard[place_id] = max(message_id, self._heard.get(place_id, 0))
        self._heard.move_to_end(place_id)
        if len(self._heard) > LISTENED_TO:
            self._heard.popitem(last=False)

    def passed_over(self, place_id: int, message_id: int) -> None:
        """A live message that could not be read: the connection is not deaf, and later ones go on without it."""
        if place_id and message_id:
            self._hear(place_id, message_id)

    async def unheard(self) -> set[int]:
        """The last messages of the liveliest places, as far as no event told of them."""
        found: set[int] = set()
        for place_id in list(reversed(self._heard))[:SAMPLE]:
            room = self._client.get_partial_messageable(place_id)
            try:
                async for said in room.history(limit=1):
                    if said.id > self._heard.get(place_id, said.id):
                        found.add(said.id)
            except CANNOT_READ as error:
                log.debug("A history could not be compared: %s", error)
        return found

    # ── what was missed ──────────────────────────────────────────────────────────────────────────────────

    def look_again(self, channels: Sequence[int] | None = None) -> None:
        """Connected anew, or something was not read: these channels' histories (or all) are behind."""
        self._members.forget()
        self._caught_up -= set(self._caught_up if channels is None else channels)
        self._archives_read = self._archives_read and channels is not None
        self._behind.set()

    async def backfill(self) -> None:
        """Reads what is behind, whenever something is."""
        pause = AGAIN_AFTER
        while True:
            await self._behind.wait()
            self._behind.clear()
            async for place in self._places():
                async with self._order[place.id]:
                    try:
                        await self._catch_up(place)
                    except CANNOT_READ as error:
                        self._not_read(place, error)
            if not self._behind.is_set():
                pause = AGAIN_AFTER
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_AGAIN)

    async def _places(self) -> AsyncIterator[Place]:
        """Every channel and active thread the bot may read, and the DMs it ever had; first what needs no asking."""
        seen: set[int] = set()
        for find in (self._listed, self._unlisted):
            for place in await find():
                if place.id not in seen:
                    seen.add(place.id)
                    yield place
        if not self._archives_read:
            for place in await self._gone_quiet(seen):
                yield place

    async def _listed(self) -> list[Place]:
        found: list[Place] = []
        for guild in self._client.guilds:
            rooms: list[Place] = [*guild.text_channels, *guild.voice_channels, *guild.stage_channels]
            rooms += guild.threads
            found += [room for room in rooms if _readable(room)]
        for address in await self._host.watched(places.PLATFORM):
            if not address.workspace_id and address.platform_id.isdecimal():
                try:
                    place = await self._place(int(address.platform_id))
                except CANNOT_READ:
                    self._behind.set()
                    continue
                if place is not None:
                    found.append(place)
        return found

    async def _unlisted(self) -> list[Place]:
        """Active threads are asked for, too: what a gap swallowed was also the news of a thread."""
        found: list[Place] = []
        for guild in self._client.guilds:
            try:
                found += [thread for thread in await guild.active_threads() if _readable(thread)]
            except CANNOT_READ as error:
                log.info("The threads could not be listed: %s", error, extra={"action": "threads_unlisted"})
                self._behind.set()
        return found

    async def _gone_quiet(self, active: set[int]) -> list[Place]:
        """Threads that go on without a mention and that Discord does not list: they may have gone to sleep with words in
        them that nobody read. Once after each connect is enough, since a new word wakes a thread.
        """
        taking_part = sorted(
            await self._host.engaged(places.PLATFORM), key=lambda pair: pair[1], reverse=True
        )
        asleep = [int(address.thread_id) for address, _ in taking_part if address.thread_id.isdecimal()]
        found: list[Place] = []
        self._archives_read = True
        for thread_id in [id_ for id_ in asleep if id_ not in active][:MOST_ASLEEP]:
            try:
                place = await self._place(thread_id)
            except CANNOT_READ:
                self._archives_read = False
                self._behind.set()
                continue
            if place is not None:
                found.append(place)
        return found

    async def _catch_up(self, place: Place, before: discord.Message | None = None) -> None:
        """Takes in what the channel's watermark has not seen. The caller holds the channel's order."""
        if place.id in self._caught_up:
            return
        mark = await self._mark(place)
        if mark is None:
            await self._advance(place, await self._newest(place) if before is None else before.id - 1)
        elif (_last(place) or mark + 1) > mark:
            async for said in place.history(after=discord.Object(mark), oldest_first=True, limit=None):
                self._hear(place.id, said.id)
                if isinstance(said, Unread):
                    await self._advance(place, said.id)
                else:
                    await self._take_missed(place, said)
                self._read_to[place.id] = said.id
        self._caught_up.add(place.id)

    async def _take_missed(self, place: Place, said: discord.Message) -> None:
        """What Discord never tells about one, such as who wrote it, takes nothing from those behind it. Raises as
        `_take` does until it was tried enough."""
        try:
            await self._take(place, said, live=False)
        except discord.HTTPException as error:
            before, tries = self._failing.get(place.id, (0, 0))
            tries = tries + 1 if before == said.id else 1
            self._failing[place.id] = said.id, tries
            if error.status == 429 or tries < MOST_TRIES:
                raise
            told = {"action": "message_skipped", "channel": place.id, "about": said.id}
            log.warning("A message from Discord was not read: %s", error, extra=told)
            await self._advance(place, said.id)
        self._failing.pop(place.id, None)

    async def _newest(self, place: Place) -> int:
        """Where a channel begins that is seen for the first time: what was said there before is answered by nobody."""
        if isinstance(place, discord.DMChannel) or _last(place) is not None:
            return _last(place) or place.id
        async for said in place.history(limit=1):
            return said.id
        return place.id

    async def _mark(self, place: Place) -> int | None:
        """A thread never seen before is read from where its channel was left."""
        address = places.address_of(place)
        if address is None:
            return None
        known = await self._host.watermark(address)
        if not known and address.thread_id:
            known = await self._host.watermark(address._replace(thread_id=""))
        if known:
            self._marks[place.id] = int(known)
        return int(known) if known else None

    async def _take(
        self, place: Place, said: discord.Message, *, live: bool = True, late: bool = False
    ) -> None:
        """Durable first; the watermark moves after it, by whoever takes it in first. Raises `HostBusy`."""
        if (event := await self._event(place, said)) is not None:
            if event.opens_thread:
                self._threads.asked(event.opens_thread, event.text)
            await self._privacies.current(said.guild)
            taken = await self._host.ingest(event)
            if taken.verdict is Verdict.IGNORED and event.address.thread_id:
                return
        if not late and (not live or place.id in self._caught_up):
            await self._advance(place, said.id)

    async def _event(self, place: Place, said: discord.Message) -> InboundEvent | None:
        """One that cannot be read is passed by: read again it would be no better, and others wait behind it. Raises as
        discord.py does."""
        try:
            return await self._whole_event(place, said)
        except CANNOT_READ:
            raise
        except Exception:
            told = {"action": "message_skipped", "channel": place.id, "about": said.id}
            log.exception("A message from Discord cannot be read", extra=told)
            return None

    async def _whole_event(self, place: Place, said: discord.Message) -> InboundEvent | None:
        """With what was said before it, where that is news to the agent."""
        self._members.met(said.author)
        spoken = self._spoken(place, self._papers.of(said))
        if events.message(said, place, spoken, self._me) is None:
            return None
        member = await self._members.author(_guild(place), said)
        event = events.message(said, place, spoken, self._me, member)
        if event is None or not isinstance(place, discord.Thread):
            return event
        if event.mentioned or await self._host.calls(event):
            return replace(event, thread_so_far=await self._so_far(place, said))
        return event

    def _spoken(self, place: Place, message: Json) -> Spoken:
        return saying.said(message, events.names_for(self._client, _guild(place), message))

    async def _advance(self, place: Place, message_id: int) -> None:
        address = places.address_of(place)
        if address is not None and message_id > self._marks.get(place.id, -1):
            await self._host.advance(address, str(message_id))
            self._marks[place.id] = message_id

    async def _so_far(self, thread: discord.Thread, said: discord.Message) -> tuple[Said, ...]:
        """What was said in a thread before; the host keeps it when the agent takes part in it from now on."""
        try:
            found = [message async for message in thread.history(before=said, limit=SO_FAR)]
            before = [message for message in found if not isinstance(message, Unread)]
        except CANNOT_READ as error:
            log.info("The thread's beginning could not be read: %s", error, extra={"action": "no_history"})
            return ()
        shown: list[Said] = []
        for one in reversed(before):
            try:
                shown.append(self._said(thread, one))
            except Exception:  # one message that cannot be read takes nobody's words but its own
                told = {"action": "message_skipped", "channel": thread.id, "about": one.id}
                log.exception("A message of a thread cannot be read", extra=told)
        return tuple(one for one in shown if not one.says_nothing)

    def _said(self, thread: discord.Thread, said: discord.Message) -> Said:
        """A thread that was opened from a message begins with one that only points to it."""
        paper = self._papers.of(said)
        if said.type is discord.MessageType.thread_starter_message and said.reference is not None:
            resolved = said.reference.resolved
            paper = mapping(paper.get("referenced_message")) or paper
            said = resolved if isinstance(resolved, discord.Message) else said
        return events.said_before(said, self._spoken(thread, paper), self._me)

    def _not_read(self, place: Place, error: BaseException) -> None:
        if isinstance(error, discord.Forbidden | discord.NotFound):
            self._caught_up.add(
                place.id
            )  # nothing to read for the bot; a changed permission is a new connect
            return
        log.warning(
            "History not read yet: %s", error, extra={"action": "backfill_failed", "channel": place.id}
        )
        self._behind.set()

    # ── where ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _me(self) -> discord.ClientUser:
        if self._client.user is None:
            raise RuntimeError("events before the login")
        return self._client.user

    async def _place(self, channel_id: int) -> Place | None:
        """None where agents do not live, or the bot may not look."""
        found = self._client.get_channel(channel_id) or self._archived.get(channel_id)
        if found is None:
            try:
                found = await self._client.fetch_channel(channel_id)
            except (discord.NotFound, discord.Forbidden, discord.InvalidData):
                return None
        if not isinstance(found, Place):
            return None
        if self._client.get_channel(channel_id) is None:
            self._archived[channel_id] = found
            while len(self._archived) > MOST_KNOWN:
                del self._archived[next(iter(self._archived))]
        return found


def _last(place: Place) -> int | None:
    """None where Discord does not say: it leaves the field out of some channels."""
    return None if isinstance(place, discord.DMChannel) else place.last_message_id


def _guild(place: Place) -> discord.Guild | None:
    return None if isinstance(place, discord.DMChannel) else place.guild


def _readable(room: Place) -> bool:
    if isinstance(room, discord.DMChannel):
        return True
    may = room.permissions_for(room.guild.me)
    return may.view_channel and may.read_message_history
