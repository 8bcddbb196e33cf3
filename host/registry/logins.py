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

    @property
    def token(self) -> str:
        return str(self.tokens["access_token"])


def load(connection: Statements, agent: str, server: str) -> bytes | None:
    row = connection.execute(
        "SELECT sealed FROM mcp_logins WHERE agent = ? AND server = ?", (agent, server)
    ).fetchone()
    return None if row is None else bytes(row[0])


def keep(connection: Statements, agent: str, server: str, sealed: bytes, now: int) -> None:
    connection.execute(
        "INSERT INTO mcp_logins VALUES (?, ?, ?, ?)"
        " ON CONFLICT (agent, server) DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at",
        (agent, server, sealed, now),
    )


def forget(connection: Statements, agent: str, server: str) -> bool:
    """Whether there was one."""
    connection.execute("DELETE FROM mcp_logins WHERE agent = ? AND server = ?", (agent, server))
    return bool(connection.changes())


def sealed(seal: Seal, login: Login) -> bytes:
    """Raises `SealError`."""
    return seal.seal(json.dumps(asdict(login)))


def opened(seal: Seal, found: bytes, agent: str, server: str, url: str) -> Login | None:
    """None where it is about another address by now. Raises `SealError`."""
    login = Login(**json.loads(seal.open(found)))
    if (login.agent, login.server) != (agent, server):
        raise SealError("a sign-in is not where it was put; sign in again")
    return login if login.url == url else None
