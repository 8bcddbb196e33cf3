"""The right to serve from a database: a row that one node renews, and any other takes over once nobody has for long enough.

Time is the database's. Whoever holds the lease counts what is left of it by a clock of its own that goes on while the process
is stopped and the machine asleep, from before it asked: it knows that it is over before anybody else may take it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeAlias

import psycopg

from host.registry import nodes
from host.registry.nodes import Node
from host.registry.placing import Load
from sessiondb.errors import SessionError
from sessiondb.lease import clock as clock

log = logging.getLogger(__name__)

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

LEASE = 6.0  # s from a beat
GRACE = 2.0  # s after that: for what a standby server has not heard of, and for clocks that go apart
BEAT = 1.5  # s between two
QUICK = "SET statement_timeout = '4s'"  # a beat that waits longer is no beat
COMMITTED = "SET default_transaction_isolation = 'read committed'"  # a beat changes rows that only beats read
SERIALIZABLE = "SET default_transaction_isolation = 'serializable'"
AWAY = nodes.SILENT  # ms of silence after which a node that is heard of again has been away
FORGOTTEN = 7 * 86_400_000  # ms after which a node that is silent is not listed any more


@dataclass(frozen=True, slots=True)
class Others:
    """How one that serves beside others is ended: by itself, or by whoever sees that it has not renewed for long enough."""

    over: str  # none of those renews its lease any more
    are_over: str  # whether there are some of which not all know
    end: str  # serializable: each of their transactions was before this, or is undone
    loads: str  # what the others told that take places


@dataclass(frozen=True, slots=True)
class Right:
    """A right to serve, as a node takes it and keeps it. Statements take a node's `id` and `name`, its `epoch`, `ms` and
    `grace`, and of its load `works`, `places` and `labels`."""

    take: str  # returns the epoch; nothing while it is not to be had
    renew: str  # returns whether the node is drained; nothing once it is another's, or over
    give_back: str
    free: str  # whether `take` would return something
    epoch: str  # as it is
    others: Others | None = None  # where there are some


_NOT_DRAINED = "NOT EXISTS (SELECT FROM drained WHERE drained.node = %(id)s)"
_LIVE = "serving JOIN serving_until USING (node) WHERE live = 1 AND until + %(grace)s >= ms_now()"
_ALONE = f"NOT EXISTS (SELECT FROM {_LIVE})"
_AMONG = "NOT EXISTS (SELECT FROM lease WHERE lease.until <> 0 AND lease.until + %(grace)s >= ms_now())"
CHANNEL = "dovecote_lease"  # on which others hear that it was given back: a hint, for they look anyway
_TOLD = f"SELECT pg_notify('{CHANNEL}', '') FROM given"
_LEADERLESS = f"""
(until + %(grace)s < ms_now() OR until = 0 OR (node = %(id)s AND name = %(name)s)) AND {_NOT_DRAINED} AND {_ALONE}
"""
# One node serves all, and the others stand by.
LEADS = Right(
    take=f"""
    WITH taken AS (
        UPDATE lease SET node = %(id)s, name = %(name)s, epoch = (SELECT epoch + 1 FROM leader), until = ms_now() + %(ms)s
        WHERE {_LEADERLESS}
        RETURNING epoch
    )
    UPDATE leader SET epoch = taken.epoch FROM taken RETURNING leader.epoch
    """,
    renew="""
    UPDATE lease SET until = ms_now() + %(ms)s WHERE epoch = %(epoch)s AND epoch = (SELECT leader.epoch FROM leader)
    RETURNING EXISTS (SELECT FROM drained WHERE drained.node = lease.node)
    """,
    give_back=f"WITH given AS (UPDATE lease SET until = 0 WHERE epoch = %(epoch)s RETURNING 1) {_TOLD}",
    free=f"SELECT {_LEADERLESS} FROM lease",
    epoch="SELECT epoch FROM leader",
)
# Each node serves what it holds.
SERVES = Right(
    take=f"""
    WITH taken AS (
        INSERT INTO serving SELECT %(id)s, %(name)s, 1, 1 WHERE {_NOT_DRAINED} AND {_AMONG}
        ON CONFLICT (node) DO UPDATE SET name = excluded.name, epoch = serving.epoch + 1, live = 1
            WHERE serving.name = excluded.name OR NOT EXISTS (SELECT FROM {_LIVE} AND node = %(id)s)
        RETURNING epoch
    ), counted AS (
        INSERT INTO serving_until (node, epoch, until, labels) SELECT %(id)s, epoch, ms_now() + %(ms)s, %(labels)s FROM taken
        ON CONFLICT (node) DO UPDATE SET epoch = excluded.epoch, until = excluded.until, labels = excluded.labels,
            works = 0, places = 0
    )
    SELECT epoch FROM taken
    """,
    renew="""
    UPDATE serving_until SET until = ms_now() + %(ms)s, works = %(works)s, places = %(places)s
    WHERE node = %(id)s AND epoch = %(epoch)s AND until <> 0
    RETURNING EXISTS (SELECT FROM drained WHERE drained.node = %(id)s)
    """,
    give_back="UPDATE serving_until SET until = 0 WHERE node = %(id)s AND epoch = %(epoch)s",
    free=f"SELECT {_NOT_DRAINED} AND {_AMONG} AND NOT EXISTS (SELECT FROM {_LIVE} AND node = %(id)s AND name <> %(name)s)",
    epoch="SELECT epoch FROM serving WHERE node = %(id)s",
    others=Others(
        "UPDATE serving_until SET until = 0 WHERE until <> 0 AND until + %(grace)s < ms_now()",
        "SELECT 1 FROM serving JOIN serving_until USING (node) WHERE live = 1 AND until = 0 LIMIT 1",
        f"""
        WITH given AS (
            UPDATE serving SET live = 0, epoch = epoch + 1
            WHERE live = 1 AND node IN (SELECT node FROM serving_until WHERE until = 0) RETURNING 1
        ) {_TOLD}
        """,
        "SELECT node, name, labels, works, places FROM loads WHERE node <> %(id)s ORDER BY node",
    ),
)
_HERE = """
INSERT INTO nodes VALUES (%(id)s, %(name)s, %(version)s, ms_now(), ms_now())
ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, beat_at = excluded.beat_at,
    since = CASE WHEN nodes.beat_at + %(away)s < ms_now() THEN excluded.since ELSE nodes.since END
