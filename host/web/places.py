"""Where something happened, for somebody who need not be there: a private channel's name is its people's."""

from __future__ import annotations

from typing import NamedTuple

from host.controls.naming import PLATFORMS, Names
from host.governance import sight
from host.registry.port import Statements
from sessiondb.records import Address


class Shown(NamedTuple):
    address: Address
    scope: str


def is_direct(address: Address, scope: str) -> bool:
    return scope.startswith(f"{address.channel_type}-{address.workspace_id}-dm-")


def place_of(registry: Statements, shown: Shown, *, readable: bool = False) -> str:
    """`readable`: to somebody who may read what is said there."""
    address, scope = shown
    if readable or is_direct(address, scope) or sight.is_common(address, scope):
        return Names(registry).place(address, scope)
    platform = PLATFORMS.get(address.channel_type, address.channel_type)
    return f"private channel {address.platform_id}, {platform}"


def where(registry: Statements, address: Address) -> str:
    """By what its conversations are: one whose scope is not known is private."""
    row = registry.execute(_SCOPE, address[:3]).fetchone()
    return place_of(registry, Shown(address, str(row[0]) if row else ""))


_SCOPE = "SELECT scope FROM sessions WHERE channel_type = ? AND workspace_id = ? AND platform_id = ? LIMIT 1"
