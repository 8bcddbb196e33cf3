"""What of a conversation this machine cannot show where several share a database: whoever holds its channel has the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from host.registry import nodes, whereabouts
from host.registry.port import Statements
from host.registry.where import noted


def machine(registry: Statements, data: Path, session_id: str) -> str:
    """The other one that has its files, by its name; '' where they are here, or nobody's yet."""
    return machines(registry, data, [session_id]).get(session_id, "")


def machines(registry: Statements, data: Path, session_ids: Sequence[str]) -> Mapping[str, str]:
    """Likewise, of those of these whose files another one has."""
    if not noted(data):
        return {}
    found = whereabouts.of_sessions(registry, nodes.named(data), session_ids)
    return {id_: lies.name for id_, lies in found.items() if lies.node}
