"""A conversation for whoever wants to keep it or hand it on."""

from __future__ import annotations

import json
from pathlib import Path

from host.cli import elsewhere
from host.cli.ending import NothingFoundError
from host.cli.inspect import session
from host.controls.naming import Names
from host.registry.db import open_registry
from host.upkeep.exporting import as_json, as_markdown, entries
from sessiondb.records import Address


def export(data: Path, name: str, *, as_json_text: bool) -> str:
    """`name` begins a conversation's id. Raises `NothingFoundError`, `SessionError`."""
    registry = open_registry(data)
    try:
        id_ = session(registry, name)
        if lies := elsewhere.machine(registry, data, id_):
            raise NothingFoundError(f"{lies} has the files of {id_}: export it there")
        row = registry.execute(
            "SELECT scope, agent, channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?",
            (id_,),
        ).fetchone()
        scope, agent, *place = map(str, row or ("",) * 6)
        title = f"{agent} in {Names(registry).place(Address(*place), scope)} ({id_})"
    finally:
        registry.close()
    found = entries(data / "sessions" / id_)
    if as_json_text:
        return json.dumps(as_json(title, found), ensure_ascii=False, indent=2)
    return as_markdown(title, found)
