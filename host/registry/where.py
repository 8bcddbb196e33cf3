"""What both engines know of a registry: which version this is, and where a data folder says that its own is."""

from __future__ import annotations

from pathlib import Path

from host.ports import faults
from sessiondb.errors import Unavailable

VERSION = 34
# Of hosts that may serve from tables of this version, by the version of their own: `VERSION`, unless the latest migration only
# adds columns and tables, and a host that knows nothing of them does no harm.
OLDEST_HOST = 33
ELSEWHERE = "database"  # in the data folder: the address of the database that its registry is in
DATABASE = Path(faults.DATABASE)  # where others name a file


class NotYet(Unavailable):
    """No host has run on this folder."""


def noted(data: Path) -> str:
    """The database's address, as the folder says (`elsewhere`); '' where its registry is host.db."""
    try:
        return (data / ELSEWHERE).read_text("utf-8").strip()
    except OSError:
        return ""
