"""Reading what a runner wrote: acknowledgements, new rows, the intent of each chunk. One transaction of inbound.db.

The address is the host's to decide (law 7): that of the message a row answers, or of a destination listed for the session.
"""

from __future__ import annotations

import functools
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from host.delivery import attempts, drawing, failures, masked, notes, pace, policy, replacing, waits, wrapping
from host.delivery.actions import Actions, Asked, refusing
from host.delivery.batch import Batch, id_of
from host.delivery.drawing import Large
from host.delivery.masked import Shown
from host.delivery.minting import Minting
from host.delivery.portion import Busy, Collected, Ready, Rows, Whose, seq_of
from host.delivery.quiet import Quiet, is_held
from host.governance.approvals import Asking
from host.governance.masking import Masks
from host.mailbox import questions
from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import Accepted, OutboundReader, Refused
from host.mailbox.projecting import tell, tell_failed
from host.mailbox.questions import Approvers
from host.mailbox.remaking import CARRIED_UP_TO
from host.mailbox.rows import Parcel
from host.ports.bot import Bot, Bots
from host.registry.notices import Notice
from host.words import say, told
from sessiondb import content
from sessiondb.records import Ack, AckStatus, Address, MessageIn, MessageOut, Status

NO_PLATFORM = "no such platform is configured"
ON_THE_SPOT = (
    0.1  # s of a core that a visit takes rows in; what is left is read by the next, after those who waited
)
UNREAD = "too much of what it was told before is unread"


