"""A scheduler over real files, with a clock that a test moves and a death that it orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from host.folders.disk import ThreadDisk
from host.mailbox.inbound import InboundWriter
from host.mailbox.missed import Policy
from host.mailbox.open import Mailboxes
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.errands import Errands
from host.registry.nodes import Node
from host.registry.notices import Notice
from host.registry.port import Registry
from host.registry.sessions import Session, Sessions
from host.schedule.orders import Limits, One, Order, Wish
from host.schedule.service import Scheduler
from host.words import as_it_is
from sessiondb import Address, MessageIn, Status

T = TypeVar("T")
P = ParamSpec("P")
PLACE = Address("memory", "w", "C1", "t1")


class Clock:
    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at


class MortalDisk:
    """Runs disk work at once; before or after the job of a given number the process is dead and nothing goes on."""

    def __init__(self, dies_at: int = 0, *, after: bool = False) -> None:
        self.died = asyncio.Event()
        self._jobs = 0
        self._dies_at = dies_at
        self._after = after

    async def run(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        self._jobs += 1
        last = self._jobs == self._dies_at
        if last and not self._after:
            await self._die()
        found = function(*arguments, **named)
        if last:
            await self._die()
        return found

    async def _die(self) -> None:
        self.died.set()
        await asyncio.Event().wait()

    def close(self) -> None: ...


_HANDED = "SELECT about, text FROM notices WHERE channel_type = ? AND workspace_id = ? AND platform_id = ? AND thread_id = ?"


async def _no_other_node(_: Session) -> None:
    return


class Life:
    """One life of a host, as far as tasks are concerned."""

    def __init__(self, db: Registry, registry: Sessions, mailboxes: Mailboxes, clock: Clock) -> None:
        self.db = db
        self.registry = registry
        self.mailboxes = mailboxes
        self.woken: list[str] = []
        self.copied: Callable[[Session], Awaitable[None]] = _no_other_node
        wake = lambda one: self.woken.append(one.id)  # noqa: E731
        out = lambda one: self.copied(one)  # noqa: E731
        self.scheduler = Scheduler(db, registry, mailboxes, wake, clock.now, Errands(db), out)

    async def owed(self, session: Session) -> list[Notice]:
        """What people are going to be told: the session's file owes it until a look has handed it over."""
        owed = await self.mailboxes.use(session, lambda writer: writer.owed())
        handed = await self.db.read(lambda c: c.execute(_HANDED, session.place).fetchall())
        told = [Notice(str(about), session.place, as_it_is(str(text))) for about, text in handed]
        return told + [Notice.decode(notice) for _, notice in owed]

    async def session(self, place: Address = PLACE) -> Session:
        def job(connection: object) -> Session:
            id_ = sessions.upsert(connection, "default", place, "scope", 0)  # type: ignore[arg-type]
            return self.registry.load(connection, "id = ?", (id_,))[0]  # type: ignore[arg-type]

        return await self.db.write(job)

    async def schedule(
        self, session: Session, cron: str, *, missed: Policy = "run_once", name: str = "o1", window: int = 0
    ) -> str:
        wish = Wish(title="T", prompt="p", cron=cron, missed=missed)
        order = Order(
            name,
            "schedule_task",
            wish,
            PLACE,
            "person",
            "UTC",
            master=True,
            limits=Limits(most=10_000, window=window),
        )
        await self.scheduler.carry_out(session, order)
        return order.task_id

    async def change(self, session: Session, name: str, task_id: str, number: int = 0) -> str:
        order = Order(f"{name}-{number}", name, One(task_id=task_id), PLACE, "person", "UTC", master=True)
        return await self.scheduler.carry_out(session, order)

    async def runs(self, session: Session) -> list[MessageIn]:
        return await self.mailboxes.use(session, lambda w: w._messages("task_id <> '' ORDER BY seq"))

    async def end_runs(self, session: Session, status: Status = Status.COMPLETED, error: str = "") -> int:
        """As the runner and the host would: every run under way gets its outcome."""

        def job(writer: InboundWriter) -> int:
            pending = [message for message in writer.pending() if message.task_id]
            with writer.writing():
                for message in pending:
                    writer.settle(message.id, status, error)
            return len(pending)

        return await self.mailboxes.use(session, job)


@asynccontextmanager
async def living(data: Path, clock: Clock, disk: MortalDisk | None = None) -> AsyncIterator[Life]:
    """Opens what is there, as a host does at its start."""
    disk = disk or MortalDisk()
    data.mkdir(exist_ok=True)
    db = await HostDB.open(data / "host.db", disk)
    registry, mailboxes = Sessions(data), Mailboxes(disk, db, clock.now)
    try:
        life = Life(db, registry, mailboxes, clock)
        await life.scheduler.begin()
        yield life
    finally:
        if disk.died.is_set():  # the kernel closes a dead process's files
            if db._pump is not None:
                db._pump.cancel()
                await asyncio.wait([db._pump])
            for writer in mailboxes._open.values():
                writer.close()
            db._connection.close()
        else:
            await mailboxes.close()
            await db.close()


@asynccontextmanager
async def living_on(url: str, data: Path, node: str, clock: Clock) -> AsyncIterator[Life]:
    """Of a node, by the database that it shares with others."""
    from host.registry.postgresql import PostgreSQL  # an extra's, where there is one

    disk = ThreadDisk()
    data.mkdir()
    db = await PostgreSQL.open(url, disk, lambda _: None, Node(node, node))
    mailboxes = Mailboxes(disk, db, clock.now)
    try:
        life = Life(db, Sessions(data), mailboxes, clock)
        await life.scheduler.begin()
        yield life
    finally:
        await mailboxes.close()
        await db.close()
        disk.close()
