"""What nodes share in a database beside the registry's own tables: made once, by whoever comes first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import psycopg

from host.registry.leases import Connection

LOCK = 0x446F_7665 << 32  # an advisory lock's number: of whoever makes them
MAKING, TURN = LOCK + 1, LOCK + 2
SCHEMA = resources.files("host.registry").joinpath("schema")
# What SQLite brings with it and who leads; who else is there; who of them may lead; what those took in that do not; who serves a
# part; what one has another do; by what they share places out. Each is known by a table or a view of its own.
STONES = (
    ("leader", "postgresql.sql"),
    ("lease", "nodes.sql"),
    ("drained", "drained.sql"),
    ("taken_in", "taken_in.sql"),
    ("serving", "serving.sql"),
    ("errands", "errands.sql"),
    ("loads", "placing.sql"),
)


def lay(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        for table, file in STONES:
            [(there,)] = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchall()
            if not there:
                connection.execute(SCHEMA.joinpath(file).read_bytes())


def have_told(connection: Connection) -> None:
    """After migrations: whoever changes what hosts keep in memory tells those that serve (`tidings`)."""
    text = SCHEMA.joinpath("tidings.sql").read_bytes()
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        [(found,)] = connection.execute("SELECT count(*) FROM pg_trigger WHERE tgname = 'tidings'").fetchall()
        if found != text.count(b"CREATE OR REPLACE TRIGGER"):
            connection.execute(text)


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """One node at a time makes tables; asked for before a transaction, which sees what there was when it began."""
    connection.execute("SET statement_timeout = 0")
    connection.execute("SET lock_timeout = '60s'")
    connection.execute("SELECT pg_advisory_lock(%s)", (MAKING,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (MAKING,))
            connection.execute("RESET statement_timeout")
            connection.execute("RESET lock_timeout")


@contextmanager
def in_turn(connection: Connection) -> Iterator[None]:
    """Before a transaction that others undid: none of those goes on at a time. Nobody waits long for a node that was stopped."""
    connection.execute("SET lock_timeout = '2s'")
    held = True
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (TURN,))
    except psycopg.errors.LockNotAvailable:
        held = False
    connection.execute("RESET lock_timeout")
    try:
        yield
    finally:
        if held and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (TURN,))