@dataclass(frozen=True)
class Collector:
    bots: Bots
    actions: Actions
    approvers: Approvers
    now: Callable[[], int]
    minting: Minting
    quiet: Quiet
    masks: Masks
    judged: Callable[[str], bool] = lambda _: True  # agents of whose answers people are asked what they think
    runs: set[str] = field(default_factory=set)  # messages of tasks whose start is recorded

    def collect(
        self,
        writer: InboundWriter,
        reader: OutboundReader,
        whose: Whose,
        busy: Busy,
        ready: Ready,
    ) -> Collected:
        """`busy` says whether a lane has work: then a new chunk waits for its turn instead of being intended now.

        An action or a large operation that is not `ready` ends the collection before it.
        """
        done, began = Collected(), time.thread_time()
        with writer.reading():
            if ready.rest:
                self._go_on(writer, whose, busy, ready, done)
            else:
                self._look(writer, reader, whose, busy, ready, done)
        done.seconds = time.thread_time() - began
        return done

    def _look(
        self,
        writer: InboundWriter,
        reader: OutboundReader,
        whose: Whose,
        busy: Busy,
        ready: Ready,
        done: Collected,
    ) -> None:
        pending = writer.pending()
        # Acknowledgements before rows: a turn commits both at once, so a message seen as answered has its rows here.
        read = writer.mark("outbound_read")
        with reader.at_once():
            acks = reader.acks([message.id for message in pending])
            page = reader.rows_after(read)
        by_id = done.pending = {message.id: message for message in pending}
        done.claimed = _claimed(acks, by_id, writer.value("incarnation"))
        done.seen = [m for m in done.claimed if not self.quiet.hushes(writer, m)]
        rows = self._as_far_as_ready(writer, page.rows, whose, ready, done)
        done.work = pace.weight(page.size, page.rows)
        done.more = page.more or done.waits
        finished = [] if done.more else [ack for ack in acks if ack.status is not AckStatus.PROCESSING]
        runs = [
            ack.message_id
            for ack in acks
            if by_id[ack.message_id].task_id and ack.message_id not in self.runs
        ]
        asked = waits.asked_for(reader, acks, self.now())
        late = [m for m in pending if attempts.waits_too_long(m, self.now(), asked.get(m.id, 0))]
        if not rows and not finished and not runs and not late:
            done.owed = writer.owed()
            return
        with writer.writing():
            if not self._put(writer, rows, whose, busy, ready, done):
                finished = []  # an answer has its message settled when all of it was read
            for message in late:
                error = writer.error_of(message.id)
                writer.postpone(
                    message.id, message.attempts, self.now() + attempts.pause_after(message.attempts), error
                )
            for message_id in runs:
                writer.tasks.started(by_id[message_id].task_id, message_id)
            for ack in finished:
                self._acknowledge(writer, by_id[ack.message_id], ack, asked.get(ack.message_id, 0), done)
            writer.advance_watermark()
            done.owed = writer.owed()
        self.runs.update(runs)

    def _go_on(self, writer: InboundWriter, whose: Whose, busy: Busy, ready: Ready, done: Collected) -> None:
        """Rows alone, as they were read: no acknowledgement is looked at, for it may be younger than they are. Whoever fills
        a page with what has to be waited for would have it read and validated anew for each."""
        read = writer.mark("outbound_read")
        rest = [row for row in ready.rest if seq_of(row) > read]
        rows = self._as_far_as_ready(writer, rest, whose, ready, done)
        done.more = True
        if rows:
            with writer.writing():
                self._put(writer, rows, whose, busy, ready, done)
                writer.advance_watermark()
        done.owed = writer.owed()

    def _put(
        self, writer: InboundWriter, rows: Rows, whose: Whose, busy: Busy, ready: Ready, done: Collected
    ) -> bool:
        """False when there was no room or no time for all of the rows: what lies behind is read later."""
        started, whole = set[Address](), True
        left, until = whose.room, time.thread_time() + ON_THE_SPOT
        batch = Batch.of(writer, rows)
        for row in rows:
            if left.spent or time.thread_time() > until:
                done.more, done.asked, done.large, done.asking = True, None, None, None
                whole = False
                break
            for parcel in self._row(batch, row, whose, done, ready):
                at = parcel.address
                if parcel.state == "pending" and at not in started and not busy(at) and not is_held(parcel):
                    started.add(at)
                    if parcel.next_attempt_at <= self.now():  # held back: intended when it is due
                        parcel = policy.intended(parcel, self.now())
                        done.intended.add(parcel.key)
                batch.add(parcel)
                if not parcel.terminal:
                    done.parcels.append(parcel)
                    left = left.without(parcel)
        batch.write()
        return whole

    def _as_far_as_ready(
        self,
        writer: InboundWriter,
        rows: Rows,
        whose: Whose,
        ready: Ready,
        done: Collected,
    ) -> Rows:
        for number, row in enumerate(rows):
            if not isinstance(row, Accepted) or ready.has(row.row.id):
                continue
            if isinstance(row.content, content.Action):
                again = self.actions.bears(row.content)
                done.asked = _to_prepare(writer, row.row, row.content, again=again)
            elif isinstance(row.content, content.Question) and row.content.approval:
                done.asking = self._to_count(writer, row, whose)
            elif len(row.row.content) > drawing.SMALL:
                done.large = self._to_draw(writer, row, whose)
            if done.waits:
                done.rest = rows[number:]
                return rows[:number]
        return rows

    def _new(
        self, writer: InboundWriter, row: Accepted
    ) -> tuple[MessageIn | None, Address | None, Bot | None]:
        """What a row answers, where it goes and by whom; by nobody what will not be shown."""
        out = row.row
        origin = writer.message(out.in_reply_to) if out.in_reply_to else None
        address = _routed(writer, out, origin)
        shown = address is not None and not writer.parcels_of(out.id)
        return origin, address, self.bots.get(address.channel_type) if address and shown else None

    def _to_count(self, writer: InboundWriter, row: Accepted, whose: Whose) -> Asking | None:
        """None for what nobody will be asked."""
        origin, address, bot = self._new(writer, row)
        if address is None or bot is None:
            return None
        question = self._shown(writer, row, whose, address, origin).operation
        assert isinstance(question, content.Question)  # noqa: S101 - such a row comes here
        key = self.minting.key(whose.session_id, row.row.seq, row.row.id, 0)
        terms = self.approvers.terms(question, whose.agent, self.now())
        return Asking(row.row.id, key, whose.session_id, whose.agent, address, question.audience, terms)

    def _to_draw(self, writer: InboundWriter, row: Accepted, whose: Whose) -> Large | None:
        """None for what will not be shown."""
        origin, address, bot = self._new(writer, row)
        if address is None or bot is None:
            return None
        shown = self._shown(writer, row, whose, address, origin)
        return Large(row.row.id, bot, shown.operation, shown.mentions, whose.language)

    def _row(
        self, batch: Batch, row: Accepted | Refused, whose: Whose, done: Collected, ready: Ready
    ) -> Sequence[Parcel]:
        writer = batch.writer
        if isinstance(row, Refused):
            done.refused.append(row)
            return self._refused(batch, row, whose.place)
        out = row.row
        writer.raise_mark("outbound_read", out.seq)
        known = batch.chunks_of(out.id)
        if isinstance(row.content, content.Action | content.Question):
            batch.write()  # what such a row calls for may look at the file
        # Read before, by a life whose commit a power failure took back after the ledger had heard of it.
        again = bool(known) and known[0].seq == out.seq
        doubtful = again or out.seq <= writer.mark("doubtful_up_to")
        if known and not again:
            done.refused.append(Refused(out.seq, out.id, "an id that was used before"))
            return []
        writer.raise_mark("seq_high_water", out.seq)
        if out.in_reply_to != done.answered[0]:
            asked = done.pending.get(out.in_reply_to) or writer.message(out.in_reply_to)
            done.answered = out.in_reply_to, asked
        origin = done.answered[1]
        asked_at = origin.address if origin else whose.place
        address = _routed(writer, out, origin)
        if address is None and known:
            address = known[0].address  # where it went before its message was lost
        if address is None:
            return self._nowhere(writer, row, asked_at, doubtful, done)
        if isinstance(row.content, content.Action | content.Question) and not writer.bounds.may_note():
            done.refused.append(Refused(out.seq, out.id, UNREAD))
            return [wrapping.quarantined(out.seq, out.id, address, UNREAD, out.in_reply_to)]
        if isinstance(row.content, content.Action):
            return [self._act(writer, row, address, doubtful, ready)]
        parcels = self._carried(writer, row, whose, address, origin, ready)
        return wrapping.unknown(parcels, known, self.now()) if doubtful else parcels

    def _carried(
        self,
        writer: InboundWriter,
        row: Accepted,
        whose: Whose,
        address: Address,
        origin: MessageIn | None,
        ready: Ready,
    ) -> Sequence[Parcel]:
        """An operation's chunks, and those that it takes away."""
        out, asked_at = row.row, origin.address if origin else whose.place
        shown = self._shown(writer, row, whose, address, origin)
        operation = shown.operation
        if isinstance(operation, content.Question):
            if never := self.approvers.unreachable(operation, whose.agent):
                return self._not_asked(writer, row, address, asked_at, never)
            votes = ready.votes.get(out.id)
            now, language = self.now(), whose.language
            operation = questions.as_allowed(writer, out.id, operation, asked_at, votes, now, language)
            shown = replace(shown, operation=operation)
        parcels, parts = self._chunks(row, shown, whose, address, origin, ready)
        minted = functools.partial(self.minting.key, whose.session_id, out.seq, out.id)
        gone = replacing.removals(writer, row, origin, parcels, self.bots, minted)
        if isinstance(operation, content.Question) and parcels:
            questions.put(writer, out.id, parcels[0].key, operation, address, self.now())
        masked.owe(writer, out.id, out.in_reply_to, whose.agent, address, shown.masked, self.now())
        for parcel in parcels:
            if parcel.state == "failed":
                tell_failed(writer, parcel, self.now())
        if parts > len(parcels):
            self._cut(writer, out, address, asked_at, len(parcels), parts)
        return self.quiet.held(writer, origin, [*parcels, *gone])

    def _not_asked(
        self, writer: InboundWriter, row: Accepted, address: Address, asked_at: Address, reason: str
    ) -> Sequence[Parcel]:
        out = row.row
        questions.not_asked(writer, out.id, asked_at, reason, self.now())
        return [wrapping.quarantined(out.seq, out.id, address, reason, out.in_reply_to)]

    def _shown(
        self, writer: InboundWriter, row: Accepted, whose: Whose, address: Address, origin: MessageIn | None
    ) -> Shown:
        """The operation as it is carried out: without secrets, before it is cut into chunks, so that none is in two of them."""
        operation, hidden = row.content, Counter[str]()
        assert not isinstance(operation, content.Action)  # noqa: S101 - these are applied, not shown

        if isinstance(operation, content.Question):
            asker, hide = questions.asker(writer, origin), self.masks.into(hidden, whose.agent)
            operation = self.approvers.settle(operation, whose.agent, address, asker, hide, whose.language)
        mentions = _mentions(writer, operation, origin) if not row.row.destination else ()
        operation, found = self.masks.operation(whose.agent, operation)
        operation = failures.retold(operation, whose.language)
        return Shown(operation, mentions, hidden + found if hidden else found)

    def _cut(
        self,
        writer: InboundWriter,
        out: MessageOut,
        address: Address,
        asked_at: Address,
        shown: int,
        parts: int,
    ) -> None:
        tell(writer, out.id, asked_at, f"Too long: only the first {shown} of {parts} parts are sent.")
        about = f"cut:{out.in_reply_to or out.id}"
        text = say(
            "⚠️ My answer was too long: the first {shown} of {parts} parts are shown.",
            shown=shown,
            parts=parts,
        )
        notes.owe(writer, Notice(about, address, text))

    def _nowhere(
        self, writer: InboundWriter, row: Accepted, asked_at: Address, doubtful: bool, done: Collected
    ) -> Sequence[Parcel]:
        """A row that has no address; where that may be because records were lost, people are told."""
        out = row.row
        named = f"unknown destination {out.destination!r}"
        reason = named if out.destination else "it answers no message of this session"
        done.refused.append(Refused(out.seq, out.id, reason))
        tell(writer, out.id, asked_at, f"Not sent: {reason}.")
        if doubtful and not isinstance(row.content, content.Action):
            notes.owe(writer, notes.homeless(out.in_reply_to or out.id, asked_at))
        if isinstance(row.content, content.Question):
            questions.not_asked(writer, out.id, asked_at, reason, self.now())
        return [wrapping.quarantined(out.seq, out.id, asked_at, reason)]

    def _act(
        self,
        writer: InboundWriter,
        row: Accepted,
        address: Address,
        doubtful: bool,
        ready: Ready,
    ) -> Parcel:
        """Carries an action out, but not one that may have been carried out before the records of it were lost, unless that
        changes nothing."""
        out = row.row
        if doubtful and out.id not in ready.handlers:
            reason = "the host's records were lost; look whether this took effect before you ask for it again"
            tell(writer, out.id, address, reason)
            return wrapping.quarantined(out.seq, out.id, address, reason, out.in_reply_to)
        unasked = "an action answers the message that it was asked for in"
        self.actions.apply(writer, out.id, ready.handlers.get(out.id) or refusing(unasked), address)
        return wrapping.parcel(out.seq, out.id, 0, address, out.in_reply_to, "", "applied", 0)

    def _refused(self, batch: Batch, row: Refused, fallback: Address) -> Sequence[Parcel]:
        writer, id_ = batch.writer, id_of(row)
        writer.raise_mark("outbound_read", row.seq)
        if batch.chunks_of(id_):
            return []
        if row.asks:
            origin = writer.message(row.in_reply_to) if row.in_reply_to else None
            place = origin.address if origin else fallback
            questions.not_asked(writer, id_, place, row.reason, self.now())
        return [wrapping.quarantined(row.seq, id_, fallback, row.reason, row.in_reply_to)]

    def _chunks(
        self,
        row: Accepted,
        shown: Shown,
        whose: Whose,
        address: Address,
        origin: MessageIn | None,
        ready: Ready,
    ) -> tuple[Sequence[Parcel], int]:
        """The chunks to send, and of how many parts they are the first."""
        out = row.row
        bot = self.bots.get(address.channel_type)
        if bot is None:
            return [
                wrapping.parcel(out.seq, out.id, 0, address, out.in_reply_to, "", "failed", 0, NO_PLATFORM)
            ], 1
        operation, mentions = shown.operation, shown.mentions
        drawn = ready.drawn.get(out.id) or drawing.at_once(bot, operation, mentions)
        chunks = drawn.chunks
        closes = replacing.ends_turn(row)
        judged, billed = closes and self.judged(whose.agent), closes and whose.bills(address)
        keys = [self.minting.key(whose.session_id, out.seq, out.id, number) for number in range(len(chunks))]
        common = {
            "target": getattr(operation, "message_id", ""),
            "answers": origin.platform_message_id if origin and not out.destination else "",
            "files": str(whose.files) if isinstance(operation, content.File) else "",
            # The host's own key, not the row's id: an id that imitates another session's must not take its answer.
            "question": keys[0] if keys and isinstance(operation, content.Question) else "",
            "audience": getattr(operation, "audience", ()),
            "terms": asdict(self.approvers.terms(operation, whose.agent, self.now()))
            if isinstance(operation, content.Question)
            else {},
            "language": whose.language,
            "opens": not out.destination and wrapping.opens(operation, origin),
        }
        return [
            wrapping.parcel(
                out.seq,
                out.id,
                number,
                address,
                out.in_reply_to,
                json.dumps(
                    {
                        **common,
                        **drawing.kept(told(chunk, whose.language)),
                        "mentions": [] if number else list(mentions),
                        "judged": judged and number == len(chunks) - 1,
                        "closes": billed and number == len(chunks) - 1,
                    }
                ),
                "pending",
                policy.held_until(out, self.now()),
                key=keys[number],
            )
            for number, chunk in enumerate(chunks)
        ], drawn.parts

    def _acknowledge(
        self, writer: InboundWriter, message: MessageIn, ack: Ack, until: int, done: Collected
    ) -> None:
        """What the runner says became of a message: answered, failed with a reply, or worth another attempt."""
        if ack.status is AckStatus.RETRY:
            if ack.attempt > message.attempts:
                if waits.put_off(writer, message, ack, until, self.now()):
                    done.settled = True
                    return
                attempts.give_up_or_postpone(writer, message, ack.attempt, ack.error, self.now())
                done.settled = done.settled or ack.attempt >= attempts.GIVE_UP_AFTER
                done.run_ended = done.run_ended or (
                    bool(message.task_id) and ack.attempt >= attempts.GIVE_UP_AFTER
                )
            return
        writer.settle(message.id, Status(ack.status.value), ack.error)
        done.outcomes.append((message.id, ack.status.value))
        self.runs.discard(message.id)
        done.run_ended = done.run_ended or bool(message.task_id)
        if writer.states_answering(message.id, message.address) == {"quarantined"}:
            notes.owe(writer, notes.unreadable(message))
        done.settled = True


