"""Who may talk to an agent, or look at its state: one pure decision, closed by default (law 13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from host.config import Access
from host.ports.events import Author, Privacy
from host.registry.port import Statements
from sessiondb.records import Address

LOCAL = "console"  # whoever sits at the host's own terminal is its operator


class Person(Protocol):
    """Who it is, and where: an event, or somebody who looks at the agents' state."""

    @property
    def address(self) -> Address: ...

    @property
    def author(self) -> Author: ...

    @property
    def privacy(self) -> Privacy: ...


@dataclass(frozen=True, slots=True)
class Allowed:
    trusted: bool


@dataclass(frozen=True, slots=True)
class Denied:
    reason: str  # one line for the person
    ask_owner: bool = False


def standing_of(connection: Statements, channel_type: str, user_id: str) -> str:
    """'', 'allowed' or 'denied': what an owner decided, for every workspace as the configuration's lists are."""
    row = connection.execute(
        "SELECT standing FROM users WHERE channel_type = ? AND workspace_id = '' AND user_id = ?",
        (channel_type, user_id),
    ).fetchone()
    return "" if row is None else str(row[0])


def is_owner(access: Access, platform: str, user_id: str) -> bool:
    """Whether the person may do everything here."""
    return platform == LOCAL or (bool(user_id) and f"{platform}:{user_id}" in access.owners)


def decide(access: Access, event: Person, standing: str = "") -> Allowed | Denied:
    """`standing` is what an owner decided about this person before: '', 'allowed' or 'denied'."""
    platform = event.address.channel_type
    author = event.author
    if platform == LOCAL:
        return Allowed(trusted=True)
    if not author.id:
        return Denied("I could not find out who you are, so I may not answer.")
    if is_owner(access, platform, author.id):
        return Allowed(trusted=True)
    if standing == "denied":
        return Denied("You have not been given access to this agent.")
    if author.external and access.external == "deny":
        return Denied("People of other organisations may not use this agent.")
    if (
        access.channels
        and event.privacy != "dm"
        and f"{platform}:{event.address.platform_id}" not in access.channels
    ):
        return Denied("This agent does not work in this channel.")
    listed = f"{platform}:{author.id}" in access.users
    in_group = any(f"{platform}:{group}" in access.groups for group in author.groups)
    if listed or in_group or standing == "allowed":
        return Allowed(trusted=listed or in_group)
    if access.unknown == "allow":
        return Allowed(trusted=False)
    return Denied("You have not been given access to this agent.", ask_owner=access.unknown == "ask")
