"""Commands beside the hosts of a database, on connections of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from host.registry.leases import Connection
from host.registry.postgresql import Session, connect, require_fit, translated
from host.registry.where import DATABASE as NAME
from host.registry.where import VERSION, NotYet
from sessiondb.errors import Incompatible


class Beside(Session):
    def transaction(self) -> AbstractContextManager[Any]:
        transaction: AbstractContextManager[Any] = self._connection.transaction()
        return transaction

    def close(self) -> None:
        self._connection.close()


def beside(url: str, *, writes: bool) -> Beside:
    """Beside a running host. Raises `SessionError`; `NotYet` where none has run."""
    connection = connect(url)
    try:
        with translated():
            _require_there(connection)
            if (found := require_fit(connection)) < VERSION:
                raise Incompatible(NAME, found, VERSION)
            if not writes:
                connection.execute("SET default_transaction_read_only = on")
    except BaseException:
        connection.close()
        raise
    return Beside(connection)


def _require_there(connection: Connection) -> None:
    [(there,)] = connection.execute("SELECT to_regclass('drained') IS NOT NULL").fetchall()
    if not there:
        raise NotYet(NAME, "not there yet: no host of this version has run on this database")


@contextmanager
def among_nodes(url: str) -> Iterator[Beside]:
    """As one transaction, for what hosts of several versions share: `nodes`, and none of the registry's tables. Raises
    `SessionError`; `NotYet` where no host has run."""
    connection = connect(url)
    try:
        with translated(), connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")  # beats go on meanwhile
            _require_there(connection)
            yield Beside(connection)
    finally:
        connection.close()


@contextmanager
def writing(url: str, *, whole: bool) -> Iterator[Beside]:
    """`whole`: as one transaction. Raises `SessionError`."""
    connection = beside(url, writes=True)
    try:
        with translated(), connection.transaction() if whole else nullcontext():
            yield connection
    finally:
        connection.close()
