"""A folder's records move from its host.db into a database, or back. Its host does not run: the caller has the folder's lock.

Whoever is killed in between begins again with the same command, and no host serves meanwhile. The order, into a database:

    the rows, with the mark "from" this node    one transaction; before it host.db is all there is
    the folder's note                           host.db and a note: no host starts, neither with the database nor without
    host.db is set aside                        the database is all there is
    the mark goes                               hosts may serve from it

and back: the mark "to" this node, after which no host serves from the database; host.db, whole; the note goes. That
mark stays, for what the database has is older from then on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
from psycopg import sql

from host.registry import dialect, leases, meta, nodes, stones
from host.registry.db import open_host_db
from host.registry.leases import Beats, Connection
from host.registry.nodes import Led, Node
from host.registry.postgresql import MOVING, Session, connect, migrate, translated
from host.registry.where import DATABASE, ELSEWHERE, NotYet, noted
from sessiondb import connection as sqlite
from sessiondb.errors import Damaged, Unavailable
from sessiondb.errors import translated as translated_here

HOST_DB = "host.db"
DRAFT = "host.db.moving"
BATCH = 2_000  # rows that are read at a time
_DROP_COPIES = "DELETE FROM mailbox_copies WHERE session_id IN (SELECT id FROM sessions WHERE node = ?)"
_DROP_PORTIONS = "DELETE FROM packed_portions WHERE place IN (SELECT place FROM packed WHERE node = ?)"
_DROP_PACKS = "DELETE FROM packed WHERE node = ?"
UNBOUNDED = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0"


@dataclass(frozen=True, slots=True)
class Moved:
    tables: int
    rows: int
    aside: Path | None = None  # the host.db that was, in the same folder
    left: int = 0  # conversations whose files are on another machine: they begin anew


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: tuple[str, ...]

    @property
    def there(self) -> sql.Composed:
        """Its name and columns, as PostgreSQL reads them."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return sql.SQL("{} ({})").format(sql.Identifier(self.name), columns)

    @property
    def here(self) -> str:
        """Its columns, as SQLite reads them."""
        return ", ".join(f'"{column}"' for column in self.columns)


