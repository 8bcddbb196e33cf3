"""From the inbox into the sessions' files: in order at each address, and no address waits for another's downloads.

Where a crash cuts in: whatever is not marked stored is in the inbox and comes again, at boot and by the sweep; ids make that a
no-op where it was stored already, and files have the same names again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from host.intake import changed, inbox, storing
from host.intake.inbox import Entry
from host.intake.onward import Onward
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.ports.events import EventClass, InboundEvent
from host.ports.unless import unless
from host.registry import notices
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.reaching import handed_on
from host.registry.sessions import Session
from host.words import mark, say
from sessiondb import Address, SessionError, Unavailable, content

log = logging.getLogger(__name__)

# s between two stores at an address that goes on meanwhile, so that what comes until then is stored by one commit: longer where
# many do, for together they are not to make more than 250 commits a second
SHORTEST_PACE, PACE_EACH, LONGEST_PACE = 0.04, 0.004, 0.2
MOST_HELD = 5_000  # entries of a session's backlog in memory
AGAIN = 1.0  # s between two looks for an order behind them
MOST_BREAKS = 3  # times that a message may break its store in one life, each at another look
UNFIT = mark("no file of a conversation could take it in")


@dataclass
class _Lane:
    """What waits at one address of a session."""

    session: Session
    made: int  # which making of the session's file its entries were read for
    entries: deque[Entry] = field(default_factory=deque)
    ordered: asyncio.Event = field(
        default_factory=asyncio.Event
    )  # an order came: nobody waits for a file any more
    hurries: bool = False  # an order comes behind all that stands here
    task: asyncio.Task[None] | None = None

    def attend(self) -> None:
        """From now on `ordered` tells of orders that were not stored yet."""
        if not self.hurries and not any(map(_is_order, self.entries)):
            self.ordered.clear()

    def hurry(self) -> None:
        self.hurries = True
        self.ordered.set()


class Stores:
    def __init__(self, records: Records, onward: Onward, now: Callable[[], int]) -> None:
        self._db = records.db
        self._mailboxes = records.mailboxes
        self._onward = onward
        self._now = now
        self._lanes: dict[tuple[str, Address], _Lane] = {}
        self._held: set[int] = set()  # entries of the inbox that stand in a lane
        self._behind: set[str] = set()  # sessions whose next store must read the inbox, not memory
        self._replaying: dict[str, asyncio.Task[None]] = {}
        self._asked: set[str] = set()  # of these: to be looked at once more
        self._came: dict[str, list[Entry]] = {}  # by session: what came while the inbox was read for it
        self._made: dict[str, int] = {}  # by session: the making of its file that the inbox was last read for
        self._broke: dict[int, int] = {}  # how often an entry of the inbox broke its store in this life
        self._handing_on: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def begin(self) -> None:
        """At boot, before any bot: what an earlier life left unstored comes before anything new of its session."""
        self._behind.update(await self._db.read(inbox.sessions_with_unstored))

    def add(self, session: Session, entry: Entry) -> None:
        """Stores what was just admitted, soon. Nothing overtakes from memory what the inbox has from before, be it that its
        file was made again just now, or that the inbox is being read: that look may have been before this entry. What is
        another node's that one is told of; of what is held here another may have taken in something before."""
        if not self._db.holding.has(session.address):
            self.hand_on(session)
        elif session.id in self._replaying:
            self._came.setdefault(session.id, []).append(entry)
        elif self._db.holding.is_shared or session.id in self._behind or self._is_made_again(session):
            self.replay(session)
        else:
            self._enter(session, [entry])

    def _is_made_again(self, session: Session) -> bool:
        """Since the inbox was last read for its file."""
        return session.made != self._made.get(session.id, 0)

    def hand_on(self, session: Session) -> None:
        """To whoever has the place or is to have it; this node takes it where no other is to. Lost, the next look of either finds
        it in the inbox."""
        task = asyncio.create_task(self._handed_on(session), name=f"hand-on:{session.id}")
        self._handing_on.add(task)
        task.add_done_callback(self._handing_on.discard)

    def replay(self, session: Session) -> None:
        """Stores what the inbox holds for the session and its file may not."""
        if session.id in self._replaying:  # its look may have been before what is asked for now
            self._asked.add(session.id)
            return
        self._behind.add(session.id)
        if not self._stopped:
            task = asyncio.create_task(self._replay(session), name=f"replay:{session.id}")
            self._replaying[session.id] = task

    def is_at(self, session: Session) -> bool:
        """Whether something of it is being stored."""
        return session.id in self._replaying or any(id_ == session.id for id_, _ in self._lanes)

    def let_go(self, session: Session) -> None:
        """Another node may go on with it."""
        self._behind.discard(session.id)
        self._made.pop(session.id, None)

    async def stop(self) -> None:
        """Ends downloads and stores under way: the next start begins with them, and with what is admitted until the end."""
        self._stopped = True
        tasks = [
            *self._replaying.values(),
            *self._handing_on,
            *(lane.task for lane in self._lanes.values() if lane.task),
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _handed_on(self, session: Session) -> None:
        try:
            if await handed_on(self._db, session.address):
                self.replay(session)
        except SessionError as error:
            log.warning("Session %s waits: %s", session.id, error, extra={"action": "not_handed_on"})

    # ── lanes ────────────────────────────────────────────────────────────────────────────────────────────

    def _enter(self, session: Session, entries: Sequence[Entry]) -> None:
        if self._stopped:
            return
        for entry in entries:
            key = session.id, entry.answer
            lane = self._lanes.setdefault(key, _Lane(session, self._made.get(session.id, 0)))
            lane.entries.append(entry)
            self._held.add(entry.id)
            if _is_order(entry):
                lane.ordered.set()
            if lane.task is None:
                lane.task = asyncio.create_task(self._run(key, lane), name=f"store:{session.id}")

    async def _run(self, key: tuple[str, Address], lane: _Lane) -> None:
        try:
            while lane.entries:
                first = lane.entries[0]
                try:
                    await self._store(lane, await self._next(lane))
                    if lane.entries:
                        await self._pause(lane)
                except SessionError:
                    raise
                except Exception:  # the next look takes it by itself
                    self._broke[first.id] = self._broke.get(first.id, 0) + 1
                    if self._broke[first.id] < MOST_BREAKS:
                        raise
                    lane.entries.popleft()
                    self._held.discard(first.id)
                    await self._set_aside([(first.id, first.message_id)], first.answer, first.event)
        except SessionError as error:
            # The inbox has it; the sweep replays it in order. Nothing later may overtake it from memory.
            log.warning(
                "Session %s: not stored yet: %s", lane.session.id, error, extra={"action": "store_failed"}
            )
            self._behind.add(lane.session.id)
            if lane.session.made != lane.made:
                self.replay(lane.session)
        except Exception:  # whatever broke it, what came first stays first
            told = {"action": "store_failed", "session": lane.session.id}
            log.exception("A store broke", extra=told)
            self._behind.add(lane.session.id)
        finally:  # at once: what comes from now on is not seen by this task any more
            self._let_go(key, lane)

    async def _pause(self, lane: _Lane) -> None:
        """Of a stream alone: whoever speaks first is stored at once, and an order at any time."""
        lane.attend()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_pace(len(self._lanes))):
                await lane.ordered.wait()

    async def _next(self, lane: _Lane) -> list[storing.Attached]:
        """The first entries of the lane as they are stored together: up to one with files, or that one by itself."""
        first = lane.entries[0]
        if _has_files(first):
            lane.attend()
            return [await self._fetched(lane, first)]
        if first.id in self._broke:
            return [storing.Attached(first)]
        plain: list[storing.Attached] = []
        for entry in lane.entries:
            if _has_files(entry):
                break
            plain.append(storing.Attached(entry))
        return plain

    async def _fetched(self, lane: _Lane, entry: Entry) -> storing.Attached:
        """With its files; without them once an order came behind it: that has to be obeyed now, in its place."""
        fetched = await unless(lane.ordered.wait(), self._onward.incoming.fetch(lane.session, entry))
        return storing.Attached(_without_files(entry)) if fetched is None else fetched

    async def _store(self, lane: _Lane, attached: list[storing.Attached]) -> None:
        session = lane.session
        await self._onward.runners.end_outdated(session)

        def store(writer: InboundWriter) -> storing.Stored:
            if session.made != lane.made:  # maybe in this very visit: what is older comes back first
                raise Unavailable(session.folder.inbound_db, "its messages are on their way back")
            return storing.insert_all(writer, attached, session.folder.outbound_db)

        stored = await self._mailboxes.use(session, store)
        self._onward.runners.wake(session)
        self._onward.deliveries.outcome_changed(session)  # a deletion may have settled what was there
        entries = [one.entry for one in attached]
        if await self._db.write(lambda connection: self._mark(connection, entries, stored)):
            await self._onward.deliveries.deliver_notices()
        for entry in entries:
            lane.entries.popleft()
            self._held.discard(entry.id)
            self._broke.pop(entry.id, None)

    async def _set_aside(
        self, broken: Sequence[tuple[int, str]], place: Address, event: InboundEvent | None = None
    ) -> None:
        """Told where it was to be answered. A crash before it finds them once more."""
        answers = event.platform_message_id if event is not None else ""

        def told(connection: Statements) -> None:
            for id_, message_id in broken:
                inbox.set_aside(connection, id_, UNFIT)
                text = say(
                    "⚠️ I could not take in this message ({id}). Please say it again.", id=message_id[:9]
                )
                notices.add(
                    connection, Notice(f"unfit:{message_id}", place, text, answers=answers), self._now()
                )

        await self._db.write(told)
        for id_, message_id in broken:
            self._broke.pop(id_, None)
            log.error("Set aside: nothing can store it", extra={"action": "set_aside", "message": message_id})
        await self._onward.deliveries.deliver_notices()

    def _mark(self, connection: Statements, entries: list[Entry], stored: storing.Stored) -> bool:
        """Together: a crash before it has a change stored, and what it changed looked for, once more. Whether people are told."""
        now = self._now()
        inbox.mark_stored(connection, entries, stored.high_water, now)
        offers = [changed.offer(connection, e.event, e.answer, now, stored.under_way) for e in entries]
        return any(offers)

    async def _replay(self, session: Session) -> None:
        try:
            while await self._look(session):
                pass
        except SessionError as error:
            self._behind.add(session.id)
            log.warning("Session %s: not read: %s", session.id, error, extra={"action": "store_failed"})
        finally:
            del self._replaying[session.id]
            if self._came.pop(session.id, None) or session.id in self._asked:
                self._behind.add(session.id)  # the look broke: nothing overtakes these from memory
            self._asked.discard(session.id)

    async def _look(self, session: Session) -> bool:
        """Stores what the inbox has of the session; returns whether it must be looked at again."""
        self._behind.discard(session.id)
        self._asked.discard(session.id)
        self._came.pop(session.id, None)
        await self._end_overtaken(session)
        last, held = 0, 0
        while True:
            page = await self._db.read(functools.partial(inbox.unstored, session_id=session.id, after=last))
            if page.broken:
                await self._set_aside(page.broken, session.place)
            if session.id in self._behind:  # what came first could not be stored
                return session.id in self._asked
            self._enter(session, [entry for entry in page.entries if entry.id not in self._held])
            if not page.is_full:
                break
            last, held = page.last, held + len(page.entries)
            if held >= MOST_HELD:  # there may be more, and they come before anything new
                await self._drained(session, last)
                held = 0
        came = [entry for entry in self._came.pop(session.id, []) if entry.id > page.last]
        if not self._db.holding.is_shared:  # all there is: none of these is before what was read
            self._enter(session, [entry for entry in came if entry.id not in self._held])
            came = []
        return bool(came) or session.id in self._asked

    async def _drained(self, session: Session, last: int) -> None:
        """Once all that stands in its lanes is stored. Where an order waits behind `last` in the inbox, for no file any more."""
        while lanes := [lane for (id_, _), lane in self._lanes.items() if id_ == session.id and lane.task]:
            if await self._db.read(functools.partial(inbox.is_ordered, session_id=session.id, after=last)):
                for lane in lanes:
                    lane.hurry()
            await asyncio.wait([lane.task for lane in lanes if lane.task], timeout=AGAIN)

    async def _end_overtaken(self, session: Session) -> None:
        """Lanes from before the session's file was made again: what stands in them comes anew, behind what is older."""
        self._made[session.id] = session.made  # before the inbox is read: a later making is another
        stale = [
            (key, lane)
            for key, lane in self._lanes.items()
            if key[0] == session.id and lane.made != session.made
        ]
        for _, lane in stale:
            if lane.task is not None:
                lane.task.cancel()
        await asyncio.gather(*(lane.task for _, lane in stale if lane.task), return_exceptions=True)
        for key, lane in stale:  # one that never ran has not let go itself
            if self._lanes.get(key) is lane:
                self._let_go(key, lane)

    def _let_go(self, key: tuple[str, Address], lane: _Lane) -> None:
        self._held.difference_update(entry.id for entry in lane.entries)
        del self._lanes[key]


def _pace(lanes: int) -> float:
    return min(max(SHORTEST_PACE, PACE_EACH * lanes), LONGEST_PACE)


def _is_order(entry: Entry) -> bool:
    return entry.event.event_class is EventClass.CONTROL


def _has_files(entry: Entry) -> bool:
    event = entry.event
    if event.event_class is EventClass.TASK and event.value:  # what was reacted to
        return True
    files = event.files or any(said.files for said in event.thread_so_far)
    return bool(files) and event.event_class in (EventClass.MESSAGE, EventClass.COMMAND, EventClass.TASK)


def _without_files(entry: Entry) -> Entry:
    lost = tuple(
        content.Part("file", "not fetched: an order came first", title=file.name)
        for file in entry.event.files
    )
    return replace(entry, event=replace(entry.event, parts=(*entry.event.parts, *lost)))
