"""`python -m runner --maintain`: care of outbound.db by its owner, while no runner lives.

Opening read-write rolls back what a killed runner left half-written (law 2: the host never does); then old rows go, and the
files that were sent with them.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from sessiondb.connection import open_writer, transaction
from sessiondb.contract import EVERYTHING
from sessiondb.errors import Missing, translated
from sessiondb.layout import SessionFolder

_KEPT_TURNS = """
SELECT turn FROM processing_ack WHERE status IN ('processing', 'retry')
UNION SELECT json_extract(value, '$.turn') FROM session_state WHERE key LIKE 'parked:%' AND updated_at >= ?1
"""
_OLD_STEPS = f"""
transcript WHERE turn IN (SELECT turn FROM transcript GROUP BY turn HAVING max(created_at) < ?1)
AND turn NOT IN ({_KEPT_TURNS}) AND step < (SELECT max(step) FROM transcript)
"""


def maintain(outbound_db: Path, *, delivered_up_to: int, older_than: int) -> dict[str, int]:
    """Recovers the file and prunes what is old (ms UTC): rows that are delivered (`seq` at most `delivered_up_to`), whole
    turns that are over, questions that nobody answered. `EVERYTHING` is older than everything: no step is left.

    The high-water mark of seq is kept apart from the rows and survives; so does the last step, above which the next one is
    numbered. Returns the numbers of rows and folders removed, none where there is no file: one that was lost meanwhile is not
    made anew, for the next runner would take it for what was there.
    """
    try:
        connection = open_writer(outbound_db, "outbound", may_be_new=False)
    except Missing:
        return {}
    try:
        with translated(outbound_db):
            connection.execute("SELECT count(*) FROM processing_ack").fetchall()
        with transaction(connection, outbound_db):
            forgotten = _forget(connection) if older_than >= EVERYTHING else 0
            removed = {
                "messages_out": _delete(
                    connection, "messages_out WHERE seq <= ? AND created_at < ?", delivered_up_to, older_than
                ),
                "transcript": _delete(connection, _OLD_STEPS, older_than),
                "processing_ack": _delete(
                    connection,
                    "processing_ack WHERE status IN ('completed', 'failed') AND updated_at < ?",
                    older_than,
                ),
                "session_state": _delete(
                    connection,
                    "session_state WHERE (key LIKE 'parked:%' OR key LIKE 'allowed:%' OR key LIKE 'heard:%')"
                    " AND updated_at < ?",
                    older_than,
                ),
            }
        removed["transcript"] += forgotten
        if older_than >= EVERYTHING:
            SessionFolder(outbound_db.parent.parent).progress.unlink(missing_ok=True)
        removed["files"] = _delete_files(connection, outbound_db.parent / "files", older_than)
        return removed
    finally:
        connection.close()


def _forget(connection: apsw.Connection) -> int:
    """All steps, also those of a turn under way, which begins anew. Their numbers are never given again: the last one stays as
    the place from which the conversation is read."""
    connection.execute("DELETE FROM transcript WHERE step < (SELECT max(step) FROM transcript)")
    removed = connection.changes()
    connection.execute(
        "UPDATE transcript SET kind = 'note', turn = 'forgotten', tool_use_id = '', state = 'complete', content = '{}'"
    )
    connection.execute(
        "INSERT INTO session_state SELECT 'history_from', max(step), 0 FROM transcript HAVING max(step) IS NOT NULL"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )
    connection.execute("DELETE FROM session_state WHERE key LIKE 'parked:%'")
    return removed


def _delete(connection: apsw.Connection, where: str, *bindings: int) -> int:
    connection.execute(f"DELETE FROM {where}", bindings)
    return connection.changes()


def _delete_files(connection: apsw.Connection, files: Path, older_than: int) -> int:
    """Folders that no row names any more; a young one may belong to a row that is about to be written."""
    rows = connection.execute(
        "SELECT json_extract(content, '$.path') FROM messages_out WHERE json_valid(content)"
    ).fetchall()
    named = {Path(path).parts[:1] for (path,) in rows if isinstance(path, str)}
    old = [
        folder
        for folder in (files.iterdir() if files.is_dir() else ())
        if (folder.name,) not in named and folder.lstat().st_mtime * 1000 < older_than
    ]
    from shutil import rmtree

    for folder in old:
        rmtree(folder, ignore_errors=True)
    return len(old)
