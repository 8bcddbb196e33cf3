"""Looks over the host's shoulder at every commit of an inbound.db, with eyes of its own."""

from __future__ import annotations

import contextvars
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from host.mailbox.inbound import InboundWriter
from sessiondb import Status
from tests.simulation.disk import NAME, Disk
from tests.simulation.outcome import Law

_UNREAD = "SELECT id, in_reply_to FROM messages_out WHERE seq > ?"
_HELD = (
    "SELECT a.message_id, a.turn FROM processing_ack AS a JOIN transcript AS t ON t.turn = a.turn"
    " WHERE a.status = 'processing' AND t.kind = 'final'"
)
_PARKED = (
    "SELECT a.message_id, a.turn FROM processing_ack AS a JOIN session_state AS s ON s.key LIKE 'parked:%'"
    " AND s.value <> '' WHERE a.status = 'processing' AND s.value ->> '$.turn' = a.turn AND s.value ->> '$.answered_by' = ''"
)
_ASKED = "SELECT 1 FROM messages_out WHERE content LIKE '%ask_question%' LIMIT 1"


class Witness:
    """A turn's acknowledgements and its rows are one commit: whoever settles by the first has read the second."""

    def __init__(self, disk: Disk, violated: Callable[[Law, str], None]) -> None:
        self._disk = disk
        self._violated = violated
        self._settled: defaultdict[str, set[str]] = defaultdict(set)

    def noting(self, settle: Callable[..., None]) -> Callable[..., None]:
        def noted(writer: InboundWriter, id_: str, status: Status, error: str = "") -> None:
            if status is Status.COMPLETED:
                self._settled[_path(writer)].add(id_)
            settle(writer, id_, status, error)

        return noted

    def begins(self, writer: InboundWriter) -> None:
        """What an earlier transaction had settled that was rolled back, or whose process died in it, is not settled."""
        self._settled.pop(_path(writer), None)

    def settled(self, writer: InboundWriter) -> None:
        """At the end of a transaction."""
        ids = self._settled.pop(_path(writer), set())
        outbound = str(Path(_path(writer)).parent.parent / "outbound" / "outbound.db")
        if ids and self._disk.is_quiet(outbound):
            read = writer.mark("outbound_read")
            # As nobody: what looks on neither waits nor dies.
            unread, held = contextvars.Context().run(_unread, outbound, read)
            for id_, turn in held:
                row = writer._connection.execute(
                    "SELECT status, kind FROM messages_in WHERE id = ?", (id_,)
                ).fetchone()
                if row is None or row[0] != "pending" or row[1] == "system":
                    continue  # taken back, or over: who holds it does not matter; or the answer with which a turn goes on
                self._violated(Law.RELEASED, f"{id_} is held by {turn}, which is over or parked")
            for row_id, answers in unread:
                if answers in ids:
                    self._violated(
                        Law.SETTLED, f"{answers} is settled, and its row {row_id} has not been read"
                    )


def _path(writer: InboundWriter) -> str:
    return str(writer._connection.db_filename("main"))


def _unread(path: str, above: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Rows, and claims of turns that are over. Nothing where a question was asked: its turn goes on, and answers once more,
    when it has been settled."""
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY, vfs=NAME)
    try:
        parked = connection.execute(_PARKED).fetchall()
        if connection.execute(_ASKED).fetchall():
            return [], parked
        return connection.execute(_UNREAD, (above,)).fetchall(), connection.execute(_HELD).fetchall()
    except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError):
        return [], []  # somebody has damaged it
    finally:
        connection.close()
