"""What a person may see: an owner everything, anybody else what their privacy scopes hold. Closed by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from host.config import Access
from host.governance import access
from host.ports.controls import Forbidden
from host.ports.events import Privacy, Viewer
from host.registry.port import Statements
from host.registry.sessions import scope_name
from sessiondb.records import Address


@dataclass(frozen=True, slots=True)
class Sight:
    """`scopes` are names as `sessions.scope` has them; `owner` sees all of them."""

    owner: bool
    scopes: tuple[str, ...]

    def sees(self, scope: str) -> bool:
        return self.owner or scope in self.scopes

    def where(self, column: str) -> tuple[str, tuple[str, ...]]:
        """The same as a condition of SQL, with its bindings."""
        if self.owner:
            return "1", ()
        return f"{column} IN ({', '.join('?' * len(self.scopes))})", self.scopes

    def sees_channel(self, connection: Statements, address: Address) -> bool:
        """Whether everything that was ever said in the channel is for them; one where nothing was is for owners."""
        if self.owner:
            return True
        rows = connection.execute(
            "SELECT DISTINCT scope FROM sessions WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?",
            address[:3],
        ).fetchall()
        scopes = {str(scope) for (scope,) in rows}
        # Whoever sees the channel's own sees what guests asked in it.
        return not scopes.isdisjoint(self.scopes) and scopes <= {
            *self.scopes,
            scope_name("guests", address, ""),
        }


def is_owner(rules: Access, viewer: Viewer) -> bool:
    return access.is_owner(rules, viewer.address.channel_type, viewer.author.id)


def of(connection: Statements, rules: Access, viewer: Viewer) -> Sight:
    """Raises `Forbidden` for whom no agent would answer where they ask from."""
    standing = access.standing_of(connection, viewer.address.channel_type, viewer.author.id)
    permission = access.decide(rules, viewer, standing)
    if isinstance(permission, access.Denied):
        raise Forbidden(permission.reason)
    return Sight(is_owner(rules, viewer), _scopes(rules, viewer))


def _scopes(rules: Access, viewer: Viewer) -> tuple[str, ...]:
    """Their direct messages may have no workspace of their own (Discord's have none)."""
    address, user = viewer.address, viewer.author.id
    found = [scope_name("dm", address._replace(workspace_id=w), user) for w in {"", address.workspace_id}]
    here: dict[Privacy, list[Privacy | Literal["guests"]]] = {
        "dm": [],
        "private": ["private"],
        "public": ["guests"],
    }
    kinds = here[viewer.privacy]
    # Who was asked into some channels alone is not to learn what was said in the others.
    if not viewer.author.external and not access.is_guest(rules, viewer):
        kinds.append("public")
    return (*found, *(scope_name(kind, address, user) for kind in kinds))
