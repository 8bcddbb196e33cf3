"""Several hosts on one database: whatever becomes of one of them, nothing is lost, and nothing is said or done twice."""

from __future__ import annotations

import random

import pytest

from tests.simulation.nodes import SEEDS, THERE
from tests.simulation.processes import Process
from tests.support.tracing import untraced

if not THERE:
    pytest.skip("PostgreSQL's library is not installed", allow_module_level=True)

import psycopg

from tests.simulation.nodes.run import run
from tests.simulation.nodes.server import Connection, Server


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_every_law_holds_whatever_becomes_of_a_node(seed: int) -> None:
    with untraced():
        outcome = run(seed)
    assert not outcome.violations, outcome.report()


def test_what_another_node_took_in_is_not_overtaken_by_what_comes_to_the_one_that_stores_it() -> None:
    """In 8 the later of two messages came to the node that holds the channel, and was stored from memory."""
    with untraced():
        outcome = run(8)
    assert not outcome.violations, outcome.report()


def test_the_server_keeps_what_it_committed_and_forgets_what_was_undone() -> None:
    server, process = _server(), Process("host", "one", lambda *_: None)
    connection = Connection(server, process)
    connection.execute("BEGIN")
    with pytest.raises(psycopg.OperationalError, match="by now"), connection.transaction():
        _undone(connection)
    connection.execute(b"INSERT INTO meta (key, value) VALUES (%(n1)s, '')", {"n1": "kept"})
    connection.execute("COMMIT")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO meta (key, value) VALUES ('left open', '')")
    connection.close()
    assert server.rows("SELECT key FROM meta") == [("kept",)]


def test_a_node_that_is_cut_off_loses_its_connection() -> None:
    server, process = _server(), Process("host", "one", lambda *_: None)
    process.node = "node-a"
    connection = Connection(server, process)
    server.cut.add("node-a")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    assert connection.closed


def _undone(connection: Connection) -> None:
    connection.execute("INSERT INTO meta (key, value) VALUES ('undone', '')")
    raise psycopg.OperationalError("by now")


def _server() -> Server:
    return Server(random.Random(1), lambda: 0, lambda _: None)
