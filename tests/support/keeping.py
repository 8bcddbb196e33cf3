"""All that a host keeps, for parts that are tried without one."""

from __future__ import annotations

from host.mailbox.luggage import MOST, Luggage
from host.mailbox.open import Mailboxes, Records
from host.mailbox.spaces import Spaces
from host.registry.errands import Errands
from host.registry.port import Registry
from host.registry.sessions import Sessions


def records(db: Registry, sessions: Sessions, mailboxes: Mailboxes, most: int = MOST) -> Records:
    """`most`: bytes of a folder that is packed."""
    return Records(
        db,
        sessions,
        mailboxes,
        Spaces(db, sessions, Luggage(db, sessions.data, lambda: 1, most)),
        Errands(db),
    )
