"""Sign-ins at MCP servers, sealed, in host.db. Functions for jobs on the connection."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from host.folders.seal import Seal, SealError
from host.registry.port import Statements

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Login:
    """What a sign-in left behind, in the protocol's own forms."""

    agent: str
    server: str
    url: str  # of the server: a login counts for no other
    tokens: JSON
    expires_at: float  # s since the epoch; 0 = not said
    client: JSON  # the registration
    metadata: JSON | None = None  # of the authorisation server
    resource: JSON | None = None  # of the protected resource
    workspace: str = ""  # whose owners signed in, and in which alone it counts; '' = the operator, for all

    @property
    def token(self) -> str:
        return str(self.tokens["access_token"])


def load(connection: Statements, agent: str, server: str, workspace: str) -> bytes | None:
    """The workspace's own, or else the operator's; never another workspace's."""
    row = connection.execute(_LOAD, (agent, server, workspace)).fetchone()
    return None if row is None else bytes(row[0])


def workspaces(connection: Statements, agent: str, server: str) -> list[str]:
    """Those that have a sign-in of their own."""
    return [str(row[0]) for row in connection.execute(_WORKSPACES, (agent, server)).fetchall()]


def keep(connection: Statements, login: Login, sealed: bytes, now: int) -> None:
    connection.execute(_KEEP, (login.agent, login.server, login.workspace, sealed, now))


def drop(connection: Statements, login: Login) -> None:
    """That one, which counts no more."""
    connection.execute(_DROP, (login.agent, login.server, login.workspace))


def forget(connection: Statements, agent: str, server: str) -> bool:
    """All of them; whether there was one."""
    connection.execute("DELETE FROM mcp_logins WHERE agent = ? AND server = ?", (agent, server))
    return bool(connection.changes())


def sealed(seal: Seal, login: Login) -> bytes:
    """Raises `SealError`."""
    return seal.seal(json.dumps(asdict(login)))


def opened(seal: Seal, found: bytes, agent: str, server: str, url: str, workspace: str = "") -> Login | None:
    """None where it is about another address by now. Raises `SealError`."""
    login = Login(**json.loads(seal.open(found)))
    if (login.agent, login.server) != (agent, server) or login.workspace not in ("", workspace):
        raise SealError("a sign-in is not where it was put; sign in again")
    return login if login.url == url else None


_LOAD = (
    "SELECT sealed FROM mcp_logins WHERE agent = ? AND server = ? AND workspace IN ('', ?)"
    " ORDER BY workspace DESC LIMIT 1"
)
_WORKSPACES = (
    "SELECT workspace FROM mcp_logins WHERE agent = ? AND server = ? AND workspace <> '' ORDER BY workspace"
)
_KEEP = (
    "INSERT INTO mcp_logins VALUES (?, ?, ?, ?, ?) ON CONFLICT (agent, server, workspace)"
    " DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at"
)
_DROP = "DELETE FROM mcp_logins WHERE agent = ? AND server = ? AND workspace = ?"
