"""What the database tells by NOTIFY, for who would look a little later anyway (law 3)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import psycopg

from host.folders.disk import Disk
from host.registry.leases import QUICK, Connection
from host.registry.postgresql import connect
from sessiondb.errors import SessionError

log = logging.getLogger(__name__)


def listening(url: str, channel: str) -> Connection:
    """A connection that is told of the channel. Blocks. Raises `SessionError`."""
    made = connect(url)
    try:
        made.execute(QUICK)
        made.execute(f"LISTEN {channel}")
    except BaseException:
        made.close()
        raise
    return made


@contextlib.contextmanager
def heard(connection: Connection | None, hint: asyncio.Event) -> Iterator[None]:
    """The server's word, or the end of the connection, sets `hint`."""
    if connection is None:
        yield
        return
    loop, descriptor = asyncio.get_running_loop(), connection.fileno()
    loop.add_reader(descriptor, hint.set)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


class Hints:
    """Of one channel, on a connection of its own, which is made again when it was lost."""

    def __init__(self, url: str, channel: str, disk: Disk) -> None:
        self._url = url
        self._channel = channel
        self._disk = disk
        self._connection: Connection | None = None

    async def wait(self, seconds: float) -> None:
        """Until something was told since the last return, the connection is lost, or the time is over."""
        hint = asyncio.Event()
        told = await self._disk.run(self._read)
        if told:
            return
        with heard(self._connection, hint), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await hint.wait()

    async def close(self) -> None:
        await self._disk.run(self._close)

    def _read(self) -> bool:
        """Whether something was told that nobody has heard of yet; what is told from now on makes the socket readable."""
        try:
            if self._connection is None:
                self._connection = listening(self._url, self._channel)
                return True  # nobody listened until now
            return bool(list(self._connection.notifies(timeout=0)))
        except (SessionError, psycopg.Error) as error:
            log.debug("Nothing is told: %s", error)
            self._close()
            return False

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
