"""Every view of the page with 10,000 conversations and 1,000,000 messages, and what the host's round trip
takes while somebody looks.

The records are as a host of that size keeps them: each message in the inbox, its answer in the ledger, its call in the usage of
thirty days. Conversations share their files' content: what a page opens of them is one at a time, or a hundred for the list.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from bench.figure import Figure, Timings, one
from bench.serving import Served, now_ms, serving
from host.app import Host
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from host.registry import links
from host.registry.db import open_host_db
from host.registry.port import Statements
from host.registry.sessions import scope_name, session_id
from host.schedule import index as due
from host.upkeep.searching import index
from host.upkeep.searching.index import Index, Marks, Said
from sessiondb import Address, SessionFolder, Status, content

SESSIONS, MESSAGES_OF_ONE = 10_000, 100
DAYS = 30
LOOKS = 15  # at each view
ROUNDS, TRIPS, WARM_UP = 5, 30, 20
TASKS = 1_000
WORDS = "what of the harbour? " * 20
LONG_AGO = now_ms() - 3 * 86_400_000  # ms UTC: nothing has happened since
PAUSE = 0.05  # s between two pages of one who reads fast
VIEWS = (
    "/",
    "/conversations",
    "/conversations?before=1",
    "/failures",
    "/tasks",
    "/costs",
    "/decisions",
    "/audit",
    "/search?q=harbour",
    "/search?q=harbour+of+what",
    "/search?q=nothing+of+that",
    "/agents",
    "/agents/default",
    "/signins",
    "/health",
)
AIM_VIEW, AIM_TRIP = 300, 1.2


def measure(scratch: Path) -> list[Figure]:
    slowest, alone, beside = asyncio.run(_measured(scratch))
    return [
        Figure(
            Timings(f"slowest view of the page with {SESSIONS:,} conversations", slowest),
            one("ms"),
            AIM_VIEW,
        ),
        Figure(Timings("round trip while somebody looks", beside), Timings("round trip", alone), AIM_TRIP),
    ]


async def _measured(data: Path) -> tuple[list[float], list[float], list[float]]:
    first = _fill(data)
    async with serving(data, web={"port": 0}) as served, _signed_in(served.host, data) as browser:
        await served.host.house.upkeep.feeding.everything()  # finds that it has read all of it
        views = (*VIEWS, f"/conversations/{first}")
        taken = {view: [await _look(browser, view) for _ in range(LOOKS)] for view in views}
        slowest = max(taken, key=lambda view: statistics.median(taken[view]))
        await _trips(served, WARM_UP)
        alone, beside = list[float](), list[float]()
        for _ in range(ROUNDS):  # by turns, for a machine that changes its mind
            alone += await _trips(served, TRIPS)
            reader = asyncio.create_task(_reading(browser, views))
            beside += await _trips(served, TRIPS)
            reader.cancel()
            await asyncio.wait([reader])
        return taken[slowest], alone, beside


async def _look(browser: aiohttp.ClientSession, view: str) -> float:
    began = time.perf_counter()
    async with browser.get(view) as answer:
        assert answer.status == 200, (view, answer.status)
        await answer.read()
    return time.perf_counter() - began


async def _reading(browser: aiohttp.ClientSession, views: tuple[str, ...]) -> None:
    while True:
        for view in views:
            await _look(browser, view)
            await asyncio.sleep(PAUSE)


async def _trips(served: Served, count: int) -> list[float]:
    return [await served.trip() for _ in range(count)]


@asynccontextmanager
async def _signed_in(host: Host, data: Path) -> AsyncIterator[aiohttp.ClientSession]:
    assert host.web is not None
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(host.web.address, cookie_jar=jar) as browser:
        token = links.make(data / "host.db", "bench", now_ms())
        async with browser.post("/enter", data={"token": token}) as entered:
            assert entered.status == 200
        yield browser


# ── the records ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _places() -> Iterator[tuple[str, Address, str]]:
    for number in range(SESSIONS):
        address = Address("slack", "T1", f"C{number % 500}", f"{1_700_000_000 + number}.0001")
        yield session_id("default", address), address, scope_name("public", address, "")


def _fill(data: Path) -> str:
    """Returns the id of a conversation."""
    data.mkdir(parents=True, exist_ok=True)
    _write_registry(data / "host.db")
    _write_tasks(data / "host.db")
    _write_files(data)
    _write_index(data)
    return next(_places())[0]


def _write_registry(path: Path) -> None:
    connection = open_host_db(path)
    connection.pragma("synchronous", "off")
    now = now_ms()
    days = [int(f"{datetime.now(UTC) - timedelta(days=ago):%Y%m%d}") for ago in range(DAYS)]
    with connection:
        connection.executemany(
            "INSERT INTO sessions (id, agent, channel_type, workspace_id, platform_id, thread_id, scope, created_at,"
            " active_at, busy) VALUES (?, 'default', ?, ?, ?, ?, ?, ?, ?, 0)",
            (
                (id_, *address, scope, LONG_AGO, LONG_AGO - at)
                for at, (id_, address, scope) in enumerate(_places())
            ),
        )
        for number, place in enumerate(_places()):
            _write_messages(connection, number, place, days, now)
        connection.execute(
            "INSERT INTO spent SELECT agent, day, sum(cost) FROM spent_by_session GROUP BY agent, day"
        )
    connection.close()


def _write_messages(
    connection: Statements, number: int, place: tuple[str, Address, str], days: list[int], now: int
) -> None:
    id_, address, scope = place
    first = number * MESSAGES_OF_ONE
    event_ = {
        "event": {"address": address, "author": {"id": f"U{number % 300}", "name": "Ada"}, "text": "hello"}
    }
    connection.executemany(
        "INSERT INTO inbox (key, message_id, state, session_id, event, received_at, stored_at)"
        " VALUES (?, ?, 'stored', ?, ?, ?, ?)",
        (
            (f"k{first + n}", f"m{first + n:020x}", id_, json.dumps(event_), now, now)
            for n in range(MESSAGES_OF_ONE)
        ),
    )
    connection.executemany(
        "INSERT INTO ledger VALUES (?, ?, 0, ?, ?, 'sent', ?, 0, 0, 0, ?, '', ?, ?, ?, ?, ?, '', ?)",
        (
            (
                id_,
                2 * n + 1,
                f"o{n}",
                f"y{first + n}",
                f"p{first + n}",
                now,
                *address,
                f"m{first + n:020x}",
                now,
            )
            for n in range(MESSAGES_OF_ONE)
        ),
    )
    connection.executemany(
        "INSERT INTO usage (id, session_id, agent, user_id, task_id, model, day, made_at, input_tokens, output_tokens,"
        " cache_write_tokens, cache_read_tokens, web_searches, cost, estimated)"
        " VALUES (?, ?, 'default', ?, '', 'claude-sonnet-5-5', ?, ?, 900, 100, 0, 0, 0, 1000, 0)",
        (
            (first + n + 1, id_, f"U{number % 300}", days[(first + n) % DAYS], now)
            for n in range(MESSAGES_OF_ONE)
        ),
    )
    connection.executemany(
        "INSERT INTO spent_by_session VALUES (?, ?, 'default', ?, ?, ?, ?, 3000, 3000)",
        ((id_, day, scope, *address[:3]) for day in days),
    )


def _write_tasks(path: Path) -> None:
    """One a conversation, of a thousand: as the looks at their files copied them."""
    connection = open_host_db(path)
    with connection:
        for number, (id_, address, _) in zip(range(TASKS), _places(), strict=False):
            at = now_ms() + 86_400_000 + number
            row = [f"t{number}", "Look at the harbour", "what of it?", "0 9 * * *", "", "UTC", "", "run_once", "[]",
                   "active", at, 0, 0, "", "U1", "agent", id_, *address, LONG_AGO, LONG_AGO]  # fmt: skip
            connection.execute("INSERT INTO due VALUES (?, ?, ?, ?)", (f"t{number}", id_, id_, at))
            connection.execute(
                "INSERT INTO task_copies VALUES (?, ?, ?)", (f"t{number}", id_, json.dumps(row))
            )
        due.note_complete(connection)  # every file was looked at, lately
        due.note_time(connection, now_ms())
    connection.close()


def _write_index(data: Path) -> None:
    """As the host feeds it, conversation by conversation; it finds nothing new in them."""
    [scope] = {scope for _, _, scope in _places()}
    with closing(Index(index.path_of(data, scope))) as made:
        for at, (id_, _, _) in enumerate(_places()):
            said = [Said(2 * n + 2, LONG_AGO - at * 1_000 + n, WORDS) for n in range(MESSAGES_OF_ONE)]
            made.put(id_, Marks(2 * MESSAGES_OF_ONE, 0, LONG_AGO - at), said)


def _write_files(data: Path) -> None:
    """One is written, and the others are its copies."""
    model = SessionFolder(data / "model")
    model.create()
    inbound = InboundWriter(model.inbound_db, now_ms)
    with inbound.writing():
        for n in range(MESSAGES_OF_ONE):
            said = content.Chat(WORDS)
            inbound.insert(NewMessage(f"m{n:020x}", "chat", Address("slack", "T1", "C1"), said, now_ms()))
            inbound.settle(f"m{n:020x}", Status.COMPLETED)
    inbound.close()
    for id_, _, _ in _places():
        folder = data / "sessions" / id_ / "inbound"
        folder.mkdir(parents=True)
        shutil.copyfile(model.inbound_db, folder / "inbound.db")
