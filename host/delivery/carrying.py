"""What a runner wrote is copied to the registry before anybody is told of it, where another node may go on with its session.

A copy is of one state of the file, read behind what was collected: the rows that are to be delivered are in it, with the steps
and acknowledgements that committed with them (law 5), and they are on their way only once it is committed. It is the registry's
commit, so a node that leads no more copies nothing (ADR 34, 40). A single machine copies nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection

from host.delivery.portion import Collected
from host.mailbox import belongings, copies, spaces
from host.mailbox.copies import ACK, DONE, OUT, STATE, STEP, Changes, Copy, Known
from host.mailbox.inbound import InboundWriter
from host.mailbox.luggage import outgoing
from host.mailbox.open import Mailboxes
from host.mailbox.outbound import LARGEST_STEP, OutboundReader, Refused, Written
from host.registry.port import Registry, Statements
from host.registry.sessions import Session
from sessiondb import Missing, SessionError, Unavailable
from sessiondb.records import Ack, AckStatus, MessageOut

MOST_KNOWN = 500  # sessions of which it is kept in memory what the registry has

log = logging.getLogger(__name__)


class Carrier:
    def __init__(
        self, db: Registry, mailboxes: Mailboxes, reader: Callable[[Session], OutboundReader]
    ) -> None:
        self._db = db
        self._mailboxes = mailboxes
        self._reader = reader
        self._shared = db.ties is not None
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, list[Collected]] = {}  # by session: what was collected and is not copied yet

    async def release(self, session: Session, *collected: Collected) -> list[Collected]:
        """What was collected and may be told, for another node would know it by now; so may what can be copied no more, for its
        file is gone or none. Raises `Unavailable`: what was collected waits for the next time."""
        if not self._shared:
            return list(collected)
        waiting = [*self._waiting.get(session.id, ()), *collected]
        if not waiting and session.id in self._known:
            return []
        self._waiting[session.id] = waiting
        try:
            async with self._locks.setdefault(session.id, asyncio.Lock()):
                await self._bring(session)
        except Missing:
            await self._have_nothing(session)
        except SessionError as error:
            if isinstance(error, Unavailable):
                raise
            log.warning("Not copied: %s", error, extra={"action": "not_copied", "session": session.id})
        return self._waiting.pop(session.id)

    def holds(self, session: Session) -> bool:
        """Whether something was collected that no other node would know of."""
        return bool(self._waiting.get(session.id))

    def forget(self, session: Session) -> None:
        self._known.pop(session.id, None)
        self._waiting.pop(session.id, None)

    async def before_an_effect(self, session: Session) -> None:
        """Its container is about to reach something outside: another node is to find the call that does, and that it had begun.
        Raises `Unavailable`."""
        if self._shared:
            try:
                async with self._locks.setdefault(session.id, asyncio.Lock()):
                    await self._bring(session)
            except Missing:
                await self._have_nothing(session)
            except SessionError as error:
                if isinstance(error, Unavailable):
                    raise

    async def _bring(self, session: Session) -> None:
        """All that its outbound.db has by now. A crash before the commit finds the file as it is. Raises `SessionError`."""
        known = self._known.get(session.id)
        if known is None:
            known = await self._db.read(
                functools.partial(copies.known, session_id=session.id, node=self._db.node)
            )
        anew = not known.whole
        while True:
            looks = functools.partial(self._look, session=session, known=known)
            changes = await self._mailboxes.use(session, looks)
            if changes is None:  # what was copied is not of this file
                known, anew = Known(), True
                continue
            await self._take_files(session, changes)
            if changes.new and (luggage := self._mailboxes.luggage) is not None:
                await luggage.look_at(spaces.of(session))
            left = {known.outs.get(number, "") for part, number, _ in changes.gone if part == OUT}
            if changes.new or changes.gone or changes.tasks or not known.whole:
                put = functools.partial(
                    copies.put, session_id=session.id, node=self._db.node, changes=changes, anew=anew
                )
                await self._db.write(put)
            anew = False
            _apply(known, changes)
            await self._leave_files(session, left.difference(known.outs.values()))
            if known.size > copies.MOST_OF_ONE:
                await self._trim(session, known)
            if changes.whole:
                break
        self._known[session.id] = known
        self._known.move_to_end(session.id)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    async def _take_files(self, session: Session, changes: Changes) -> None:
        """Before the rows that name them: what is there whole is of no use without."""
        folders = {copies.folder_of(json.loads(copy.content)[-1]) for copy in changes.new if copy.part == OUT}
        for folder in sorted(folders - {""}):
            if self._mailboxes.luggage is not None:
                try:
                    await self._mailboxes.luggage.take_along(f"{outgoing(session.id)}{folder}", session.id)
                except OSError as error:
                    told = {"action": "file_not_copied", "session": session.id}
                    log.warning("A file would not be on another machine: %s", error, extra=told)

    async def _leave_files(self, session: Session, folders: Collection[str]) -> None:
        """Their rows are over."""
        for folder in sorted(set(folders) - {""}):
            if self._mailboxes.luggage is not None:
                await self._mailboxes.luggage.leave(f"{outgoing(session.id)}{folder}")

    async def _have_nothing(self, session: Session) -> None:
        """No runner has written yet: what the host has put there for one is all there is to copy."""
        known = self._known.get(session.id)
        own = await self._mailboxes.use(session, lambda w: belongings.of(w, w.pending(), {}, (), ()))
        if known is not None and (known.whole or not own):
            return
        changes = Changes(own, (), whole=True)

        def job(connection: Statements) -> None:
            copies.put(connection, session.id, self._db.node, changes, anew=True)

        await self._db.write(job)
        self._known[session.id] = Known()  # whoever finds a file copies it anew

    async def prune(self, session: Session, *, everything: bool) -> None:
        """Its owner has taken old steps from the file, or (`everything`) all that was in it. A crash before this leaves copies
        that the next time finds, within a day or when the order to forget is carried out again. Raises `SessionError`."""
        if self._shared:
            async with self._locks.setdefault(session.id, asyncio.Lock()):
                self._known.pop(session.id, None)
                if everything:
                    await self._db.write(lambda connection: copies.drop(connection, session.id))
                else:
                    await self._match(session)

    async def _trim(self, session: Session, known: Known) -> None:
        known.size = await self._db.write(lambda connection: copies.trim(connection, session.id))
        told = {"action": "copies_trimmed", "session": session.id}
        log.warning(
            "A conversation is too long to travel whole: its oldest turns would stay behind", extra=told
        )

    async def _match(self, session: Session) -> None:
        had = await self._db.read(lambda connection: copies.numbers(connection, session.id))

        def gone(_: InboundWriter) -> list[tuple[str, int, str]]:
            reader = self._reader(session)
            with reader.at_once():
                steps, acks = reader.numbers(), set(reader.acknowledged(open_ones=False))
            return [one for one in had if (one[1] not in steps if one[0] == STEP else one[2] not in acks)]

        with contextlib.suppress(Missing):  # then it is begun anew
            left = await self._mailboxes.use(session, gone)
            await self._db.write(lambda connection: copies.take_away(connection, session.id, left))

    def _look(self, writer: InboundWriter, *, session: Session, known: Known) -> Changes | None:
        """None where the latest step that was copied is another one here."""
        reader = self._reader(session)
        # Whoever collected has put it here before anybody else comes to the file.
        settled = {id_ for one in self._waiting.get(session.id, ()) for id_, _ in one.outcomes}
        with reader.at_once():
            if known.done is not None and known.step and not _is_same(reader, known):
                return None
            steps, more = reader.steps_after(known.step)
            mark = writer.mark("delivery_watermark")
            page = reader.rows_after(max(mark, max(known.outs, default=0)))
            new = [_step(session, step) for step in steps]
            new += [_out(row.row) for row in page.rows if not isinstance(row, Refused)]
            gone = [(OUT, number, "") for number in sorted(known.outs) if number <= mark]
            if more or page.more:
                return Changes(new, gone, whole=False)
            pending = writer.pending()
            acks = _acks([message.id for message in pending], reader, known, settled)
            states = reader.values()
            over = _over(reader, belongings.waiting(states).union(ack.turn for ack in acks if _is_open(ack)))
            answered = _completed(reader, reader.answered_after(mark))
        new += [_ack(ack) for ack in acks if _is_news(ack, known)]
        still = {ack.message_id for ack in acks if _is_open(ack)}
        gone += [(ACK, 0, id_) for id_ in known.acks if id_ not in still]
        values = [Copy(STATE, 0, key, json.dumps([value])) for key, value in states.items()]
        if answered:
            waited = belongings.waited(states)
            over.update(id_ for id_, turn in answered.items() if turn in waited)
        values += belongings.of(writer, pending, states, over, answered)
        new += [one for one in values if known.values.get((one.part, one.name)) != hash(one.content)]
        had = {(one.part, one.name) for one in values}
        gone += [(part, 0, name) for part, name in known.values if (part, name) not in had]
        tasks = [(id_, task) for id_, task in writer.tasks.copies() if id_ not in known.tasks]
        return Changes(new, gone, whole=True, tasks=tasks)


def _apply(known: Known, changes: Changes) -> None:
    for part, number, name in changes.gone:
        copies.no_more(known, part, number, name)
    for copy in changes.new:
        copies.note(known, copy)
    known.tasks.update(id_ for id_, _ in changes.tasks)
    known.whole = changes.whole
    if changes.whole:
        known.done = None


def _is_same(reader: OutboundReader, known: Known) -> bool:
    steps, _ = reader.steps_after(known.step - 1)
    return bool(steps) and (steps[0].step, _content(steps[0])) == (known.step, known.latest)


def _acks(pending: list[str], reader: OutboundReader, known: Known, settled: set[str]) -> list[Ack]:
    """Of all messages whose turn began or ended since the last look; of all there are, where this is the first."""
    ids = {*settled, *known.acks, *reader.acknowledged(open_ones=known.done is None)}
    return reader.acks(sorted(ids.union(pending)))


def _is_open(ack: Ack) -> bool:
    return ack.status in (AckStatus.PROCESSING, AckStatus.RETRY)


def _over(reader: OutboundReader, turns: Collection[str]) -> set[str]:
    """The messages of these turns that a question acknowledged, when it parked them."""
    return set(_completed(reader, [id_ for turn in sorted(turns) for id_ in reader.asked_in(turn)]))


def _completed(reader: OutboundReader, ids: list[str]) -> dict[str, str]:
    """Those of these messages whose turn acknowledged them, each with that turn."""
    return {ack.message_id: ack.turn for ack in reader.acks(ids) if ack.status is AckStatus.COMPLETED}


def _is_news(ack: Ack, known: Known) -> bool:
    if _is_open(ack):
        return known.acks.get(ack.message_id) != _ack(ack).content
    return known.done is None or ack.message_id not in known.done


def _ack(ack: Ack) -> Copy:
    columns = [ack.status.value, ack.incarnation, ack.attempt, ack.turn, ack.error]
    return Copy(ACK if _is_open(ack) else DONE, 0, ack.message_id, json.dumps(columns))


def _out(row: MessageOut) -> Copy:
    columns = [
        row.id,
        row.in_reply_to,
        row.destination,
        row.kind,
        row.created_at,
        row.deliver_after,
        row.content,
    ]
    return Copy(OUT, row.seq, "", json.dumps(columns))


def _step(session: Session, step: Written) -> Copy:
    if step.content is None:
        told = {"action": "step_not_copied", "session": session.id}
        log.warning(
            "Step %s is too large to be copied: another node would not have it", step.step, extra=told
        )
    return Copy(STEP, step.step, "", _content(step))


def _content(step: Written) -> str:
    """One that is too large is a note of that: a call's result without the call, or an answer without its question, is shown as
    one that is missing."""
    if step.content is None:
        said = json.dumps({"left_out": f"more than {LARGEST_STEP} bytes, on another machine"})
        return json.dumps([step.turn, "note", "", said, step.created_at])
    return json.dumps([step.turn, step.kind, step.tool_use_id, step.content, step.created_at])
