"""Mutants that the simulation once let through: a gap in time, a page that is not the last, a look too few."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import apsw

import runner.outbound
from host.delivery import notes, policy
from host.delivery.collect import Collector
from host.delivery.ledgers import SessionLedger
from host.delivery.portion import Collected
from host.delivery.service import Deliveries
from host.mailbox import ledger
from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import OutboundReader, Page
from host.mailbox.rows import Parcel
from host.registry import notices
from host.registry.port import Statements
from host.registry.sessions import Session
from host.runners.life import Life
from host.runners.supervisor import Supervisor
from host.schedule import index, service
from host.schedule.service import Scheduler
from host.upkeep import sweep
from host.upkeep.sweep import Sweep
from runner.claims import Claims
from runner.formatter import PromptMessage
from runner.outbound import OutboundWriter, Superseded
from sessiondb.connection import transaction
from sessiondb.records import MessageIn
from tests.simulation.faults import FAULTS_LAST
from tests.simulation.mutants import death_finds_the_gap, mutant, wait_in_the_gap
from tests.simulation.outcome import Law
from tests.simulation.patches import Patch
from tests.simulation.topics import Topic
from tests.simulation.world import World

# ── laws 5 and 10: inside the transaction, and at its end ────────────────────────────────────────────────


def two_runners_and_slow_transactions(world: World) -> list[Patch]:
    """A host that finds no runner starts another one, and each waits before it has the lock."""
    world.engine.locks, world.engine.blind = False, 1.0
    world.faults.kinds = ["host", "restart"]

    @contextmanager
    def late(connection: apsw.Connection, path: Path) -> Iterator[apsw.Connection]:
        wait_in_the_gap(world)
        with transaction(connection, path):
            yield connection

    return [(runner.outbound, "transaction", late)]


@mutant(Law.FENCED, two_runners_and_slow_transactions)
def incarnation_checked_before_the_transaction(world: World) -> list[Patch]:
    @contextmanager
    def hasty(self: OutboundWriter) -> Iterator[None]:
        if self._inbound.incarnation() != self._incarnation:
            raise Superseded
        wait_in_the_gap(world)
        with transaction(self._connection, self._path):
            for turn, kind, text in self._unwritten:
                self._step(turn, kind, text)
            yield
        self._unwritten.clear()

    return [(OutboundWriter, "_writing", hasty)]


def people_edit_what_is_being_claimed(world: World) -> list[Patch]:
    claim = OutboundWriter.claim

    def late(self: OutboundWriter, messages: Sequence[MessageIn], turn: str) -> None:
        claimed = {message.id for message in messages}
        for said in world.people.said:
            if said.event.message_id in claimed and not said.changes and world.loop.time() < FAULTS_LAST:
                contextvars.Context().run(world.people.edit, said, 0.0)  # nobody's: it outlives the runner
                world.disk.waits(3.0)
        claim(self, messages, turn)

    return [(OutboundWriter, "claim", late)]


@mutant(Law.USED, people_edit_what_is_being_claimed)
def claims_not_read_again_after_their_commit(_: World) -> list[Patch]:
    def hasty(
        self: Claims, id_: str, batch: Sequence[MessageIn]
    ) -> tuple[list[MessageIn], list[PromptMessage]]:
        self._outbound.claim(batch, id_)
        return list(batch), [decoded for row in batch if (decoded := self._decode(row)) is not None]

    return [(Claims, "_claim", hasty)]


@mutant(Law.RELEASED)
def follow_ups_not_released_by_the_end_of_a_turn(_: World) -> list[Patch]:
    finish = OutboundWriter.finish_turn

    def greedy(
        self: OutboundWriter, turn: str, answers: Any, consumed: Any, unconsumed: Iterable[str], **more: Any
    ) -> None:
        finish(self, turn, answers, consumed, (), **more)

    return [(OutboundWriter, "finish_turn", greedy)]


# ── what is settled has been read ────────────────────────────────────────────────────────────────────────


class _Reading:
    """A reader that has read its rows before anybody asks for acknowledgements, or hides that there are more."""

    def __init__(self, reader: OutboundReader, page: Page) -> None:
        self._reader = reader
        self._page = page

    def rows_after(self, number: int) -> Page:
        return self._page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


@mutant(Law.SETTLED)
def rows_read_before_acknowledgements(world: World) -> list[Patch]:
    real = Collector.collect

    def hasty(
        self: Collector, writer: InboundWriter, reader: OutboundReader, *more: Any, **others: Any
    ) -> Collected:
        page = reader.rows_after(writer.mark("outbound_read"))
        wait_in_the_gap(world)
        return real(self, writer, _Reading(reader, page), *more, **others)  # type: ignore[arg-type]

    return [(Collector, "collect", hasty)]


def one_row_at_a_time(world: World) -> list[Patch]:
    world.page = 1
    return []


@mutant(Law.SETTLED, one_row_at_a_time)
def acknowledgements_settled_while_more_rows_wait(_: World) -> list[Patch]:
    rows_after = OutboundReader.rows_after

    def last(self: OutboundReader, number: int) -> Page:
        return Page(rows_after(self, number).rows, more=False)

    return [(OutboundReader, "rows_after", last)]


@mutant(Law.TIME)
def a_last_answer_stays(world: World) -> list[Patch]:
    drain = Deliveries.drain

    async def of_the_living(self: Deliveries, session: Session) -> None:
        if any(runner.session_id == session.id for runner in world.engine.live()):
            await drain(self, session)

    return [(Deliveries, "drain", of_the_living)]


# ── laws 6 and 14: looked for, and told ──────────────────────────────────────────────────────────────────


def answers_are_lost_and_histories_behind(world: World) -> list[Patch]:
    world.faults.loses = (0.4,)
    world.platform.lags, world.nonce = 12.0, False
    return []


@mutant(Law.ONCE, answers_are_lost_and_histories_behind)
def looked_up_once(_: World) -> list[Patch]:
    return [(policy, "LOOKUPS", 1)]


def much_is_rejected(world: World) -> list[Patch]:
    world.faults.rejects = (0.2,)
    world.forgets = False
    return []


@mutant(Law.TOLD, much_is_rejected)
def undelivered_told_after_the_outcome(world: World) -> list[Patch]:
    put = SessionLedger.put

    def silent(self: SessionLedger, connection: Statements, parcels: Sequence[Parcel], now: int) -> None:
        ledger.put(connection, self._session.id, parcels, now)
        for parcel in parcels:
            self._posts.settle(connection, self._session, parcel)

    async def hasty(self: SessionLedger, parcels: Sequence[Parcel]) -> None:
        await put(self, parcels)
        for parcel in parcels:
            if parcel.state == "failed":
                death_finds_the_gap(world, every=2)
                notice = notes.undelivered(parcel, self._session.id, self._now())
                await self._db.write(partial(notices.add, notice=notice, now=self._now()))
                await self._say()

    return [(SessionLedger, "_put", silent), (SessionLedger, "put", hasty)]


# ── laws 11, 12 and 15 ───────────────────────────────────────────────────────────────────────────────────


class Brief(Topic):
    """Runners that go as soon as they have nothing to do."""

    def settings(self, given: dict[str, Any]) -> None:
        given["runner"] |= {"idle_exit": 1, "stream_idle": 0.5}
        given["host"] |= {"sweep_every": 2}


def hosts_die_as_sessions_rest(world: World) -> list[Patch]:
    """Somebody writes while it is proven that there is nothing to do, and whoever would have seen to it dies."""
    note, settled_out = Sweep._note, Sweep._settled_out
    called: set[str] = set()
    resting: set[str] = set()

    async def proven(self: Sweep, session: Session) -> int | None:
        found = await settled_out(self, session)
        if session.id in resting and session.id not in called:
            called.add(session.id)
            said = world.people.asks(*session.place[2:])
            said.event = replace(said.event, opens_thread="")
            world.platform.publish(said.event)
            await asyncio.sleep(4.0)  # it is stored, and a runner is on its way
        return found

    async def late(self: Sweep, session: Session, work: int, statement: str = sweep._NOTE) -> None:
        if statement is sweep._NOTE or world.loop.time() > FAULTS_LAST or session.id in called:
            await note(self, session, work, statement)
            return
        resting.add(session.id)
        await note(self, session, work, statement)
        resting.discard(session.id)
        if world.host_process is not None:
            world.host_process.arm(world.gap.choice((1, 5)))

    world.topics = [Brief(world)]
    world.faults.kinds, world.faults.stormy = ["busy"], False
    world.engine.takes, world.engine.adopts = 6.0, False
    return [(Sweep, "_note", late), (Sweep, "_settled_out", proven)]


@mutant(Law.OUTCOME, hosts_die_as_sessions_rest)
def rests_without_counting_work(_: World) -> list[Patch]:
    careless = f"UPDATE sessions SET busy = 0, {sweep._SETTLED} WHERE id = ?1 AND ?2 = ?2"
    return [(sweep, "_REST", careless)]


@mutant(Law.OUTCOME)
def a_session_is_not_busy_when_it_is_fired(_: World) -> list[Patch]:
    def forgetful(self: Scheduler, connection: Statements) -> list[Session]:
        ids = index.due_sessions(connection, self._now(), self._waiting, service.AT_ONCE)
        return [s for id_ in ids for s in self._registry.load(connection, "id = ?", (id_,))]

    settle = Scheduler._settle

    async def forgetful_too(self: Scheduler, session: Session, found: Any, *more: Any) -> None:
        await settle(self, session, replace(found, waits=False), *more)

    return [(Scheduler, "_next_due", forgetful), (Scheduler, "_settle", forgetful_too)]


@mutant(Law.TIME)
def whoever_writes_waits_for_the_sweep(world: World) -> list[Patch]:
    wake = Supervisor.wake

    def later(self: Supervisor, session: Session, **more: Any) -> None:
        world.loop.call_later(world.chance.uniform(0, 10), lambda: wake(self, session, **more))

    return [(Supervisor, "wake", later)]


@mutant(Law.TIME)
def a_commit_more_than_an_answer_needs(_: World) -> list[Patch]:
    claim = OutboundWriter.claim

    def wordy(self: OutboundWriter, messages: Sequence[MessageIn], turn: str) -> None:
        claim(self, messages, turn)
        self.phase("working")

    return [(OutboundWriter, "claim", wordy)]


def clocks_are_set(world: World) -> list[Patch]:
    world.faults.kinds = ["clock"]
    return []


@mutant(Law.ALIVE, clocks_are_set)
def a_set_clock_that_the_sweep_ignores(_: World) -> list[Patch]:
    return [(Life, "mind_the_clock", lambda *_: None)]


def all_is_forgotten_soon(world: World) -> list[Patch]:
    world.forgets = True
    return []


@mutant(Law.NUMBERS, all_is_forgotten_soon)
def high_water_not_kept(_: World) -> list[Patch]:
    raise_mark, set_state = InboundWriter.raise_mark, OutboundWriter._set_state

    def forgetful(self: InboundWriter, key: str, to: int) -> None:
        if key != "seq_high_water":
            raise_mark(self, key, to)

    def forgetful_too(self: OutboundWriter, key: str, value: str) -> None:
        if key != "seq_high_water":
            set_state(self, key, value)

    return [(InboundWriter, "raise_mark", forgetful), (OutboundWriter, "_set_state", forgetful_too)]
