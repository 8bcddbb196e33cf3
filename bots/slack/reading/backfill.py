"""What was said while nobody listened: read from the histories and taken in by the one way in.

Slack delivers nothing again after a full disconnect. Each channel and each engaged thread has a watermark, the ts up to
which everything was taken in. It is read before the sockets open, so that the gap's start is on disk; a channel's live
events wait until its gap is filled. Events come unordered and are repeated for six minutes, so a gap is read from a
little before its mark; what is known already is a duplicate by its key.

Where Slack lets the app read a page a minute (`turns`) nobody waits for that: the gates open, and the gaps are filled beside
what is live. Until its gap is filled a channel's mark stays where it was, on disk too, so that a crash begins it again.

Not recovered: edits, deletions and reactions made in the gap, and a first mention in the thread of a message that is older
than the gap. Slack keeps no record of them that could be asked for in bulk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client.directory import Directory, Place
from bots.slack.client.errors import code_of, is_about_this, translated
from bots.slack.reading.times import microseconds, slack_ts
from bots.slack.reading.turns import Method, Turns
from host.ports.bot import HostBusy, Ingest, Rejected
from sessiondb import Address

log = logging.getLogger(__name__)
Json = dict[str, Any]

OVERLAP = 600_000_000  # µs read again before a mark: longer than Slack goes on repeating an event
LONGEST_GAP = (
    365 * 86_400_000_000
)  # µs: what is older is not read again, for the host forgets its keys one day
FLUSH_EVERY = 5.0  # s between two commits of the marks; a mark that lags costs only duplicates
GATE = 2.4  # s a live event waits behind its channel's backfill; Slack gives up after 3 and delivers again
PAGE = 200
MOST_THREADS = 300  # engaged threads looked into after one gap, the latest first
AT_ONCE = 4  # channels read at the same time
LONGEST = 3_600.0  # s after which no more threads are read of one gap, where Slack makes us wait
PAUSE = 1.0  # s until a message is tried the second time; each later one waits as much longer
BUSY_TRIES = 10  # of one channel or one message, about a minute in all
ALL_KINDS = "public_channel,private_channel,mpim,im"
FLOOR = "floor"  # the thread id under which the first start of all is kept


class NotYet(Exception):
    """The channel's gap is still being filled: the event is to be delivered again."""


class Take(Protocol):
    def __call__(self, message: Json) -> Awaitable[bool]:
        """Takes one message in; true when it was new."""


