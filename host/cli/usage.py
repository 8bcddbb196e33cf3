"""What conversations cost, from the records of the gateway."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from host.governance.words import dollars
from host.registry.db import open_registry

_SUMS = (
    "SELECT u.session_id, u.agent, s.channel_type, s.workspace_id, s.platform_id, s.thread_id, count(*),"
    " sum(u.input_tokens), sum(u.cache_write_tokens), sum(u.cache_read_tokens), sum(u.output_tokens),"
    " sum(u.cost), max(u.estimated)"
    " FROM usage u LEFT JOIN sessions s ON s.id = u.session_id"
    " GROUP BY u.session_id ORDER BY max(u.made_at) DESC LIMIT ?"
)

_out = Console()


def show(data: Path, *, most: int) -> None:
    """The latest `most` conversations that a model was paid for; -1 shows all. Raises `sessiondb.SessionError`."""
    registry = open_registry(data)
    try:
        rows = registry.execute(_SUMS, (most,)).fetchall()
    finally:
        registry.close()
    table = Table("session", "agent", "where")
    for column in ("calls", "input", "cached", "read", "output", "cost"):
        table.add_column(column, justify="right")
    for id_, agent, *rest in rows:
        place, (calls, *tokens, cost, estimated) = rest[:4], rest[4:]
        where = "/".join(str(part) for part in place if part)
        counts = [f"{int(str(count)):,}" for count in (calls, *tokens)]
        paid = ("about " if estimated else "") + dollars(int(str(cost)))
        table.add_row(*map(Text, (str(id_), str(agent), where, *counts, paid)))
    table.caption = "tokens; cached: written to the prompt cache, read: from it"
    _out.print(table)