def into_database(data: Path, url: str) -> Moved:
    """Raises `SessionError`, also for a database that has records already, and `OSError`."""
    file, at = data / HOST_DB, noted(data)
    if not file.exists() and not at:
        raise NotYet(file, f"not there yet: no host has run on {data.resolve()}")
    if at not in ("", url):
        raise Unavailable(DATABASE, f"a move into {at} was begun: end that one first")
    node = nodes.own(data)
    with closing(connect(url)) as database, _leading(database, url, node) as epoch, translated():
        mark = _mark(database)
        if at and mark == _to(node):
            raise Unavailable(DATABASE, "a move back to host.db was begun: end it with --to host.db")
        if not file.exists() and mark != _from(node):
            raise Unavailable(DATABASE, f"the records of this folder are in {at} already")
        moved, aside = _set_aside(data) if not file.exists() else ((0, 0), None)
        if aside is None:
            with closing(open_host_db(file)) as records, translated_here(file):
                moved = _counted(records) if at else _filled(database, records, node, epoch)
            nodes.keep(data / ELSEWHERE, url)
            aside = file.with_name(f"{HOST_DB}.moved-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
            file.rename(aside)
            sqlite.sync(data)
        _put_mark(database, epoch, "")
    return Moved(*moved, aside)


def _set_aside(data: Path) -> tuple[tuple[int, int], Path]:
    """The latest host.db that was, of a move that was killed before its mark went. Raises `Unavailable`."""
    found = sorted(data.glob(f"{HOST_DB}.moved-*"))
    if not found:
        raise Unavailable(
            data / HOST_DB, "it is neither there nor set aside: put it back from where it was taken to"
        )
    with (
        closing(apsw.Connection(str(found[-1]), flags=apsw.SQLITE_OPEN_READONLY)) as records,
        translated_here(found[-1]),
    ):
        return _counted(records), found[-1]


def into_file(data: Path) -> Moved:
    """A conversation that another machine went on with stays that machine's: this one takes it over as a node does. Raises
    `SessionError` and `OSError`."""
    file, url = data / HOST_DB, noted(data)
    if not url:
        raise Unavailable(DATABASE, f"the records of {data.resolve()} are in no database")
    node = nodes.own(data)
    with closing(connect(url)) as database, _leading(database, url, node) as epoch, translated():
        mark = _mark(database)
        if mark not in ("", _to(node)):
            raise Unavailable(
                DATABASE, "its records are being moved: end that with the command that began it"
            )
        if file.exists() and not mark:
            raise Unavailable(
                file, f"there is one, and a note that the records are in {url}: set one of them aside"
            )
        if not file.exists():
            _leave(database, epoch, node)
            _draft(database, data, node)
            (data / DRAFT).rename(file)
            sqlite.sync(data)
        with closing(open_host_db(file)) as records, translated_here(file):
            moved = _counted(records)
            elsewhere = "SELECT count(*) FROM sessions WHERE node NOT IN ('', ?)"
            [(left,)] = records.execute(elsewhere, (node.id,)).fetchall()
        (data / ELSEWHERE).unlink()
        sqlite.sync(data)
    return Moved(*moved, left=int(str(left)))


@contextmanager
def _leading(database: Connection, url: str, node: Node) -> Iterator[int]:
    """No other host serves meanwhile; yields the epoch. Raises `Led` while one does."""
    with translated():
        stones.lay(database)
    with translated():
        database.execute(UNBOUNDED)
        leases.show(database, node)
        asked = leases.clock()
        epoch = leases.take(database, node)
        if epoch is None:
            raise Led(DATABASE, f"{leases.why_not(database, node)}; end that first")
    beats = Beats(lambda: connect(url), node, epoch, asked, leases.Told(lambda: None))
    try:
        migrate(database)
        yield epoch
    finally:
        beats.end(giving_back=True)


def _from(node: Node) -> str:
    return f"from {node.id}"


def _to(node: Node) -> str:
    return f"to {node.id}"


def _mark(database: Connection) -> str:
    row = database.execute("SELECT value FROM meta WHERE key = %s", (MOVING,)).fetchone()
    return str(row[0]) if row else ""


def _put_mark(database: Connection, epoch: int, mark: str) -> None:
    with database.transaction():
        if mark:
            meta.put(Session(database), MOVING, mark)
        else:
            database.execute("DELETE FROM meta WHERE key = %s", (MOVING,))
        _check(database, epoch)


def _leave(database: Connection, epoch: int, node: Node) -> None:
    """With the mark nodes that stand by take nothing in any more; what they took in before is dealt with first, for it was
    acknowledged. Raises `Unavailable` while there is any."""
    with database.transaction():
        # Whoever keeps something at this moment is waited for.
        database.execute("LOCK TABLE taken_in IN SHARE MODE")
        [(left,)] = database.execute("SELECT count(*) FROM taken_in WHERE answer IS NULL").fetchall()
        if left:
            raise Unavailable(
                DATABASE,
                f"{left} that other nodes took in are not dealt with: let a host serve from it first",
            )
        _put_mark(database, epoch, _to(node))


def _check(database: Connection, epoch: int) -> None:
    [(found,)] = database.execute("SELECT epoch FROM leader").fetchall()
    if found != epoch:
        raise Led(DATABASE, "another host serves from it by now: nothing was moved")


def _tables(records: apsw.Connection) -> list[_Table]:
    names = records.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return [
        _Table(
            str(name),
            tuple(str(row[0]) for row in records.execute("SELECT name FROM pragma_table_info(?)", (name,))),
        )
        for (name,) in sorted(names.fetchall())
    ]


def _counted(records: apsw.Connection) -> tuple[int, int]:
    tables = _tables(records)
    return len(tables), sum(_rows_here(records, table) for table in tables)


def _rows_here(records: apsw.Connection, table: _Table) -> int:
    [(count,)] = records.execute(f'SELECT count(*) FROM "{table.name}"').fetchall()
    return int(str(count))


# ── into a database ──────────────────────────────────────────────────────────────────────────────────────


def _filled(database: Connection, records: apsw.Connection, node: Node, epoch: int) -> tuple[int, int]:
    """All of it in one transaction, counted at its end."""
    [(found,)] = records.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise Damaged(Path(records.filename), str(found))
    tables = _tables(records)
    with database.transaction():
        mark = _mark(database)
        [(used,)] = database.execute("SELECT EXISTS (SELECT FROM meta)").fetchall()
        if mark not in (_from(node), _to(node)) and used:
            raise Unavailable(DATABASE, "it has records already: make an empty database for these")
        names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
        database.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names))
        for table in tables:
            _fill(database, records, table)
        _go_on_counting(database, records)
        database.execute("UPDATE sessions SET node = %s", (node.id,))
        meta.put(Session(database), MOVING, _from(node))
        _check(database, epoch)
    return _counted(records)


