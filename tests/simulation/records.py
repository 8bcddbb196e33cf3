"""What the files of a run have in the end, with what was pruned from them on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from tests.simulation.disk import NAME
from tests.simulation.forgotten import Forgotten


@dataclass
class Session:
    """The records of one session at the end of a run."""

    id: str
    messages: dict[str, dict[str, Any]]
    delivered: list[dict[str, Any]]
    out: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    live: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    occurrences: list[dict[str, Any]]


def session_of(folder: Path, forgotten: Forgotten) -> Session:
    inbound, outbound = folder / "inbound" / "inbound.db", folder / "outbound" / "outbound.db"

    def every(path: Path, table: str, *key: str) -> list[dict[str, Any]]:
        """What is there and what was pruned; a row that a power failure brought back is the one that is there."""
        rows = [*forgotten.rows(folder.name, table), *rows_of(path, f"SELECT * FROM {table}")]
        return list({tuple(row[name] for name in key): row for row in rows}.values())

    messages = {row["id"]: row for row in every(inbound, "messages_in", "id")}
    return Session(
        folder.name,
        messages,
        every(inbound, "delivered", "message_out_id", "chunk"),
        every(outbound, "messages_out", "id"),
        sorted(every(outbound, "transcript", "step"), key=lambda row: int(row["step"])),
        rows_of(inbound, "SELECT * FROM live"),
        rows_of(inbound, "SELECT * FROM tasks"),
        rows_of(inbound, "SELECT * FROM occurrences"),
    )


def rows_of(path: Path, sql: str) -> list[dict[str, Any]]:
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=NAME)
    except apsw.CantOpenError:
        return []
    try:
        connection.pragma("locking_mode", "exclusive")
        cursor = connection.cursor()
        rows = cursor.execute(sql).fetchall()
        if not rows:
            return []
        names = [column[0] for column in connection.execute(sql).get_description()]
        return [dict(zip(names, row, strict=True)) for row in rows]
    except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError):
        if path.name == "host.db":
            raise
        return []  # somebody has damaged it: what became of that is said elsewhere
    finally:
        connection.close()
