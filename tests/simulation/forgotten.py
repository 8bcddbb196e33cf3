"""What pruning removes during a run: the laws are about it as well."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw

import host.upkeep.pruning
import runner.maintain
from host.mailbox.inbound import InboundWriter
from host.registry.port import Statements
from tests.simulation.patches import Patch


class Forgotten:
    """What pruning removed, by folder of the session and table: the laws are about it as well."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.count = 0
        self.notices: list[str] = []  # what they were about: they may be said again

    def rows(self, session: str, table: str) -> list[dict[str, Any]]:
        return self._rows.get((session, table), [])

    def note(self, connection: apsw.Connection, table: str, where: str, *bindings: Any) -> None:
        cursor = connection.execute(f"SELECT * FROM {table} WHERE {where}", bindings)
        found = cursor.fetchall()
        self.count += len(found)
        if found:
            names = [str(name) for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            session = Path(connection.db_filename("main")).parent.parent.name
            self._rows.setdefault((session, table), []).extend(
                dict(zip(names, row, strict=True)) for row in found
            )

    def patches(self) -> list[Patch]:
        messages, deliveries = InboundWriter.forget_messages, InboundWriter.forget_deliveries
        delete, said = runner.maintain._delete, host.upkeep.pruning._said

        def forget_messages(writer: InboundWriter, ids: Iterable[str]) -> None:
            ids = list(ids)
            for id_ in ids:
                self.note(writer._connection, "messages_in", "id = ?", id_)
            messages(writer, ids)

        def forget_deliveries(writer: InboundWriter, before: int, *, most: int) -> int:
            self.note(writer._connection, "delivered", "state NOT IN ('pending', 'sending', 'unknown')")
            return deliveries(writer, before, most=most)

        def noted_delete(connection: apsw.Connection, where: str, *bindings: int) -> int:
            table, _, condition = where.strip().partition(" WHERE ")
            self.note(connection, table, condition, *bindings)
            return delete(connection, where, *bindings)

        def noted_notices(connection: Statements, *, before: int) -> int:
            sql = "SELECT about FROM notices WHERE chunk = 0"
            there = {str(about) for (about,) in connection.execute(sql)}
            count = said(connection, before=before)
            there -= {str(about) for (about,) in connection.execute(sql)}
            self.notices += there
            return count

        return [
            (host.upkeep.pruning, "_said", noted_notices),
            (InboundWriter, "forget_messages", forget_messages),
            (InboundWriter, "forget_deliveries", forget_deliveries),
            (runner.maintain, "_delete", noted_delete),
        ]

    def soon(self) -> list[Patch]:
        """What is over is pruned within the run, not only where a clock is set by days."""
        return [
            (host.upkeep.pruning, "DAY", 15_000),
            (host.upkeep.pruning, "EVERY", 20.0),
            (host.upkeep.pruning, "AGAIN", 10_000),
            (host.upkeep.pruning, "AFTER_FAILURE", 5_000),
        ]
