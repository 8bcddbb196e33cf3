"""What of a conversation this machine cannot show where several share a database: whoever holds its channel has the files."""

from __future__ import annotations

from pathlib import Path

from host.registry import nodes, whereabouts
from host.registry.port import Statements
from host.registry.where import noted


def machine(registry: Statements, data: Path, session_id: str) -> str:
    """The other one that has its files, by its name; '' where they are here, or nobody's yet."""
    if not noted(data):
        return ""
    lies = whereabouts.of_sessions(registry, nodes.named(data), [session_id]).get(
        session_id, whereabouts.HERE
    )
    return lies.name if lies.node else ""
