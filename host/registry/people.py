"""How people are called. Functions for jobs on the registry."""

from __future__ import annotations

from host.registry.port import Statements


def called(connection: Statements, platform: str, workspace: str, user: str) -> str:
    """'' where nobody has told; of any workspace where that is ''."""
    asked = {"platform": platform, "workspace": workspace, "user": user}
    row = connection.execute(_CALLED, asked).fetchone()
    return str(row[0]) if row else ""


_CALLED = (
    "SELECT name FROM users WHERE channel_type = :platform AND user_id = :user AND (:workspace = '' OR workspace_id = :workspace)"
    " AND name <> '' ORDER BY seen_at DESC LIMIT 1"
)
