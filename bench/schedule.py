"""What 100,000 tasks cost while nothing is due, and what 1,000 due in one second do to chat.

The index is whole; files exist for the sessions that become due. Runners are left out: how many start at a time is the
launcher's affair, and people come first there (`host/runners/places.py`).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from bench.figure import Figure, Timings, one
from host.config.recurrence import Schedule
from host.folders.disk import ThreadDisk
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.rows import NewMessage
from host.mailbox.tasks import Task
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.errands import Errands
from host.registry.port import Statements
from host.registry.sessions import Session, Sessions
from host.schedule import index
from host.schedule.service import Scheduler
from sessiondb import Address, content

SESSIONS, TASKS_EACH, DUE = 10_000, 10, 1_000
IDLE = 20.0  # s
PATIENCE = 120.0  # s until all that is due must have been fired
ASKED = 100  # messages of a person, before and during
BETWEEN = 0.02  # s between two of them
AT = 1_800_000_000_000  # ms UTC at which the tasks are due


class Clock:
    """A time of day that passes as the loop's does: one that stood still would look like one that is set back again and again."""

    def __init__(self) -> None:
        self.show(AT - 3_600_000)

    def show(self, at: int) -> None:
        self._ahead = at - time.monotonic() * 1000

    def now(self) -> int:
        return int(self._ahead + time.monotonic() * 1000)


def place(number: int) -> Address:
    return Address("bench", "w", f"c{number}", "t")


def measure(scratch: Path) -> list[Figure]:
    return asyncio.run(_measure(scratch))


async def _measure(scratch: Path) -> list[Figure]:
    disk, clock, woken = ThreadDisk(), Clock(), list[str]()
    db = await HostDB.open(scratch / "host.db", disk)
    registry = Sessions(scratch)
    mailboxes = Mailboxes(disk, db, clock.now)
    all_woken = asyncio.Event()

    def wake(session: Session) -> None:
        woken.append(session.id)
        if len(woken) == DUE:
            all_woken.set()

    async def copied(session: Session) -> None:
        """There is no other node."""

    scheduler = Scheduler(db, registry, mailboxes, wake, clock.now, Errands(db), copied)
    found = await db.write(lambda connection: _fill(connection, registry))
    due, chat = found[:DUE], found[DUE]
    await asyncio.gather(*(mailboxes.use(s, _put_task) for s in (*due, chat)))
    await db.write(_as_looked_at)
    timer = asyncio.create_task(scheduler.run())
    await asyncio.sleep(1.0)
    before = time.process_time()
    await asyncio.sleep(IDLE)
    idle = (time.process_time() - before) / IDLE
    calm = await _chat(db, mailboxes, chat, "calm")
    clock.show(AT)
    begun = time.monotonic()
    scheduler.changed()
    busy = asyncio.create_task(_chat(db, mailboxes, chat, "busy"))
    async with asyncio.timeout(PATIENCE):
        await all_woken.wait()
    took = time.monotonic() - begun
    tasks = f"{SESSIONS * TASKS_EACH:,} tasks"
    figures = [
        Figure(Timings("a message while tasks fire", await busy), Timings("a message at rest", calm), aim=5),
        Figure(Timings(f"{tasks}, nothing due: of a core", [idle * 100], "%"), one("%"), aim=0.1),
        Figure(Timings(f"{DUE:,} of {tasks} due at once", [took]), one("s"), aim=10),
    ]
    timer.cancel()
    await asyncio.wait([timer])
    await mailboxes.close()
    await db.close()
    disk.close()
    return figures


def _fill(connection: Statements, registry: Sessions) -> list[Session]:
    """In order of their due times: one a millisecond."""
    ids = [sessions.upsert(connection, "a", place(n), "scope", 0) for n in range(SESSIONS)]
    for number, id_ in enumerate(ids):
        at = AT - DUE + number if number < DUE else AT + 86_400_000
        bounds = [(f"{id_}-{n}", "", at if n == 0 else AT + 86_400_000) for n in range(TASKS_EACH)]
        index.settle(connection, id_, bounds)
    index.note_complete(connection)
    index.set_time(connection, AT - 3_600_000)
    return [registry.load(connection, "id = ?", (id_,))[0] for id_ in ids[: DUE + 1]]


def _as_looked_at(connection: Statements) -> None:
    """After the files: one that has copies and no file would be a lost one."""
    ids = connection.execute("SELECT task_id, session_id FROM due").fetchall()
    connection.executemany("INSERT INTO task_copies VALUES (?, ?, '{}')", ids)


def _put_task(writer: InboundWriter) -> None:
    schedule = Schedule("Europe/Berlin", cron="0 9 * * *")
    task = Task(
        "t", "T", "p", schedule, "", "run_once", (), "active", AT - DUE, 0, 0, "", "U1", "person", "", place(0), 0
    )  # fmt: skip
    with writer.writing():
        writer.tasks.put(replace(task))


async def _chat(db: HostDB, mailboxes: Mailboxes, session: Session, name: str) -> list[float]:
    """What a person's message costs until it is in the session's file: a commit of host.db, and one of inbound.db."""
    took = []
    for number in range(ASKED):
        begun = time.monotonic()
        await db.write(lambda connection: sessions.mark_busy(connection, session.id))
        message = NewMessage(f"{name}-{number}", "chat", place(DUE), content.Chat("hello"), 0)
        await mailboxes.use(session, lambda writer, m=message: _insert(writer, m))  # type: ignore[misc]
        took.append(time.monotonic() - begun)
        await asyncio.sleep(BETWEEN)
    return took


def _insert(writer: InboundWriter, message: NewMessage) -> None:
    with writer.writing():
        writer.insert(message)
