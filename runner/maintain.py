"""`python -m runner --maintain`: care of outbound.db by its owner, while no runner lives.

Opening read-write rolls back what a killed runner left half-written (law 2: the host never does); then old rows go.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from sessiondb.connection import open_writer, transaction
from sessiondb.errors import translated


def maintain(outbound_db: Path, *, delivered_up_to: int, older_than: int) -> dict[str, int]:
    """Recovers the file and prunes rows that are delivered (`seq` at most `delivered_up_to`) and old (ms UTC).

    The high-water mark of seq is kept apart from the rows and survives. Returns the numbers of rows removed.
    """
    connection = open_writer(outbound_db, "outbound")
    try:
        with translated(outbound_db):
            connection.execute("SELECT count(*) FROM processing_ack").fetchall()
        removed = {}
        with transaction(connection, outbound_db):
            removed["messages_out"] = _delete(
                connection, "messages_out WHERE seq <= ? AND created_at < ?", delivered_up_to, older_than
            )
            removed["processing_ack"] = _delete(
                connection,
                "processing_ack WHERE status IN ('completed', 'failed') AND updated_at < ?",
                older_than,
            )
        return removed
    finally:
        connection.close()


def _delete(connection: apsw.Connection, where: str, *bindings: int) -> int:
    connection.execute(f"DELETE FROM {where}", bindings)
    return connection.changes()
