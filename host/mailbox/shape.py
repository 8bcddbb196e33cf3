"""A session's inbound.db as a whole: which file it is, and whether it has the tables that it should."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import apsw

from sessiondb.connection import schema_sql
from sessiondb.contract import CONTRACT

_TABLES = "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"


def has_all_tables(connection: apsw.Connection) -> bool:
    return set(_expected()) <= set(connection.execute(_TABLES).fetchall())


@cache
def _expected() -> list[tuple[Any, ...]]:
    connection = apsw.Connection(":memory:")
    try:
        for version in range(1, CONTRACT + 1):
            connection.execute(schema_sql("inbound", version))
        return connection.execute(_TABLES).fetchall()
    finally:
        connection.close()


def identity(path: Path) -> tuple[int, int]:
    """(0, 0) for a file that is not there; lstat only, for closing it would drop SQLite's locks."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
