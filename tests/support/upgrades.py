"""Data folders as earlier versions left them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import apsw

from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from host.registry import sessions
from sessiondb import Address, content
from sessiondb.layout import SessionFolder
from tests.support.hosting import now_ms

PLACE = Address("memory", "w", "c")


def older(data: Path, version: int) -> str:
    """A data folder as the frozen migrations made it then, with a message that waits in a conversation's file; its id."""
    data.mkdir(mode=0o700, exist_ok=True)
    connection = apsw.Connection(str(data / "host.db"))
    connection.pragma("journal_mode", "wal")
    schema = resources.files("host.registry").joinpath("schema")
    for number in range(1, version + 1):
        connection.execute(schema.joinpath(f"host_{number:04}.sql").read_text("utf-8"))
    connection.pragma("user_version", version)
    connection.execute("INSERT INTO meta VALUES ('installation', 'abc')")
    id_ = sessions.upsert(connection, "default", PLACE, sessions.scope_name("public", PLACE, ""), 1)
    connection.close()
    folder = SessionFolder(data / "sessions" / id_)
    folder.inbound.mkdir(parents=True)
    writer = InboundWriter(folder.inbound_db, now_ms)
    with writer.writing():
        writer.insert(NewMessage("m1", "chat", PLACE, content.Chat("from before", "Ada"), created_at=1))
    writer.close()
    (folder.root / "work").mkdir()
    (folder.root / "work" / "notes.txt").write_text("mine")
    return id_