def _claimed(acks: Sequence[Ack], by_id: Mapping[str, MessageIn], incarnation: str) -> list[MessageIn]:
    """What the runner that the host started has taken up; an earlier one's claims count for nothing."""
    return [
        by_id[ack.message_id]
        for ack in acks
        if ack.status is AckStatus.PROCESSING
        and ack.incarnation == incarnation
        and ack.attempt > by_id[ack.message_id].attempts
    ]


def _to_prepare(
    writer: InboundWriter, out: MessageOut, action: content.Action, *, again: bool
) -> Asked | None:
    """None for what will not be carried out. `again`: done twice, it is done once."""
    origin = writer.message(out.in_reply_to) if out.in_reply_to else None
    doubtful = out.seq <= writer.mark("doubtful_up_to")  # it is not carried out a second time
    # With the copies came the row; what it changed was in a file that another node had, and may have been copied or not.
    once_more = again and out.seq <= writer.mark(CARRIED_UP_TO)
    if origin is None or ((doubtful or writer.parcels_of(out.id)) and not once_more):
        return None
    return Asked(out.id, action, origin.address, origin)


def _routed(writer: InboundWriter, out: MessageOut, origin: MessageIn | None) -> Address | None:
    """Where a row goes (law 7); None for nowhere."""
    if out.destination:
        return writer.destination(out.destination)
    return origin.address if origin else None


def _mentions(writer: InboundWriter, operation: content.Operation, origin: MessageIn | None) -> Sequence[str]:
    """Whom the post of a task notifies: those whom the task names, and nobody whom its text names."""
    if origin is None or not origin.task_id or not isinstance(operation, content.Text):
        return ()
    task = writer.tasks.get(origin.task_id)
    return () if task is None else task.mentions
