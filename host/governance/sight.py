"""What a person may see: an owner everything, anybody else what their privacy scopes hold. Closed by default."""

from __future__ import annotations

import json
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
    """`scopes` are names as `sessions.scope` has them; `owner` sees all of them, or all that is `within` one workspace.

    Of the scope that public channels share they see those `channels` of which it is known now that they are public.
    """

    owner: bool
    scopes: tuple[str, ...]
    public: str = ""  # the scope that public channels share, where it is one of theirs
    channels: frozenset[str] = frozenset()  # ids
    within: tuple[str, str] | None = None  # platform and workspace of an owner who is one there alone

    @property
    def everything(self) -> bool:
        return self.owner and self.within is None

    def sees(self, scope: str, place: Address) -> bool:
        if self.owner:
            return self.within in (None, (place.channel_type, place.workspace_id))
        shown = scope != self.public or place.platform_id in self.channels
        return scope in self.scopes and shown

    def where(self, table: str) -> tuple[str, tuple[str, ...]]:
        """The same as a condition of SQL on a table with scopes and channels, with its bindings."""
        if self.owner:
            if self.within is None:
                return "TRUE", ()
            return f"{table}.channel_type = ? AND {table}.workspace_id = ?", self.within
        named = f"{table}.scope IN ({', '.join('?' * len(self.scopes))})"
        shown = f"({table}.scope <> ? OR {table}.platform_id IN (SELECT value FROM json_each(?)))"
        return f"{named} AND {shown}", (*self.scopes, self.public, json.dumps(sorted(self.channels)))

    def sees_channel(self, connection: Statements, address: Address) -> bool:
        """Whether everything that was ever said in the channel is for them; one where nothing was is for owners."""
        if self.owner:
            return self.sees("", address)
        rows = connection.execute(
            "SELECT DISTINCT scope FROM sessions WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?",
            address[:3],
        ).fetchall()
        scopes = {str(scope) for (scope,) in rows}
        seen = {scope for scope in scopes if self.sees(scope, address)}
        # Whoever sees the channel's own sees what guests asked in it.
        return bool(seen) and scopes <= {*seen, scope_name("guests", address, "")}


def is_common(address: Address, scope: str) -> bool:
    """Whether what was said there is for whoever runs the host: in public channels, and at its own terminal. An owner has the
    figures of all the rest, and the words of none of it."""
    return address.channel_type == access.LOCAL or scope == scope_name("public", address, "")


def is_owner(rules: Access, viewer: Viewer) -> bool:
    return access.is_owner(rules, viewer.address, viewer.author.id)


def of(connection: Statements, rules: Access, viewer: Viewer) -> Sight:
    """Raises `Forbidden` for whom no agent would answer where they ask from. Of public channels it shows the one alone
    that they ask from, of which its bot has told just now; the others are to be asked about (`host/controls/anew.py`)."""
    standing = access.standing_of(connection, viewer.address, viewer.author.id)
    permission = access.decide(rules, viewer, standing)
    if isinstance(permission, access.Denied):
        raise Forbidden(permission.reason)
    scopes = _scopes(rules, viewer)
    public = scope_name("public", viewer.address, "")
    here = {viewer.address.platform_id} if viewer.privacy == "public" else ()
    place, channels = viewer.address, frozenset(here)
    within = None if access.owns_all(rules, place, viewer.author.id) else (place[0], place[1])
    return Sight(is_owner(rules, viewer), scopes, public if public in scopes else "", channels, within)


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
