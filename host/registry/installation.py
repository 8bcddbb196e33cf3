"""What a data folder knows of itself: its id, and what a restore left to remember."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from host.registry import resumption
from host.registry.port import Statements
from host.registry.resumption import Lapse


@dataclass(frozen=True, slots=True)
class Installation:
    """`id` tells this folder's runners from every other installation's; minted once."""

    id: str
    lapse: Lapse


def load(connection: Statements) -> Installation:
    """A job on the registry."""
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('installation', ?)", (secrets.token_hex(6),))
    row = connection.execute("SELECT value FROM meta WHERE key = 'installation'").fetchone()
    return Installation(str(row[0]) if row else "", resumption.lapse(connection))
