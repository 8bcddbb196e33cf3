"""A host that reads what a container leaves as if a friend had written it: what each attack would do to it."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import apsw

from tests.support.attacks import FINE, Target

MUCH = 500_000  # bytes that nobody writes who means well
STEPS = 300_000  # of SQLite's machine, which an honest file does not need
BREAKS = (apsw.Error, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
ROWS = (
    "SELECT id, in_reply_to, destination, kind, created_at, deliver_after, content FROM messages_out"
    " WHERE seq > 0 ORDER BY seq"
)


class NeverEndsError(Exception):
    pass


def harm(target: Target) -> str:
    """What it believes, waits for or breaks of; '' where there is only what an honest runner has written."""
    try:
        found = [*_rows(target), *_acks(target), *_signs(target)]
    except NeverEndsError as error:
        return f"never ends: {error}"
    except BREAKS as error:
        return f"breaks: {type(error).__name__}"
    return f"believes {found}"[:300] if found else ""


def _opened(path: Path) -> apsw.Connection:
    for name in (path, path.with_name(f"{path.name}-journal")):
        _look(name)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    steps = 0

    def counted() -> bool:
        nonlocal steps
        steps += 1_000
        return steps > STEPS

    connection.set_progress_handler(counted, 1_000)
    return connection


def _look(path: Path, most: int = 2 * 1024**3) -> bool:
    """Whether it is there. Opened or read whole, some of what may be there never ends; here it is only looked at."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    if stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode):
        raise NeverEndsError(f"{path.name} is opened")
    if found.st_size > most:
        raise NeverEndsError(f"{path.name} is read whole")
    return True


def _rows(target: Target) -> list[object]:
    connection = _opened(target.folder.outbound_db)
    try:
        rows = connection.execute(ROWS).fetchall()
        connection.execute("SELECT incarnation, phase, tool, tool_deadline FROM runner_state").fetchall()
    except apsw.InterruptError as error:
        raise NeverEndsError("a query") from error
    finally:
        connection.close()
    if len(rows) > 10_000:
        raise NeverEndsError("so many rows")
    return [row[:6] for row in rows if json.loads(str(row[6]))["text"] != FINE or len(str(row[6])) > MUCH]


def _acks(target: Target) -> list[object]:
    connection = _opened(target.folder.outbound_db)
    try:
        return list(connection.execute("SELECT message_id, status, attempt FROM processing_ack").fetchall())
    finally:
        connection.close()


def _signs(target: Target) -> list[object]:
    found: list[object] = []
    heartbeat, progress = target.folder.heartbeat, target.folder.outbound / "progress.json"
    if _look(heartbeat) and heartbeat.stat().st_mtime > time.time() + 60:
        found.append("it lives for ever")
    if _look(progress, MUCH):
        found.append(json.loads(progress.read_text())["text"])
    return found
