"""A session's inbound.db as a whole: which file it is, whether it is one, and whether it has the tables that it should."""

from __future__ import annotations

import contextlib
import os
import stat
from functools import cache
from pathlib import Path
from typing import Any

import apsw

from sessiondb.connection import schema_sql
from sessiondb.contract import CONTRACT
from sessiondb.errors import Damaged

_COLUMNS = (
    "SELECT made.type, made.name, has.name FROM sqlite_schema AS made LEFT JOIN pragma_table_info(made.name) AS has"
    " WHERE made.name NOT LIKE 'sqlite_%'"
)


def has_all_tables(connection: apsw.Connection) -> bool:
    """With all their columns, and nothing that would do something else than a statement says."""
    found = set(connection.execute(_COLUMNS).fetchall())
    foreign = {kind for kind, _, _ in found - _expected()}
    return _expected() <= found and foreign.isdisjoint(("trigger", "view"))


@cache
def _expected() -> frozenset[tuple[Any, ...]]:
    connection = apsw.Connection(":memory:")
    try:
        for version in range(1, CONTRACT + 1):
            connection.execute(schema_sql("inbound", version))
        return frozenset(connection.execute(_COLUMNS).fetchall())
    finally:
        connection.close()


def identity(path: Path) -> tuple[int, int]:
    """(0, 0) for a file that is not there; lstat only, for closing it would drop SQLite's locks."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def made(path: Path) -> tuple[int, int]:
    """Its identity before SQLite opens it: taken later, one that is removed or exchanged meanwhile would pass for it for
    ever. What is not there is made, empty, as SQLite does; what cannot be made SQLite says better."""
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    return identity(path)


def must_be_files(path: Path) -> None:
    """A folder, link or FIFO in the place of the file or of its journal is damage: opening it would fail for ever, or wait.

    Raises `Damaged`.
    """
    for each in (path, Path(f"{path}-journal")):
        try:
            mode = os.lstat(each).st_mode
        except OSError:
            continue  # not there, or out of reach: SQLite says what
        if not stat.S_ISREG(mode):
            raise Damaged(path, f"{each.name} is no regular file")
