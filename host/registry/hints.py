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
        with self._heard(hint), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await hint.wait()

    async def close(self) -> None:
        await self._disk.run(self._close)

    @contextlib.contextmanager
    def _heard(self, hint: asyncio.Event) -> Iterator[None]:
        if self._connection is None:
            yield
            return
        loop, descriptor = asyncio.get_running_loop(), self._connection.fileno()
        loop.add_reader(descriptor, hint.set)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)

    def _read(self) -> bool:
        """Whether something was told that nobody has heard of yet; what is told from now on makes the socket readable."""
        try:
            if self._connection is None:
                self._connection = connect(self._url)
                self._connection.execute(QUICK)
                self._connection.execute(f"LISTEN {self._channel}")
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
