"""What nodes share in a database beside the registry's own tables: made once, by whoever comes first."""

from __future__ import annotations

from importlib import resources

from host.registry.leases import Connection

LOCK = 0x446F_7665 << 32  # an advisory lock's number: of whoever makes them
SCHEMA = resources.files("host.registry").joinpath("schema")
# What SQLite brings with it and who leads; who else is there; who of them may lead; what those took in that do not; who serves a
# part; what one has another do. Each is known by a table of its own.
STONES = (
    ("leader", "postgresql.sql"),
    ("lease", "nodes.sql"),
    ("drained", "drained.sql"),
    ("taken_in", "taken_in.sql"),
    ("serving", "serving.sql"),
    ("errands", "errands.sql"),
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
