"""A session's outbound.db is made of what another node copied (`copies`), before any runner has the folder.

This is the one time that the host writes such a file (law 2; ADR 40), and it does so under another name: what has the file's own
is whole, and from then on its runner's alone. A crash before leaves a folder that is cleared by whoever begins again.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import apsw

from host.folders.disk import Disk
from host.mailbox import copies
from host.mailbox.copies import Copy
from host.registry.port import Registry
from host.registry.sessions import Session
from sessiondb import Full, SessionFolder
from sessiondb import connection as sqlite
from sessiondb.connection import open_writer, transaction

log = logging.getLogger(__name__)

COMING = "outbound.db.coming"


async def restore(db: Registry, disk: Disk, session: Session, now: int) -> bool:
    """False where there is no whole copy. The folder is cleared. Raises `SessionError`."""
    if not await db.read(functools.partial(copies.are_whole, session_id=session.id)):
        return False
    path = session.folder.outbound / COMING
    connection = await disk.run(_begun, session.folder, path)
    try:
        last: Copy | None = None
        while rows := await db.read(functools.partial(copies.portion, session_id=session.id, after=last)):
            await disk.run(_put, connection, path, rows, now)
            last = rows[-1]
        await disk.run(_completed, connection, path)
    finally:
        await disk.run(connection.close)
    await disk.run(_named, path, session.folder.outbound_db)
    return True


def _begun(folder: SessionFolder, path: Path) -> apsw.Connection:
    try:
        folder.create()
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Full(path, error.strerror or "no folder can be made") from error
    return open_writer(path, "outbound")


def _put(connection: apsw.Connection, path: Path, rows: Sequence[Copy], now: int) -> None:
    """What no outbound.db can hold is left out: it was written by a container."""
    with transaction(connection, path):
        for copy in rows:
            columns = json.loads(copy.content)
            match copy.part:
                case "step":
                    connection.execute(_STEP, (copy.number, *columns))
                case "out":
                    connection.execute(_OUT, (copy.number, *columns))
                case "ack" | "done":
                    connection.execute(_ACK, (copy.name, *columns, now))
                case "state":
                    connection.execute(_STATE, (copy.name, *columns, now))


def _completed(connection: apsw.Connection, path: Path) -> None:
    """A call is copied when it begins, and not again when it has its result."""
    with transaction(connection, path):
        connection.execute(_WITH_RESULTS)


def _named(path: Path, name: Path) -> None:
    try:
        path.rename(name)
        sqlite.sync(name.parent)
    except OSError as error:
        raise Full(name, error.strerror or "it cannot be named") from error


_STEP = (
    "INSERT OR IGNORE INTO transcript (step, turn, kind, tool_use_id, state, content, created_at)"
    " VALUES (?1, ?2, ?3, ?4, CASE ?3 WHEN 'tool_call' THEN 'started' ELSE 'complete' END, ?5, ?6)"
)
_OUT = (
    "INSERT OR IGNORE INTO messages_out (seq, id, in_reply_to, destination, kind, created_at, deliver_after, content)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_ACK = (
    "INSERT OR IGNORE INTO processing_ack (message_id, status, incarnation, attempt, turn, error, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_STATE = "INSERT OR IGNORE INTO session_state (key, value, updated_at) VALUES (?, ?, ?)"
_WITH_RESULTS = (
    "UPDATE transcript SET state = 'complete' WHERE kind = 'tool_call' AND EXISTS (SELECT 1 FROM transcript AS result"
    " WHERE result.turn = transcript.turn AND result.tool_use_id = transcript.tool_use_id AND result.kind = 'tool_result')"
)
