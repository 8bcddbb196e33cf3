"""What a data folder knows of itself: its id, and what a restore left to remember."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from host.registry import meta, resumption
from host.registry.port import Statements
from host.registry.resumption import Lapse
from sessiondb.contract import CONTRACT


@dataclass(frozen=True, slots=True)
class Installation:
    """`id` tells this folder's runners from every other installation's; minted once."""

    id: str
    lapse: Lapse


def load(connection: Statements) -> Installation:
    """A job on the registry."""
    connection.execute(
        "INSERT INTO meta VALUES ('installation', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(6),)
    )
    # Conversations' files are brought to it one by one, as they are opened: from now on no earlier version reads them all.
    meta.put(connection, "contract", str(CONTRACT))
    row = connection.execute("SELECT value FROM meta WHERE key = 'installation'").fetchone()
    return Installation(str(row[0]) if row else "", resumption.lapse(connection))