"""


@functools.cache
def _version() -> str:
    """Read once, before the first beat: a disk that hangs delays none."""
    return version("dovecote")


def show(connection: Connection, node: Node) -> None:
    """That it is there."""
    values = {"id": node.id, "name": node.name, "version": _version(), "away": AWAY}
    connection.execute(_HERE, values)


def take(
    connection: Connection, node: Node, right: Right = LEADS, labels: frozenset[str] = frozenset()
) -> int | None:
    """The epoch of the lease that is this node's now, or None while another has it or is to. One that was killed and comes back
    on its own folder waits for nobody: its predecessor is gone, or its folder's lock would not be had."""
    try:
        row = connection.execute(right.take.encode(), _values(node, labels=labels)).fetchone()
    except psycopg.errors.SerializationFailure:  # somebody else did just now, or renewed it
        return None
    if row is None:
        return None
    connection.execute("DELETE FROM nodes WHERE beat_at < ms_now() - %s", (FORGOTTEN,))
    return int(row[0])


def is_free(connection: Connection, node: Node, right: Right = LEADS) -> bool:
    """Whether `take` would give the lease."""
    [(free,)] = connection.execute(right.free.encode(), _values(node)).fetchall()
    return bool(free)


def epoch_of(connection: Connection, node: Node, right: Right) -> int:
    """0 for a node that never served."""
    row = connection.execute(right.epoch.encode(), _values(node)).fetchone()
    return int(row[0]) if row else 0


def loads(connection: Connection, node: Node, right: Right) -> Sequence[Load]:
    """Of the other nodes that take places, as they told with their latest beats."""
    if right.others is None:
        return ()
    rows = connection.execute(right.others.loads.encode(), _values(node)).fetchall()
    return [
        Load(id_, name, frozenset(json.loads(labels)), works, places)
        for id_, name, labels, works, places in rows
    ]


