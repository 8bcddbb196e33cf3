"""Looking at a data folder from outside: `sessions`, `why`, `stop`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from host.controls import why
from host.folders.lock import DataFolderError, DataLock
from host.registry import orders
from host.registry.db import open_registry
from host.registry.port import Statements
from sessiondb import SessionFolder
from sessiondb.signals import read_heartbeat

MOST_SESSIONS = 50  # shown without --all
ALIVE = 10_000  # ms since the last heartbeat within which a runner is shown as running
ORDER_DEADLINE = 60.0  # s the host gets to carry out an order

_out = Console()


class NothingFoundError(Exception):
    """The records know nothing by that name."""


def show_sessions(data: Path, *, everything: bool) -> None:
    registry = open_registry(data)
    try:
        rows = registry.execute(
            "SELECT id, agent, channel_type, workspace_id, platform_id, thread_id, active_at, busy, start_failures,"
            " start_error"
            " FROM sessions ORDER BY active_at DESC LIMIT ?",
            (-1 if everything else MOST_SESSIONS,),
        ).fetchall()
    finally:
        registry.close()
    table = Table("session", "agent", "where", "last message", "state")
    for id_, agent, *place, active_at, busy, failures, error in rows:
        where = "/".join(str(part) for part in place if part)
        state = _state(data / "sessions" / str(id_), bool(busy), int(str(failures)), str(error))
        table.add_row(Text(str(id_)), Text(str(agent)), Text(where), moment(int(str(active_at))), state)
    _out.print(table)


def _state(root: Path, busy: bool, failures: int, error: str) -> Text:
    beat = read_heartbeat(SessionFolder(root).heartbeat)
    if beat is not None and now_ms() - beat.at < ALIVE:
        return Text("running", "green")
    if failures:
        return Text(f"cannot start ({failures} times): {error}", "red")
    return Text("has work", "yellow") if busy else Text("resting", "dim")


def tell_why(data: Path, name: str) -> None:
    """Raises `NothingFoundError`, `sessiondb.SessionError`."""
    registry = open_registry(data)
    try:
        found = why.find(registry, data, name)
        if not found:
            raise NothingFoundError(
                f"no message {name!r} in {data}: give its id, the id's beginning, or its platform's id or that of its answer"
            )
        if len(found) > 1:
            _out.print("Several messages fit; ask for one of them:")
        for entry in found:
            _out.print(Text(entry.message_id, "bold"), Text(entry.platform_message_id, "dim"))
            if len(found) == 1:
                _story(registry, data, entry)
    finally:
        registry.close()


def _story(registry: Statements, data: Path, entry: why.Found) -> None:
    table = Table.grid(padding=(0, 2))
    for event in why.story(registry, data, entry):
        table.add_row(moment(event.at), Text(event.what, "bold"), Text(event.detail))
    _out.print(table)


def order_stop(data: Path, name: str) -> None:
    """Has the running host end a session's runner. Raises `NothingFoundError`, `sessiondb.SessionError`."""
    registry = open_registry(data)
    try:
        id_ = _session(registry, name)
        _require_host(data)
        number = orders.give(data / "host.db", "stop", id_, now_ms())
        deadline = time.monotonic() + ORDER_DEADLINE
        while not (outcome := orders.outcome(registry, number)) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        registry.close()
    _out.print(Text(f"{id_}: {outcome or 'the host has not answered yet; it will carry the order out'}"))


def _session(registry: Statements, name: str) -> str:
    rows = registry.execute(
        "SELECT id FROM sessions WHERE substr(id, 1, ?) = ? LIMIT 2", (len(name), name)
    ).fetchall()
    if len(rows) != 1:
        raise NothingFoundError(
            f"{'no session' if not rows else 'more than one session'} begins with {name!r}"
        )
    return str(rows[0][0])


def _require_host(data: Path) -> None:
    """Whoever can take the data folder's lock has found out that no host runs."""
    try:
        lock = DataLock(data)
    except DataFolderError:
        return
    lock.release()
    raise NothingFoundError(f"no host runs on {data}, so no runner does")


def moment(at: int) -> Text:
    if not at:
        return Text("")
    return Text(f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}Z", "dim")


def now_ms() -> int:
    return time.time_ns() // 1_000_000
