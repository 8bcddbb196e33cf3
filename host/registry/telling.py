"""Telling other nodes by NOTIFY, for who would look a little later anyway (`hints`).

Never within a transaction that matters: from its NOTIFY until the disk has its commit, no other transaction of the whole server
that tells something can commit. A transaction that does nothing else waits for no disk. A crash in between leaves it unsaid,
and those look. What is rare tells within its own: a lease that is given back or over (`leases`), and what somebody set, which
triggers tell whoever changes it (`tidings`), be it a command that nobody could make tell behind its commit.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import psycopg

from host.registry.leases import Connection

log = logging.getLogger(__name__)

_TELL = "SELECT pg_notify(%s, '')"


def tell(connection: Connection, channels: Sequence[str]) -> None:
    """Between transactions. Whoever cannot be told is not."""
    try:
        for channel in channels:
            connection.execute(_TELL, (channel,))
    except psycopg.Error as error:
        log.debug("Nothing was told: %s", error)
        connection.close()