def _values(
    node: Node, epoch: int = 0, load: tuple[int, int] = (0, 0), labels: frozenset[str] = frozenset()
) -> dict[str, str | int]:
    works, places = load
    return {
        "works": works,
        "places": places,
        "labels": json.dumps(sorted(labels)),
        "id": node.id,
        "name": node.name,
        "epoch": epoch,
        "ms": int(LEASE * 1000),
        "grace": int(GRACE * 1000),
    }


def held_by(connection: Connection) -> str:
    row = connection.execute(
        "SELECT name FROM serving WHERE live = 1 UNION ALL SELECT name FROM lease LIMIT 1"
    ).fetchone()
    return str(row[0]) if row else ""


def why_not(connection: Connection, node: Node) -> str:
    """What `take` gave nothing for."""
    if connection.execute("SELECT 1 FROM drained WHERE node = %s", (node.id,)).fetchone():
        return f"this node was drained, and serves again after `dovecote drain {node.name} --undo`"
    return f"another host serves from this database: {held_by(connection)}"


@dataclass(frozen=True, slots=True)
class Told:
    """What a holder hears of its lease, in another thread."""

    gone: Callable[[], None]  # another has it
    drained: Callable[[], None] = lambda: None  # another is to have it; with each beat
    renewed: Callable[[float], None] = lambda _: None  # until when it is held, by `clock`; 0: no more
    load: Callable[[], tuple[int, int]] = lambda: (0, 0)  # asked with each beat: of works here, and places
    others: Callable[[Sequence[Load]], None] = lambda _: None  # what those told, with each beat


class Beats:
    """Renews a lease from a thread of its own, whatever else its host is busy with."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        node: Node,
        epoch: int,
        asked: float,
        told: Told,
        right: Right = LEADS,
    ) -> None:
        """`asked`: by `clock`, before the lease was asked for."""
        self._connect = connect
        self._node = node
        self._epoch = epoch
        self._told = told
        self._right = right
        self._over = 0.0
        self._until(asked + LEASE)
        self._connection: Connection | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._thread.start()

    @property
    def holds(self) -> bool:
        """Whether nobody else can have it by now."""
        return clock() < self._over

    def end(self, *, giving_back: bool) -> None:
        """Blocks. After it nobody renews; given back, the next one takes it at once."""
        self._ending.set()
        self._thread.join()
        self._until(0.0)
        try:
            if giving_back:
                self._at_hand().execute(self._right.give_back.encode(), _values(self._node, self._epoch))
                self._end_others(self._at_hand())
        except (SessionError, psycopg.Error) as error:
            log.warning("The lease runs out by itself: %s", error, extra={"action": "lease_left"})
        self._close()

    def _until(self, over: float) -> None:
        self._over = over
        self._told.renewed(over)

    def _run(self) -> None:
        while not self._ending.wait(BEAT):
            asked = clock()
            try:
                connection = self._at_hand()
                values = _values(self._node, self._epoch, self._told.load())
                renewed = connection.execute(self._right.renew.encode(), values).fetchone()
                if renewed is None:
                    self._until(0.0)
                    self._told.gone()
                    return
                self._until(asked + LEASE)
                if renewed[0]:
                    self._told.drained()
                show(connection, self._node)
                self._end_others(connection)
                self._told.others(loads(connection, self._node, self._right))
            except (SessionError, psycopg.Error) as error:
                log.warning("A beat failed: %s", error, extra={"action": "beat_failed"})
                self._close()

    def _end_others(self, connection: Connection) -> None:
        others, values = self._right.others, _values(self._node)
        if others is None:
            return
        connection.execute(others.over.encode(), values)
        if connection.execute(others.are_over.encode()).fetchone() is None:
            return
        connection.execute(SERIALIZABLE)
        with contextlib.suppress(psycopg.errors.SerializationFailure):  # another did just now, or will
            connection.execute(others.end.encode())
        connection.execute(COMMITTED)

    def _at_hand(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            self._connection.execute(QUICK)
            if self._right.others is not None:
                self._connection.execute(COMMITTED)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
