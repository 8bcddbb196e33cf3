"""What stands in a file of a session whose owner is at it."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from sessiondb.connection import open_reader
from sessiondb.errors import Missing, Unavailable
from tests.support.waiting import DEADLINE


def rows(path: Path, sql: str, bindings: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """Of one that is being made there are none yet. Who is in the middle of a commit is waited for, longer than the product
    waits, for the disk of a machine under load takes seconds."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            with closing(open_reader(path)) as connection:
                return connection.execute(sql, bindings).fetchall()
        except Missing:
            return []
        except (Unavailable, apsw.BusyError):
            if time.monotonic() > end:
                raise
