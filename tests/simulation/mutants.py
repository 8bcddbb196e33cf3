"""One broken law each: what the simulation must notice. A mutant patches the real code for the length of a run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import apsw

import host.delivery.attempts
import host.delivery.collect
import host.mailbox.transactions
import runner.outbound
from host.delivery import policy
from host.delivery.collect import Collector
from host.delivery.lanes import Lane
from host.delivery.portion import Collected
from host.delivery.service import Deliveries
from host.intake import inbox
from host.intake.reception import Reception
from host.live import LiveMessages
from host.live import policy as live_policy
from host.live.message import LiveMessage
from host.mailbox import ledger
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import LiveRow, Parcel
from host.ports.bot import Bot, Receipt, ShowsLive
from host.ports.events import InboundEvent, Ingested, Verdict
from host.registry.notices import Notice
from host.registry.sessions import Session
from host.schedule import index as due_index
from runner.claims import Claims
from runner.inbound import InboundReader
from runner.outbound import OutboundWriter
from runner.turn import claimable
from sessiondb.connection import open_writer, transaction
from sessiondb.records import Ack, AckStatus, Address, MessageIn
from tests.simulation.faults import FAULTS_LAST
from tests.simulation.outcome import Law
from tests.simulation.patches import Patch
from tests.simulation.processes import current, point
from tests.simulation.world import World

LONG_ENOUGH = 3600.0  # s; what is tried again for hours is not what a mutant is about

Make: TypeAlias = Callable[[Any], list[Patch]]


@dataclass(frozen=True)
class Mutant:
    """`law` is the one it breaks. `conditions` are those under which it shows, which a run without it has too. `several`: of
    runs with several nodes."""

    break_it: Make
    law: Law
    conditions: Make | None = None
    several: bool = False

    def make(self, world: World) -> list[Patch]:
        """Where it shows in something else than that nobody rests, nobody is waited for half a day."""
        if self.law is not Law.REST:
            world.quiet_within = LONG_ENOUGH
        return [*self.unharmed(world), *self.break_it(world)]

    def unharmed(self, world: World) -> list[Patch]:
        """The same conditions, and the code as it is."""
        return self.conditions(world) if self.conditions is not None else []


MUTANTS: dict[str, Mutant] = {}


def mutant(law: Law, conditions: Make | None = None, *, several: bool = False) -> Callable[[Make], Make]:
    def registered(make: Make) -> Make:
        MUTANTS[make.__name__] = Mutant(make, law, conditions, several)
        return make

    return registered


def death_finds_the_gap(world: World, *, every: int = 4) -> None:
    """Between the halves of what should be one commit: rare by chance alone, so now and then it is made sure of."""
    process = current()
    if process is not None and world.loop.time() < FAULTS_LAST and next(world.gaps) % every == 0:
        process.arm(1, power=process.power)
    point("between two halves")


def wait_in_the_gap(world: World) -> None:
    """Time passes, and others go on: rare by chance alone, too."""
    if world.loop.time() < FAULTS_LAST:
        world.disk.waits(world.gap.choice((0.0, 0.2, 3.0)))


# ── law 4: one way in ────────────────────────────────────────────────────────────────────────────────────


@mutant(Law.KEPT)
def acknowledged_before_durable(_: World) -> list[Patch]:
    ingest = Reception.ingest

    async def hasty(self: Reception, event: InboundEvent) -> Ingested:
        asyncio.create_task(ingest(self, event))  # noqa: RUF006 - the process keeps it
        return Ingested(Verdict.STORED, event.message_id)

    return [(Reception, "ingest", hasty)]


@mutant(Law.ONCE)
def dedupe_in_memory_only(world: World) -> list[Patch]:
    key = InboundEvent.key.fget  # type: ignore[attr-defined]
    return [(InboundEvent, "key", property(lambda self: f"{key(self)}\x1f{world.boots}"))]


@mutant(Law.KEPT)
def marked_stored_before_it_is(_: World) -> list[Patch]:
    add = inbox.add

    def hasty(connection: apsw.Connection, *args: Any, **more: Any) -> inbox.Entry:
        entry = add(connection, *args, **more)
        connection.execute("UPDATE inbox SET state = 'stored' WHERE id = ?", (entry.id,))
        return entry

    return [(inbox, "add", hasty)]


# ── laws 2 and 5: what a turn did commits together, and stays ────────────────────────────────────────────


def power_that_fails_often(world: World) -> list[Patch]:
    world.faults.kinds = ["power", "power", "power", "weather"]
    return []


@mutant(Law.ONCE, power_that_fails_often)
def commits_that_a_power_failure_undoes(_: World) -> list[Patch]:
    def hasty(path: Path, schema: str, **more: Any) -> apsw.Connection:
        connection = open_writer(path, schema, **more)
        connection.pragma("synchronous", "full")
        return connection

    return [(runner.outbound, "open_writer", hasty), (host.mailbox.transactions, "open_writer", hasty)]


@mutant(Law.OUTCOME)
def acknowledgement_before_reply(world: World) -> list[Patch]:
    finish = OutboundWriter.finish_turn

    def hasty(
        self: OutboundWriter, turn: str, answers: Any, consumed: Sequence[str], *args: Any, **more: Any
    ) -> None:
        with self._writing():
            self._finish_acks(consumed, more.get("status", AckStatus.COMPLETED), "")
        death_finds_the_gap(world)
        finish(self, turn, answers, consumed, *args, **more)

    return [(OutboundWriter, "finish_turn", hasty)]


@mutant(Law.RECORDS)
def result_outside_its_transaction(world: World) -> list[Patch]:
    finish = OutboundWriter.finish_call

    def torn(self: OutboundWriter, turn: str, call_id: str, result: str, emitted: Any, *more: Any) -> None:
        finish(self, turn, call_id, result, (), *more)
        death_finds_the_gap(world)
        with self._writing():
            self._emit(emitted)

    return [(OutboundWriter, "finish_call", torn)]


@mutant(Law.ONCE)
def call_runs_before_it_is_durable(world: World) -> list[Patch]:
    finish = OutboundWriter.finish_call

    def late(self: OutboundWriter, *args: Any) -> None:
        death_finds_the_gap(world)
        finish(self, *args)

    return [(OutboundWriter, "start_call", lambda *_: None), (OutboundWriter, "finish_call", late)]


@mutant(Law.ONCE)
def another_attempt_starts_from_nothing(_: World) -> list[Patch]:
    return [
        (
            OutboundWriter,
            "unfinished_claims",
            lambda self: self._acks("status IN ('processing', 'retry') AND status = 'processing'", ()),
        )
    ]


@mutant(Law.RELEASED)
def parked_turn_keeps_its_follow_ups(_: World) -> list[Patch]:
    park = OutboundWriter.park

    def greedy(
        self: OutboundWriter, turn: str, call: str, question: Any, consumed: Any, unconsumed: Iterable[str]
    ) -> None:
        park(self, turn, call, question, consumed, ())

    return [(OutboundWriter, "park", greedy)]


@mutant(Law.ORDER)
def a_retrying_message_is_overtaken(_: World) -> list[Patch]:
    """While the host has not read that it is to be tried again: it reads that late here, which hurts nobody else."""
    read: Counter[tuple[str, int]] = Counter()
    acknowledge = Collector._acknowledge

    def late(
        self: Collector, writer: InboundWriter, message: MessageIn, ack: Ack, until: int, done: Collected
    ) -> None:
        read[ack.message_id, ack.attempt] += 1
        if ack.status is not AckStatus.RETRY or read[ack.message_id, ack.attempt] > 3:
            acknowledge(self, writer, message, ack, until, done)

    def careless(self: Claims, messages: Iterator[MessageIn]) -> Iterator[MessageIn]:
        for message in list(messages):
            ack = self._outbound.acks([message.id]).get(message.id)
            if claimable(message, ack, self._incarnation):
                yield message

    return [(Claims, "_ours", careless), (Collector, "_acknowledge", late)]


# ── law 6: intent, send, receipt ─────────────────────────────────────────────────────────────────────────


@mutant(Law.RECORDS)
def receipt_before_send(_: World) -> list[Patch]:
    send = Lane._send

    async def hasty(self: Lane, bot: Bot, parcel: Parcel) -> Parcel:
        await self._commit(policy.sent(parcel, Receipt(f"p-{parcel.key}")))
        return await send(self, bot, parcel)

    return [(Lane, "_send", hasty)]


@mutant(Law.ONCE)
def send_without_intent(_: World) -> list[Patch]:
    return [(policy, "intended", lambda parcel, now: replace(parcel, first_attempt_at=now))]


@mutant(Law.ONCE)
def no_lookup_on_unknown(_: World) -> list[Patch]:
    def again(parcel: Parcel, now: int) -> Parcel:
        return replace(parcel, state="pending", next_attempt_at=now + policy.GRACE)

    return [(policy, "interrupted", again)]


@mutant(Law.WATERMARK)
def watermark_past_a_retrying_row(_: World) -> list[Patch]:
    def careless(self: InboundWriter) -> int:
        self.raise_mark("delivery_watermark", self.mark("outbound_read"))
        return self.mark("delivery_watermark")

    return [(InboundWriter, "advance_watermark", careless)]


@mutant(Law.ONCE)
def a_file_that_never_asks_the_ledger(_: World) -> list[Patch]:
    return [(ledger, "entries", lambda *_: [])]


@mutant(Law.LIVE)
def live_message_before_its_intent(world: World) -> list[Patch]:
    put = LiveMessage._put

    async def hasty(self: LiveMessage, row: LiveRow) -> None:
        if row.state == "intended":
            self._row = row
            return
        death_finds_the_gap(world)
        await put(self, row)

    return [(LiveMessage, "_put", hasty)]


@mutant(Law.LIVE)
def live_message_opened_again_unlooked_up(_: World) -> list[Patch]:
    async def careless(self: LiveMessage, bot: ShowsLive, row: LiveRow) -> None:
        await self._put_surely(replace(row, state="removed"))

    return [(LiveMessage, "_find", careless)]


@mutant(Law.LIVE)
def live_messages_of_an_earlier_life_are_forgotten(_: World) -> list[Patch]:
    async def forgetful(*_: object) -> bool:
        return True

    return [(LiveMessage, "_loaded", forgetful), (LiveMessages, "_load", forgetful)]


@mutant(Law.LIVE)
def live_message_outlives_a_failed_attempt(_: World) -> list[Patch]:
    decide = live_policy.decide

    def patient(view: live_policy.View) -> live_policy.Step:
        step = decide(replace(view, closing=False))
        return live_policy.Step.WAIT if step is live_policy.Step.REMOVE else step

    return [(live_policy, "decide", patient)]


@mutant(Law.OUTCOME)
def outcome_without_the_notice_it_owes(world: World) -> list[Patch]:
    async def hasty(self: Deliveries, session: Session) -> None:
        owed = await self._mailboxes.use(session, lambda writer: writer.owed())
        await self._mailboxes.use(session, lambda writer: writer.paid(about for about, _ in owed))
        if owed:
            death_finds_the_gap(world, every=1)
        for _, notice in owed:
            await self.notify(Notice.decode(notice))

    return [(Deliveries, "pay", hasty)]


# ── laws 1, 7, 10 and 11 ─────────────────────────────────────────────────────────────────────────────────


@mutant(Law.NUMBERS)
def seq_without_the_other_side(_: World) -> list[Patch]:
    return [(InboundReader, "highest_seq", lambda self: 0)]


@mutant(Law.NUMBERS)
def seq_above_the_rows_that_are_left(_: World) -> list[Patch]:
    mark = InboundWriter.mark

    def forgetful(self: InboundWriter, key: str) -> int:
        return 0 if key == "seq_high_water" else mark(self, key)

    return [(InboundWriter, "mark", forgetful)]


@mutant(Law.OUTCOME)
def forgets_what_nobody_has_seen(_: World) -> list[Patch]:
    def careless(self: InboundWriter, before: int, *, context: bool, most: int) -> list[str]:
        rows = self._connection.execute("SELECT id FROM messages_in LIMIT ?", (most,)).fetchall()
        return [str(id_) for (id_,) in rows]

    return [(InboundWriter, "forgettable", careless)]


@mutant(Law.TASKS)
def task_the_index_does_not_know(_: World) -> list[Patch]:
    return [(due_index, "lower", lambda *_: None)]


@mutant(Law.PLACE)
def answer_in_the_channels_root(_: World) -> list[Patch]:
    chunks = Collector._chunks

    def rootless(
        self: Collector, row: Any, operation: Any, whose: Any, address: Address, *more: Any
    ) -> tuple[Sequence[Parcel], int]:
        return chunks(self, row, operation, whose, address._replace(thread_id=""), *more)

    return [(Collector, "_chunks", rootless)]


@mutant(Law.FENCED)
def no_incarnation_check(_: World) -> list[Patch]:
    @contextmanager
    def trusting(self: OutboundWriter) -> Iterator[None]:
        with transaction(self._connection, self._path):
            for turn, kind, text in self._unwritten:
                self._step(turn, kind, text)
            yield
        self._unwritten.clear()

    return [(OutboundWriter, "_writing", trusting)]


@mutant(Law.OUTCOME)
def never_gives_up(_: World) -> list[Patch]:
    return [(host.delivery.attempts, "GIVE_UP_AFTER", 10**6)]


def clocks_set_by_days(world: World) -> list[Patch]:
    world.faults.kinds = ["clock", "clock", "weather", "weather", "restart", "host", "power"]
    world.faults.jumps = (-86_400_000, 86_400_000)
    return []


@mutant(Law.REST, clocks_set_by_days)
def waits_for_a_clock_that_was_set_back(_: World) -> list[Patch]:

    def patient(self: InboundWriter) -> list[Parcel]:
        return self._parcels("state IN ('pending', 'sending', 'unknown') ORDER BY seq, chunk")

    return [(InboundWriter, "open_parcels", patient)]
