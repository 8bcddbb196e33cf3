"""Delivery: drains what runners wrote into lanes, and the host's own notices beside them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from host.delivery import losses, masked, policy, room
from host.delivery.carrying import Carrier
from host.delivery.collect import Collector
from host.delivery.drawing import Drawing
from host.delivery.lanes import Lane
from host.delivery.ledgers import NoticeLedger, OpenNotice, SessionLedger, notice_payload
from host.delivery.losses import Losses
from host.delivery.outcomes import Outcomes
from host.delivery.pace import Pace, of_a_visit
from host.delivery.portion import Collected, Ready, Whose
from host.delivery.posts import Posts
from host.delivery.quiet import is_held
from host.delivery.room import Room
from host.governance.languages import Languages
from host.mailbox import ledger, questions, remaking
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.outbound import OutboundReader, settled
from host.mailbox.rows import Parcel
from host.ports.stations import Posted, Stations
from host.registry import asked, notices
from host.registry.notices import Notice
from host.registry.port import Registry
from host.registry.sessions import Session
from sessiondb import Damaged, Incompatible, MessageIn, Missing, SessionError, Unavailable, content
from sessiondb.records import Address

log = logging.getLogger(__name__)

LANE_GRACE = 5.0  # s a send under way gets when its lane ends


@dataclass(frozen=True, slots=True)
class Outlets:
    """What deliveries find out, for those above who act on it."""

    claims: Callable[[Session, list[MessageIn]], None]  # the pending messages that a runner has claimed
    outcome: Callable[[Session], None]  # a message was settled, an answer arrived
    run_ended: Callable[[Session], None]  # a task's run got its outcome
    room: Callable[[Session], None]  # a session with more to read than may be on its way may be drained again
    stations: Stations  # where messages are on their way


class _Way(NamedTuple):
    """Which lane. A notice's session is nobody's."""

    session_id: str
    address: Address
    held: bool = False  # by quiet hours


class Deliveries:
    def __init__(
        self,
        db: Registry,
        mailboxes: Mailboxes,
        collector: Collector,
        posts: Posts,
        languages: Languages,
        outlets: Outlets,
        chance: random.Random | None = None,
    ) -> None:
        self._db = db
        self._mailboxes = mailboxes
        self._bots = collector.bots
        self._collector = collector
        self._now = collector.now
        self._posts = posts
        self._languages = languages
        self._losses = Losses(db, mailboxes, collector.now, self.deliver_notices)
        self._outlets = outlets
        self._chance = chance or random.Random()  # noqa: S311 - jitter, no secret
        self.pace = Pace(lambda: asyncio.get_running_loop().time())
        self._drawing = Drawing(self.pace)
        self._readers: dict[str, OutboundReader] = {}
        self._lanes: dict[_Way, Lane] = {}
        self._recovered: set[str] = set()
        self.carrier = Carrier(db, mailboxes, self._reader)
        self._made_again: set[str] = set()  # sessions whose open questions are to be looked for
        self._backlogged: dict[str, Session] = {}  # sessions with more to read than may be on its way
        self._draining: dict[str, asyncio.Lock] = {}
        self._notice_ledger = NoticeLedger(db, languages, collector.now)
        self._noticed: set[str] = set()
        self._outcomes = Outcomes(mailboxes, self._know, self._answers)

    # ── draining a session ───────────────────────────────────────────────────────────────────────────────

    async def drain(self, session: Session) -> None:
        """Reads everything new of the session. Raises `Unavailable`: look again at the next tick."""
        async with self._draining.setdefault(session.id, asyncio.Lock()):
            await self._recover(session)
            if self._losses.stands(session):
                await self._losses.tell_writers(session)
                return
            await self._say_what_is_copied(session)
            await self._wait_for_what_comes_back(session)
            try:
                while not self.pace.over and await self._collect(session):
                    pass
                if not self.pace.over:
                    await self._losses.can_be_read(session, self._reader)
                    await self._end_lost_questions(session)
            except Missing:
                self._close_reader(session)
                if not await self._begin_anew(session):
                    raise
            except (Damaged, Incompatible) as error:
                self._close_reader(session)
                await self._losses.quarantine(session, error)

    async def sound(self, session: Session) -> bool:
        """Whether a runner may have the session's outbound.db: a lost one is no new one. Raises `SessionError` of inbound.db."""
        async with self._draining.setdefault(session.id, asyncio.Lock()):
            if self._losses.stands(session):
                return False
            try:
                if (instead := await self._losses.instead(session, self._reader)) is not None:
                    await self._begin_anew(session, instead)
                await self._losses.can_be_read(session, self._reader)
            except Missing:
                self._close_reader(session)
                await self._begin_anew(session)
            except Damaged as error:
                self._close_reader(session)
                await self._losses.quarantine(session, error)
            except (Unavailable, Incompatible) as error:  # busy, or its runner's to recover or to migrate
                log.debug("No look before a start: %s", error)
            return not session.unreadable

    async def examine(self, session: Session) -> None:
        """A runner has met damage in a file of its session, where the host perhaps never reads."""
        async with self._draining.setdefault(session.id, asyncio.Lock()):
            try:
                await self._losses.examine(session, self._reader)
            except Damaged as error:
                self._close_reader(session)
                await self._losses.quarantine(session, error)
            except SessionError as error:  # not now; the next runner meets the damage again
                log.info("No examination: %s", error, extra={"action": "not_examined", "session": session.id})

    async def forget_reader(self, session: Session) -> None:
        """Closes the kept connection, once nobody reads through it: the runner is gone."""
        async with self._draining.setdefault(session.id, asyncio.Lock()):
            self._close_reader(session)
            self._losses.count_anew(session)

    def _close_reader(self, session: Session) -> None:
        if (reader := self._readers.pop(session.id, None)) is not None:
            reader.close()

    def busy(self, session: Session) -> bool:
        return any(way.session_id == session.id and not lane.idle for way, lane in self._lanes.items())

    async def let_go(self, session: Session) -> None:
        """Another node may go on with it: nothing of what was known of it here counts any more."""
        async with self._draining.setdefault(session.id, asyncio.Lock()):
            self._close_reader(session)
            self._losses.forget(session)
            self.carrier.forget(session)
            self._recovered.discard(session.id)
            self._made_again.discard(session.id)

    def bot_online(self, channel_type: str) -> None:
        for way, lane in list(self._lanes.items()):
            if way.address.channel_type == channel_type:
                lane.nudge()

    async def _collect(self, session: Session) -> bool:
        """Reads on; false when there is nothing more to read now. What has to be waited for is, one row after the other."""
        await self.pace.turn(session.id)
        done = await self._read_on(session, Ready())
        while done is not None and not self.pace.over and done.waits:
            if (asked := done.asked) is not None:
                await self.carrier.before_an_effect(session)  # another node is to find that it was asked for
                async with self._collector.actions.prepared(session, asked) as handler:
                    ready = Ready(handlers={asked.row_id: handler}, rest=done.rest)
                    done = await self._read_on(session, ready)
            elif (large := done.large) is not None:
                drawn = await self.pace.in_time(self._drawing.draw(large, session.id))
                if drawn is None:
                    return False
                done = await self._read_on(session, Ready(drawn={large.row_id: drawn}, rest=done.rest))
            elif (asking := done.asking) is not None:
                votes = await self._collector.approvers.in_advance(self._db, asking, self._now())
                done = await self._read_on(session, Ready(votes={asking.row_id: votes}, rest=done.rest))
        return done is not None and done.more

    async def _read_on(self, session: Session, ready: Ready) -> Collected | None:
        """None while as much is on its way as may be."""
        left = self._room(session)
        if left.spent:
            self._backlogged[session.id] = session
            return None

        def busy(address: Address) -> bool:
            lane = self._lanes.get(_Way(session.id, address))
            return lane is not None and not lane.idle

        files, manners = session.folder.outbound_files, await self._languages.manners(session.place)
        whose = Whose(session.id, session.place, session.agent, files, left, manners)

        def job(writer: InboundWriter) -> Collected:
            if session.remade:  # in this very visit: nothing that these rows answer is in the file yet
                raise _on_their_way_back(session)
            return self._collector.collect(writer, self._reader(session), whose, busy, ready)

        try:
            done = await self._mailboxes.use(session, job)
        except Unavailable:
            self._close_reader(session)
            raise
        self.pace.read(session.id, done.work + of_a_visit(done.seconds))
        self._outlets.claims(session, done.seen)
        self._note(session, done)
        await self._say_what_is_copied(session, done)
        losses.log_refused(session, done.refused)
        if done.owed:
            await self.pay(session)
        if done.settled:
            self.outcome_changed(session)
        if done.run_ended:
            self._outlets.run_ended(session)
        self._losses.count(session, len(done.refused), settled=done.settled)
        return done

    async def _say_what_is_copied(self, session: Session, *done: Collected) -> None:
        for one in await self.carrier.release(session, *done):
            self._put_on_its_way(session, one)

    def _put_on_its_way(self, session: Session, done: Collected) -> None:
        for parcel in done.parcels:
            if parcel.state == "unknown" and self.under_way(parcel.key):
                continue  # read again into a file that was made anew; what this process knows of it counts
            if parcel.key in done.intended:
                self._posts.sending(parcel)
            self._lane(session, parcel).add([parcel], intended=parcel.key in done.intended)

    def under_way(self, key: str) -> tuple[str, Parcel] | None:
        """What has no receipt yet, and the session that it is of: the platform may show it all the same."""
        found = ((way.session_id, lane.parcel(key)) for way, lane in self._lanes.items())
        return next(((session_id, parcel) for session_id, parcel in found if parcel is not None), None)

    def _room(self, session: Session) -> Room:
        chunks = weighing = others = 0
        for way, lane in self._lanes.items():
            if way.session_id == session.id:
                chunks, weighing = chunks + lane.length, weighing + lane.weight
            else:
                others += lane.weight
        return room.left(chunks, weighing, others)

    def _reader(self, session: Session) -> OutboundReader:
        reader = self._readers.get(session.id)
        if reader is not None and not reader.is_current():
            reader.close()
            reader = None
        if reader is None:
            reader = self._readers[session.id] = settled(session.folder.outbound_db)
        return reader

    async def recover(self, session: Session) -> None:
        """Before any bot: what may be on the platform already is known to be. Raises `sessiondb.SessionError`."""
        async with self._draining.setdefault(session.id, asyncio.Lock()):
            await self._recover(session)

    async def _know(self, session: Session) -> None:
        """What is on its way there is in a lane."""
        if session.id not in self._recovered:
            await self.recover(session)

    async def _recover(self, session: Session) -> None:
        """Once per process: what an earlier life of the host had begun and not finished."""
        if session.id in self._recovered:
            return
        open_parcels, doubtful = await self._mailboxes.use(
            session, lambda writer: (writer.open_parcels(), writer.mark("doubtful_up_to"))
        )
        session.remade = session.remade or doubtful > 0
        if open_parcels:
            await self._say_what_is_copied(session)
        self._recovered.add(session.id)
        for known in open_parcels:
            bot = self._bots.get(known.address.channel_type)
            flight = int(bot.capabilities.flight * 1000) if bot else 0
            parcel = policy.brought_back(known, doubtful, self._now(), flight, held=is_held(known))
            if parcel.state in ("sending", "unknown"):
                self._posts.sending(parcel)
            self._lane(session, parcel).add([parcel])

    async def give_up(self, session: Session, answering: frozenset[str] | None) -> bool:
        """What is on its way there and answers one of these messages, or all of it (None), is said no more, and nobody hears
        why; false when there was nothing. A send under way comes to its end first. A crash before the commit leaves all as it
        was. Raises `sessiondb.SessionError`."""
        async with self._draining.setdefault(session.id, asyncio.Lock()):
            for key in [key for key in self._lanes if key[0] == session.id]:
                await self._lanes.pop(key).stop(LANE_GRACE)
            found = await self._mailboxes.use(session, lambda writer: writer.open_parcels())
            over = [
                replace(parcel, state="failed", payload="", error="given up")
                for parcel in found
                if answering is None or parcel.in_reply_to in answering
            ]
            now = self._now()
            await self._db.write(lambda connection: ledger.put(connection, session.id, over, now))
            self._mailboxes.behind(session, [(parcel, now) for parcel in over])

            def job(writer: InboundWriter) -> None:
                writer.catch_up()
                with writer.writing():
                    writer.advance_watermark()

            await self._mailboxes.use(session, job)
            self._recovered.discard(session.id)
            await self._recover(session)
            return bool(over)

    async def _wait_for_what_comes_back(self, session: Session) -> None:
        """An answer is read after what it answers is in the file again: it would have no address. Raises `Unavailable`."""
        if session.remade:
            self._made_again.add(session.id)
            session.remade = False  # before the look: a file that is made again meanwhile says so once more
            if await self._db.read(lambda c: remaking.is_restoring(c, session.id)):
                session.remade = True
                raise _on_their_way_back(session)

    async def _end_lost_questions(self, session: Session) -> None:
        """After the records were made again and everything was read: what still waits for an answer, and is known to
        nobody, would wait for ever."""
        if session.id not in self._made_again or session.id in self._backlogged:
            return
        known = await self._db.read(lambda connection: asked.of_session(connection, session.id))

        def job(writer: InboundWriter) -> int:
            gone = {one.row_id: one for one in known if one.row_id and not writer.asks(one.row_id)}
            waiting = self._reader(session).parked(list(gone))
            for row_id in waiting:
                questions.lost(writer, row_id, gone[row_id].key, gone[row_id].address, self._now())
            return len(waiting)

        if await self._mailboxes.use(session, job):
            self._outlets.room(session)
        self._made_again.discard(session.id)

    async def _begin_anew(self, session: Session, instead: str | None = None) -> bool:
        if not await self._losses.begin_anew(session, instead):
            return False
        await self.carrier.prune(session, everything=True)
        await self.pay(session)
        self.outcome_changed(session)
        self._outlets.run_ended(session)
        return True

    def _lane(self, session: Session, parcel: Parcel) -> Lane:
        """What quiet hours hold back is beside what people asked for meanwhile, which does not wait for it."""
        address = parcel.address
        key = _Way(session.id, address, is_held(parcel))
        lane = self._lanes.get(key)
        if lane is None:
            ledger = SessionLedger(
                self._db,
                self._mailboxes,
                session,
                self._now,
                self._came_to_an_end,
                self.deliver_notices,
                self._posts,
            )
            lane = Lane(address, ledger, self._bots, self._now, lambda _: self._drop_lane(key), self._chance)
            self._lanes[key] = lane
        return lane

    def _note(self, session: Session, done: Collected) -> None:
        stations = self._outlets.stations
        for message in done.claimed:
            stations.claimed(session.id, message)
        for parcel in done.parcels:
            stations.out(session.id, parcel.in_reply_to, parcel.key)
        for message_id, status in done.outcomes:
            stations.settled(message_id, status)

    def _came_to_an_end(self, session: Session, parcels: Sequence[Parcel]) -> None:
        for one in parcels:
            answer = session.id, one.address.channel_type, one.in_reply_to, one.state
            posted = Posted(*answer, one.platform_message_id, one.attempts, one.first_attempt_at)
            self._outlets.stations.posted(posted)
        self.outcome_changed(session)

    def _drop_lane(self, key: _Way) -> None:
        self._lanes.pop(key, None)
        if (session := self._backlogged.pop(key.session_id, None)) is not None:
            self._outlets.room(session)

    # ── notices ──────────────────────────────────────────────────────────────────────────────────────────

    async def notify(self, notice: Notice) -> None:
        await self._db.write(lambda connection: notices.add(connection, notice, self._now()))
        await self.deliver_notices()

    async def pay(self, session: Session) -> None:
        """Hands what the session's outcomes call for to host.db; a crash in between hands it over again, which is once."""
        owed = await self._mailboxes.use(session, lambda writer: writer.owed())
        for about, what in owed:
            if masked.is_owed(about):
                await masked.record(self._db, session, about, what)
            else:
                await self.notify(Notice.decode(what))

        def job(writer: InboundWriter) -> None:
            with writer.writing():
                writer.paid(about for about, _ in owed)

        if owed:
            await self._mailboxes.use(session, job)

    async def deliver_notices(self) -> None:
        """Puts every notice not delivered yet into its lane."""
        for found in await self._notice_ledger.open():
            if found.parcel.key not in self._noticed:
                self._noticed.add(found.parcel.key)
                try:
                    await self._deliver(found)
                except SessionError:
                    self._noticed.discard(found.parcel.key)
                    raise
                except Exception:  # what its bot cannot show delays no other; the next life tries again
                    log.exception("A notice is not deliverable", extra={"action": "notice_broke"})

    async def _deliver(self, found: OpenNotice) -> None:
        notice, parcel = found.notice, found.parcel
        bot = self._bots.get(notice.address.channel_type)
        text = content.Text(self._collector.masks.text("", notice.text)[0])
        chunks = list(bot.render(text)) if bot else []
        if found.chunk == 0 and len(chunks) > 1:
            await self._notice_ledger.add_chunks(notice, len(chunks))
        chunk = chunks[found.chunk] if found.chunk < len(chunks) else {}
        payload = notice_payload(notice, chunk)
        self._notice_lane(notice).add([replace(parcel, payload=payload)])
        if found.chunk == 0 and len(chunks) > 1:
            await self.deliver_notices()

    def _notice_lane(self, notice: Notice) -> Lane:
        """Direct messages have no address of their own: each person has a lane."""
        key = _Way("" if notice.address.platform_id else f"@{notice.private_to}", notice.address)
        if key not in self._lanes:
            self._lanes[key] = Lane(
                notice.address,
                self._notice_ledger,
                self._bots,
                self._now,
                lambda _: self._drop_lane(key),
                self._chance,
            )
        return self._lanes[key]

    # ── outcomes ─────────────────────────────────────────────────────────────────────────────────────────

    async def settled(self, session: Session, message_id: str, *, stored: bool) -> str:
        """Waits for the message's outcome and the delivery of everything that answers it; "forgotten" where what was `stored`
        is in the session's file no more."""
        return await self._outcomes.settled(session, message_id, stored=stored)

    def outcome_changed(self, session: Session) -> None:
        """Somebody may be waiting for what was just committed."""
        self._outlets.outcome(session)
        self._outcomes.look(session)

    def _answers(self, session: Session, message_id: str) -> bool:
        """Whether something that answers the message is on its way: lanes have all that was read and is not over."""
        return any(
            lane.answers(message_id) for way, lane in self._lanes.items() if way.session_id == session.id
        )

    async def stop(self) -> None:
        await asyncio.gather(*(lane.stop(LANE_GRACE) for lane in list(self._lanes.values())))
        await self._outcomes.stop()

    async def close(self) -> None:
        """When nobody drains any more: a reader must not be closed under a thread that reads through it."""
        await self._drawing.close()
        while self._readers:
            self._readers.popitem()[1].close()


def _on_their_way_back(session: Session) -> Unavailable:
    return Unavailable(session.folder.inbound_db, "its messages are on their way back")