def _fill(database: Connection, records: apsw.Connection, table: _Table) -> None:
    with database.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table.there)) as copy:
        for row in records.execute(f'SELECT {table.here} FROM "{table.name}"'):
            copy.write_row([dialect.value(one) for one in row])
    [(there,)] = database.execute(
        sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name))
    ).fetchall()
    if there != (here := _rows_here(records, table)):
        raise Unavailable(DATABASE, f"{there} of {here} rows of {table.name} arrived: nothing was moved")


def _go_on_counting(database: Connection, records: apsw.Connection) -> None:
    """An id is never given twice, though its row is gone."""
    last = {
        str(name): int(str(seq)) for name, seq in records.execute("SELECT name, seq FROM sqlite_sequence")
    }
    for table, column, sequence in _identities(database):
        [(most,)] = database.execute(
            sql.SQL("SELECT coalesce(max({}), 0) FROM {}").format(
                sql.Identifier(column), sql.Identifier(table)
            )
        ).fetchall()
        if number := max(most, last.get(table, 0)):
            database.execute("SELECT setval(%s, %s)", (sequence, number))


def _identities(database: Connection) -> list[tuple[str, str, str]]:
    """Table, column and sequence of the ids that the database counts."""
    found = database.execute(
        "SELECT table_name, column_name, pg_get_serial_sequence(quote_ident(table_name), column_name)"
        " FROM information_schema.columns WHERE is_identity = 'YES' AND table_schema = current_schema()"
    ).fetchall()
    return [(str(table), str(column), str(sequence)) for table, column, sequence in found]


# ── back ─────────────────────────────────────────────────────────────────────────────────────────────────


def _draft(database: Connection, data: Path, node: Node) -> None:
    """A whole host.db under another name. Copies of what lies in this very folder nobody needs or keeps up any more."""
    draft = data / DRAFT
    for path in (draft, *(draft.with_name(f"{DRAFT}{end}") for end in ("-wal", "-shm"))):
        with suppress(FileNotFoundError):  # of one that was killed
            path.unlink()
    with closing(open_host_db(draft)) as records, translated_here(draft):
        with sqlite.transaction(records, draft), database.transaction():
            for table in _tables(records):
                _draw(database, records, table)
            records.execute("DELETE FROM meta WHERE key = ?", (MOVING,))
            for statement in (_DROP_COPIES, _DROP_PORTIONS, _DROP_PACKS):
                records.execute(statement, (node.id,))
            records.execute("UPDATE sessions SET carried = '' WHERE node = ?", (node.id,))
            for name, _, sequence in _identities(database):
                [(last, called)] = database.execute(
                    sql.SQL("SELECT last_value, is_called FROM {}").format(sql.SQL(sequence))
                ).fetchall()
                _count_on(records, name, int(last) if called else 0)
        records.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _draw(database: Connection, records: apsw.Connection, table: _Table) -> None:
    records.execute(f'DELETE FROM "{table.name}"')
    places = ", ".join("?" for _ in table.columns)
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    with database.cursor(name="moving") as cursor:
        cursor.itersize = BATCH
        cursor.execute(sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(table.name)))
        rows: Iterator[Sequence[Any]] = iter(cursor)
        records.executemany(f'INSERT INTO "{table.name}" ({table.here}) VALUES ({places})', rows)


def _count_on(records: apsw.Connection, table: str, last: int) -> None:
    """SQLite keeps a number of those tables alone that never give one twice."""
    records.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (last, table))
    if last and not records.changes():
        sure = "SELECT 1 FROM sqlite_master WHERE name = ? AND sql LIKE '%AUTOINCREMENT%'"
        if records.execute(sure, (table,)).fetchone():
            records.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))