class Marks:
    """Watermarks in memory, committed every few seconds; they never go back."""

    def __init__(self, host: Ingest, team: str) -> None:
        self._host = host
        self.everywhere = Address("slack", team, "")
        self._marks: dict[Address, int] = {}
        self._dirty: set[Address] = set()
        self.held: set[str] = set()  # channels whose gap is still to be read: their marks stay

    async def load(self) -> None:
        """Before any socket opens. The first start of all has no past."""
        for address in await self._host.watched("slack"):
            if address.workspace_id == self.everywhere.workspace_id:
                self._marks[address] = microseconds(await self._host.watermark(address))
        if self._floor not in self._marks:
            self.seen(self._floor, time.time_ns() // 1000)
            self.seen(self.everywhere, self._marks[self._floor])
            await self.flush()

    def seen(self, address: Address, at: int) -> None:
        """Something of that time (µs) was taken in at the address."""
        for place in {address, self.everywhere} if address.platform_id else {address}:
            if at > self._marks.get(place, 0) and place.platform_id not in self.held:
                self._marks[place] = at
                self._dirty.add(place)

    def hold(self, address: Address, oldest: int) -> None:
        """Its gap begins at `oldest` (µs) and is not read: what comes live leaves the mark before it."""
        if address not in self._marks:
            self._marks[address] = oldest
            self._dirty.add(address)
        self.held.add(address.platform_id)

    def filled(self, address: Address, at: int) -> None:
        """Its gap is, up to `at` (µs)."""
        self.held.discard(address.platform_id)
        self.seen(address, at)

    def oldest(self, address: Address) -> int:
        """Where the address's gap may begin; a thread never heard of shares its channel's, and a channel everybody's."""
        channel = self._marks.get(address._replace(thread_id=""), self._marks[self.everywhere])
        known = self._marks.get(address, channel)
        return max(known - OVERLAP, self._marks[self._floor], time.time_ns() // 1000 - LONGEST_GAP)

    def latest_first(self, addresses: Iterable[Address]) -> list[Address]:
        return sorted(addresses, key=lambda address: self._marks.get(address, 0), reverse=True)

    async def flush(self) -> None:
        dirty, self._dirty = self._dirty, set()
        # Everybody's last: a channel that is held would share it after a crash in between.
        for address in sorted(dirty, key=lambda address: not address.platform_id):
            await self._host.advance(address, slack_ts(self._marks[address]))

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            await self.flush()

    @property
    def _floor(self) -> Address:
        return self.everywhere._replace(thread_id=FLOOR)


class Backfill:
    def __init__(
        self, client: AsyncWebClient, people: Directory, host: Ingest, marks: Marks, take: Take
    ) -> None:
        self._client = client
        self._people = people
        self._host = host
        self._marks = marks
        self._take = take
        self._gates: dict[str, asyncio.Event] = {}
        self._turns = Turns()
        self._late: dict[str, asyncio.Task[int]] = {}  # by channel, of those read beside what is live
        self._again: set[str] = set()  # of them: there was another gap meanwhile
        self.open: frozenset[str] = frozenset()  # the channels in which the bot was when it last asked

    async def passed(self, channel: str) -> None:
        """A live event of the channel waits here for its turn. Raises `NotYet`."""
        gate = self._gates.get(channel)
        if gate is None:
            return
        try:
            async with asyncio.timeout(GATE):
                await gate.wait()
        except TimeoutError as error:
            raise NotYet(channel) from error

    async def prepare(self) -> None:
        """Closes every channel's gate: what comes live from now on stays behind what was missed."""
        found = await self._channels()
        self.open = frozenset(place.id for place in found)
        for place in found:
            if place.id in self._late:
                self._again.add(place.id)
            else:
                self._gates.setdefault(place.id, asyncio.Event())
            if place.privacy != "dm":
                channel = self._marks.everywhere._replace(platform_id=place.id)
                await self._host.channel_became(channel, place.privacy)
                await self._host.channel_named(channel, place.name)

    async def fill(self) -> int:
        """Fills every closed channel's gap and opens it; returns how many messages were new by the time at which Slack makes
        us wait, if it does."""
        threads: dict[str, list[tuple[Address, int]]] = {}
        engaged = dict(await self._host.engaged("slack"))
        for address in self._marks.latest_first(engaged)[:MOST_THREADS]:
            threads.setdefault(address.platform_id, []).append((address, engaged[address] * 1000))
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(channel: str) -> int:
            async with limit:
                found = await self._fill_whole(channel, threads.get(channel, ()))
            self._opened(channel)
            return found

        tasks = {
            channel: asyncio.create_task(one(channel), name=f"slack:fill:{channel}")
            for channel in self._gates
        }
        self._turns.is_slow()  # unless that was long ago
        slow = asyncio.create_task(self._turns.slow.wait(), name="slack:slow")
        try:
            found = await self._until_slow(set(tasks.values()), slow)
            for channel, task in tasks.items():
                if not task.done():
                    self._goes_on(channel, task)
        finally:
            slow.cancel()
            for channel, task in tasks.items():
                if channel not in self._late:
                    # When one has failed the others would work for a bot that is being started again.
                    task.cancel()
        if found:
            _tell(found)
        return found

    async def _until_slow(self, waiting: set[asyncio.Task[int]], slow: asyncio.Task[Any]) -> int:
        found = 0
        while waiting:
            done, _ = await asyncio.wait({*waiting, slow}, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting & done:
                found += task.result()
            waiting -= done
            if slow in done:
                break
        return found

    def _goes_on(self, channel: str, task: asyncio.Task[int]) -> None:
        """Beside what is live from now on."""
        if not self._late:
            told = {"action": "backfill_slow", "team": self._marks.everywhere.workspace_id}
            log.warning(
                "Slack lets histories be read slowly: what was missed comes in page by page", extra=told
            )
        address = self._marks.everywhere._replace(platform_id=channel)
        self._marks.hold(address, self._marks.oldest(address))
        self._late[channel] = task
        task.add_done_callback(lambda task: self._is_over(channel, task))
        self._opened(channel)

    def _is_over(self, channel: str, task: asyncio.Task[int]) -> None:
        del self._late[channel]
        self._again.discard(channel)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:  # it is held, and asked for again
            log.warning("What was missed is not known yet: %s", error, extra={"action": "backfill_failed"})
        elif task.result():
            _tell(task.result())

    def _opened(self, channel: str) -> None:
        if (gate := self._gates.pop(channel, None)) is not None:
            gate.set()

    @property
    def waiting(self) -> bool:
        """Whether a channel is to be asked for again, and nobody is at it."""
        return bool(self._marks.held - self._late.keys())

    @property
    def slow(self) -> bool:
        return self._turns.is_slow()

    async def probe(self) -> int:
        """Where histories are read slowly: whether the liveliest channel holds what nobody told us, as far as one page says."""
        channels = [self._marks.everywhere._replace(platform_id=id_) for id_ in self.open - self._late.keys()]
        method = self._client.conversations_history
        if not channels or not self._turns.free(method):
            return 0
        address = self._marks.latest_first(channels)[0]
        oldest = self._marks.oldest(address)
        self._marks.hold(address, oldest)  # one page may not reach back to it
        answer = await self._turns.read(
            method, channel=address.platform_id, oldest=slack_ts(oldest), limit=PAGE
        )
        page = [one for one in answer.get("messages") or () if isinstance(one, dict)]
        if not (found := await self._take_all(address.platform_id, page)):
            self._marks.held.discard(address.platform_id)
        return found

    async def close(self) -> None:
        late = list(self._late.values())
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _fill_whole(self, channel: str, threads: Sequence[tuple[Address, int]]) -> int:
        found = 0
        while True:
            self._again.discard(channel)
            found += await self._fill_channel_if_open(channel, threads)
            if channel not in self._again:
                return found

    async def _fill_channel_if_open(self, channel: str, threads: Sequence[tuple[Address, int]]) -> int:
        """A channel that Slack does not let us read, or cannot tell of, keeps its mark, and holds up no other."""
        address = self._marks.everywhere._replace(platform_id=channel)
        oldest = self._marks.oldest(address)
        try:
            new, newest = await self._fill_patiently(channel, threads)
        except SlackApiError as error:
            if not is_about_this(error):
                raise
            if isinstance(translated(error), Rejected):
                self._marks.held.discard(channel)
            else:  # of the kind that passes: asked for again later
                self._marks.hold(address, oldest)
            log.warning(
                "The history of %s cannot be read: %s",
                channel,
                code_of(error),
                extra={"action": "history_closed"},
            )
            return 0
        if channel not in self._again:
            self._marks.filled(address, newest)
        return new

    async def _fill_patiently(self, channel: str, threads: Sequence[tuple[Address, int]]) -> tuple[int, int]:
        """The host may be busy with the very thing that this bot has to look up first: it stays connected meanwhile."""
        for attempt in range(1, BUSY_TRIES):
            try:
                return await self._fill_channel(channel, threads)
            except HostBusy:
                await asyncio.sleep(float(attempt))
        return await self._fill_channel(channel, threads)

    async def _fill_channel(self, channel: str, threads: Sequence[tuple[Address, int]]) -> tuple[int, int]:
        """How many were new, and of when the latest is (µs)."""
        address = self._marks.everywhere._replace(platform_id=channel)
        oldest = self._marks.oldest(address)
        messages: dict[str, Json] = {}
        async for message in self._history(channel, oldest):
            messages[str(message["ts"])] = message
        roots = {ts: oldest for ts, message in messages.items() if _answered_since(message, oldest)}
        for thread, since in threads:
            roots[thread.thread_id] = max(since, self._marks.oldest(thread))
        async for message in self._replies_to(channel, roots):
            messages.setdefault(str(message["ts"]), message)
        ordered = sorted(messages.values(), key=lambda message: microseconds(message["ts"]))
        new = await self._take_all(channel, ordered)
        return new, microseconds(ordered[-1]["ts"]) if ordered else 0

    async def _replies_to(self, channel: str, roots: Mapping[str, int]) -> AsyncIterator[Json]:
        began, skipped = asyncio.get_running_loop().time(), 0
        for ts, after in roots.items():
            if asyncio.get_running_loop().time() - began > LONGEST and self._turns.slow.is_set():
                skipped += 1
                continue
            async for message in self._replies(channel, ts, after):
                yield message
        if skipped:
            told = {"action": "threads_skipped", "channel": channel, "count": skipped}
            log.warning(
                "%s threads were not read again: Slack lets them be read too slowly", skipped, extra=told
            )

    async def _take_all(self, channel: str, messages: Iterable[Json]) -> int:
        """In the order of their times."""
        address = self._marks.everywhere._replace(platform_id=channel)
        place = await self._people.place(channel)
        kind = {"dm": "im", "private": "group", "public": "channel"}[place.privacy]
        new = 0
        there = [message for message in messages if microseconds(message.get("ts"))]
        for message in sorted(there, key=lambda message: microseconds(message["ts"])):
            new += await self._take_one({**message, "channel": channel, "channel_type": kind})
            self._marks.seen(address, microseconds(message["ts"]))  # whether or not it could be read
        return new

    async def _take_one(self, message: Json) -> bool:
        """What Slack refuses for good about one message, or never answers, takes nothing from those behind it."""
        for attempt in range(1, BUSY_TRIES + 1):
            try:
                return await self._take(message)
            except SlackApiError as error:
                if not is_about_this(error):
                    raise
                if isinstance(translated(error), Rejected) or attempt == BUSY_TRIES:
                    told = {"action": "message_skipped", "channel": message["channel"], "ts": message["ts"]}
                    log.warning("A message was not read: %s", code_of(error), extra=told)
                    return False
            await asyncio.sleep(PAUSE * attempt)
        raise AssertionError("unreachable")

    async def _channels(self) -> list[Place]:
        return [
            self._people.know_place(channel)
            async for channel in self._paged(
                "channels", self._client.users_conversations, types=ALL_KINDS, exclude_archived=True
            )
        ]

    def _history(self, channel: str, oldest: int) -> AsyncIterator[Json]:
        return self._paged(
            "messages", self._client.conversations_history, channel=channel, oldest=slack_ts(oldest)
        )

    async def _replies(self, channel: str, ts: str, oldest: int) -> AsyncIterator[Json]:
        """Slack puts the root first, whatever the range. A thread that it cannot tell of leaves the others to be read."""
        found = self._paged(
            "messages", self._client.conversations_replies, channel=channel, ts=ts, oldest=slack_ts(oldest)
        )
        try:
            async for message in found:
                if microseconds(message["ts"]) > oldest:
                    yield message
        except SlackApiError as error:
            if not is_about_this(error):
                raise
            if code_of(error) != "thread_not_found":  # deleted meanwhile
                told = {"action": "thread_skipped", "channel": channel, "ts": ts}
                log.warning("A thread was not read: %s", code_of(error), extra=told)

    async def _paged(self, key: str, method: Method, **arguments: Any) -> AsyncIterator[Json]:
        cursor = ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = await self._turns.read(method, limit=PAGE, **arguments, **more)
            for item in answer.get(key) or ():
                if isinstance(item, dict) and (key != "messages" or microseconds(item.get("ts"))):
                    yield item
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return


def _tell(found: int) -> None:
    log.info("Read %s messages that came while nobody listened", found, extra={"action": "backfilled"})


def _answered_since(message: Json, oldest: int) -> bool:
    """Whether its thread has to be read; where Slack names no latest reply, any thread has to."""
    if latest := message.get("latest_reply"):
        return microseconds(latest) > oldest
    return bool(message.get("reply_count")) or message.get("thread_ts") == message["ts"]
