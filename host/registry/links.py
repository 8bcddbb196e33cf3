"""One-time links into the page: made by a command on this machine, good for one sign-in within minutes.

Kept is a hash alone: whoever reads host.db, or a backup of it, cannot sign in by it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from host.registry import meta, nodes
from host.registry.db import beside
from host.registry.port import Statements

GOOD_FOR = 600_000  # ms
MOST = 100  # that are open at a time; the oldest goes
LONGEST = 100  # characters of a token; ours have 43
_MARK = "page-link:"
_WHERE = "page"
_LINKS = f"key LIKE '{_MARK}%'"


def make(path: Path, user: str, now: int) -> str:
    """The token of a new link for this user of the machine. Raises `sessiondb.SessionError`."""
    token = secrets.token_urlsafe(32)
    with beside(path, whole=True) as connection:
        connection.execute(
            f"DELETE FROM meta WHERE {_LINKS} AND CAST(value ->> '$.until' AS bigint) < ?", (now,)
        )
        kept = json.dumps({"user": user, "until": now + GOOD_FOR})
        connection.execute("INSERT INTO meta VALUES (?, ?)", (_key(token), kept))
        connection.execute(
            f"DELETE FROM meta WHERE {_LINKS} AND key NOT IN (SELECT key FROM meta WHERE {_LINKS}"
            " ORDER BY CAST(value ->> '$.until' AS bigint) DESC LIMIT ?)",
            (MOST,),
        )
    return token


def redeem(connection: Statements, token: str, now: int) -> str:
    """For whom it is good, '' for nobody; never again after this. For a job on host.db that writes."""
    if not token or len(token) > LONGEST:
        return ""
    row = connection.execute("DELETE FROM meta WHERE key = ? RETURNING value", (_key(token),)).fetchone()
    kept: dict[str, Any] = json.loads(str(row[0])) if row else {"user": "", "until": 0}
    return str(kept["user"]) if int(kept["until"]) > now else ""


def serve(connection: Statements, address: str, node: str = "") -> None:
    """Where the host that runs serves its page; '' for nowhere. `node`: one of several that serve, each with a page of its own.
    For a job on host.db."""
    meta.put(connection, _of(node), address)


def where(path: Path) -> str:
    """As `serve` was told, by this folder's node where each has a page. Raises `sessiondb.SessionError`."""
    with beside(path) as connection:
        for key in (_of(nodes.named(path.parent)), _WHERE):
            if row := connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone():
                return str(row[0])
    return ""


def _of(node: str) -> str:
    return f"{_WHERE}:{node}" if node else _WHERE


def _key(token: str) -> str:
    return _MARK + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
