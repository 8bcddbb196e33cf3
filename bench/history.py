"""A round trip with 50,000 old messages and 10,000 steps of the agent behind it, against one with a hundred."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw

from bench.figure import Figure, Timings
from bench.serving import Served, serving
from sessiondb import SessionFolder
from sessiondb.connection import open_writer, transaction

FEW, MANY, STEPS = 100, 50_000, 10_000
TRIPS, WARM_UP = 60, 5


def measure(scratch: Path) -> list[Figure]:
    return asyncio.run(_measure(scratch))


async def _measure(scratch: Path) -> list[Figure]:
    few, many = await _grown(scratch / "few", FEW, FEW), await _grown(scratch / "many", MANY, STEPS)
    short, long = list[float](), list[float]()
    async with serving(few) as one, serving(many) as other:
        for _ in range(WARM_UP):
            await one.trip()
            await other.trip()
        for _ in range(TRIPS):
            short.append(await one.trip())
            long.append(await other.trip())
    name = f"warm round trip after {MANY:,} messages and {STEPS:,} steps"
    return [Figure(Timings(name, long), Timings(f"after {FEW}", short), aim=1.1)]


async def _grown(data: Path, messages: int, steps: int) -> Path:
    """One conversation of this length: its first message and answer, over and over."""
    async with serving(data) as served:
        await served.trip()
        session = _only(served)
    _grow_registry(data / "host.db", messages)
    inbound = open_writer(session.inbound_db, "inbound")
    with transaction(inbound, session.inbound_db):
        _repeat(
            inbound,
            "messages_in",
            messages,
            seq="2 * n + 10",
            id="'old-in-' || n",
            platform_message_id="'p' || n",
        )
        _repeat(
            inbound, "delivered", messages, seq="2 * n + 11", message_out_id="'old-out-' || n", key="'k' || n",
            in_reply_to="'old-in-' || n", platform_message_id="'q' || n", state="'sent'",
        )  # fmt: skip
        top = str(2 * messages + 11)
        for mark in ("seq_high_water", "outbound_read", "delivery_watermark"):
            inbound.execute("INSERT OR REPLACE INTO session VALUES (?, ?)", (mark, top))
    inbound.close()
    outbound = open_writer(session.outbound_db, "outbound")
    with transaction(outbound, session.outbound_db):
        _repeat(
            outbound,
            "messages_out",
            messages,
            seq="2 * n + 11",
            id="'old-out-' || n",
            in_reply_to="'old-in-' || n",
        )
        _repeat(outbound, "processing_ack", messages, message_id="'old-in-' || n")
        _repeat(outbound, "transcript", steps, step="n + 1000", turn="'old-' || (n / 4)")
    outbound.close()
    return data


def _grow_registry(path: Path, messages: int) -> None:
    registry = apsw.Connection(str(path))
    with registry:
        _repeat(registry, "inbox", messages, id="n + 1000", key="'old-' || n", message_id="'old-in-' || n")
        _repeat(
            registry, "ledger", messages, seq="2 * n + 11", message_out_id="'old-out-' || n", key="'k' || n",
            in_reply_to="'old-in-' || n", platform_message_id="'q' || n",
        )  # fmt: skip
    registry.close()


def _repeat(connection: apsw.Connection, table: str, times: int, **changed: str) -> None:
    """The table's first row so many times, but for these columns."""
    columns = [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})").fetchall()]
    named = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(changed.get(column, f'first."{column}"') for column in columns)
    connection.execute(
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
        f" INSERT INTO {table} ({named}) SELECT {values} FROM number, (SELECT * FROM {table} LIMIT 1) AS first",
        (times,),
    )


def _only(served: Served) -> SessionFolder:
    [session] = served.host.house.records.sessions._known.values()
    return session.folder
