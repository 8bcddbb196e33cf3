"""What the registry takes for an event, for what becomes of it, for a round of the sweep and for a look at the schedule, where it
knows a million conversations, against a thousand; on SQLite and, where its programs are here, on PostgreSQL.

Each conversation has a message and a task. What is measured are the host's own jobs, one after the other, each with its commit.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.figure import Figure, Timings
from bench.serving import event, now_ms
from host.folders.disk import ThreadDisk
from host.intake import inbox
from host.ports.events import InboundEvent
from host.registry import sessions
from host.registry.db import HostDB, open_host_db
from host.registry.nodes import Node
from host.registry.port import Registry, Statements
from host.registry.sessions import Sessions
from host.schedule import index
from tests.support import postgres

FEW, MANY = 1_000, 1_000_000
BUSY = 50  # conversations that have something to do
ASKED = 300  # times that each job is done
AIM = 1.5
AT = 1_800_000_000_000  # ms UTC; long after now, so that no task is due

_NUMBERS = {
    "SQLite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})",
    "PostgreSQL": "WITH numbers(n) AS (SELECT generate_series(1, {count}))",
}
_FILL = (
    "INSERT INTO sessions (id, agent, channel_type, workspace_id, platform_id, thread_id, scope, created_at, active_at, busy)"
    " {numbers} SELECT 's' || n, 'default', 'bench', 'w', 'c' || n % 5000, 't' || n, 'bench-w-public', n, n, 0 FROM numbers",
    "INSERT INTO inbox (key, message_id, state, session_id, event, received_at)"
    " {numbers} SELECT 'k' || n, 'm' || n, 'stored', 's' || n,"
    ' \'{{"event": {{"event_class": "message", "address": ["bench", "w", "c", "t"], "platform_message_id": "p\' || n || \'",'
    ' "text": ""}}, "answer": ["bench", "w", "c", "t"], "trusted": false}}\', n FROM numbers',
    f"INSERT INTO due (task_id, session_id, made_in, at) {{numbers}} SELECT 't' || n, 's' || n, '', {AT} + n FROM numbers",
)


def measure(scratch: Path) -> list[Figure]:
    figures = asyncio.run(_measured(_on_sqlite(scratch), scratch, "SQLite"))
    if has_postgresql():
        figures += asyncio.run(_measured(_on_postgresql(), scratch, "PostgreSQL"))
    return figures


async def _measured(
    opened: AbstractAsyncContextManager[Sequence[Registry]], scratch: Path, engine: str
) -> list[Figure]:
    async with opened as both:
        known = Sessions(scratch)
        events = [event(f"e{number}", f"c{number % BUSY}") for number in range(ASKED)]
        jobs: dict[str, list[Callable[[Statements], object]]] = {
            "an event taken in": [_taken_in(one) for one in events],
            "an event stored": [_stored(one) for one in events],
            "a round of the sweep": [_swept(known)] * ASKED,
            "a look at the schedule": [_looked] * ASKED,
        }
        figures = []
        for what, asked in jobs.items():
            took: tuple[list[float], list[float]] = [], []
            for job in asked:
                for seconds, db in zip(took, both, strict=True):
                    seconds.append(await _took(db, job))
            name = f"{what} among {MANY:,} conversations, {engine}"
            figures.append(Figure(Timings(name, took[1]), Timings(f"among {FEW:,}", took[0]), aim=AIM))
        return figures


async def _took(db: Registry, job: Callable[[Statements], object]) -> float:
    began = time.perf_counter()
    await db.write(job)
    return time.perf_counter() - began


def _taken_in(one: InboundEvent) -> Callable[[Statements], object]:
    def job(connection: Statements) -> None:
        if inbox.find(connection, one.key) is None:
            id_ = sessions.upsert(connection, "default", one.address, "bench-w-public", now_ms())
            inbox.add(connection, one, id_, one.address, trigger=True, trusted=False, now=now_ms())

    return job


def _stored(one: InboundEvent) -> Callable[[Statements], object]:
    id_ = sessions.session_id("default", one.address)

    def job(connection: Statements) -> None:
        inbox.mark_stored(connection, inbox.unstored(connection, id_).entries[:1], 1, now_ms())

    return job


def _swept(known: Sessions) -> Callable[[Statements], object]:
    def job(connection: Statements) -> object:
        return inbox.sessions_with_unstored(connection), known.here(connection)

    return job


def _looked(connection: Statements) -> object:
    return index.due_sessions(connection, now_ms(), (), 100), index.earliest(connection)


# ── what is measured on ──────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _on_sqlite(scratch: Path) -> AsyncIterator[Sequence[Registry]]:
    disk = ThreadDisk()
    async with AsyncExitStack() as stack:
        stack.callback(disk.close)
        made = []
        for count in (FEW, MANY):
            path = scratch / f"{count}.db"
            connection = open_host_db(path)
            with connection:
                for statement in _filling("SQLite", count):
                    connection.execute(statement)
            connection.close()
            made.append(await HostDB.open(path, disk))
            stack.push_async_callback(made[-1].close)
        yield made


@asynccontextmanager
async def _on_postgresql() -> AsyncIterator[Sequence[Registry]]:
    from host.registry.postgresql import PostgreSQL

    disk = ThreadDisk()
    async with AsyncExitStack() as stack:
        server = stack.enter_context(postgres.server())
        stack.callback(disk.close)
        made = []
        for count in (FEW, MANY):
            url = server.database()
            made.append(await PostgreSQL.open(url, disk, lambda _: None, Node("bench", "bench")))
            stack.push_async_callback(made[-1].close)
            for statement in (*_filling("PostgreSQL", count), "VACUUM ANALYZE"):
                server.says(url, statement)
        yield made


def _filling(engine: str, count: int) -> Iterator[str]:
    for statement in _FILL:
        yield statement.format(numbers=_NUMBERS[engine].format(count=count))


def has_postgresql() -> bool:
    return any(postgres.PLACES.glob("*/bin/postgres")) and importlib.util.find_spec("psycopg") is not None
