"""The mailboxes of sessions as a host has them open: each inbound.db behind a lock of its own, the latest kept open."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from host.folders.disk import Disk
from host.mailbox.inbound import InboundWriter
from host.registry.port import Registry
from host.registry.sessions import Session, Sessions
from sessiondb import Full
from sessiondb.signals import Bell

log = logging.getLogger(__name__)

T = TypeVar("T")

OPEN_CONNECTIONS = 256  # kept inbound.db connections, 104 KiB each; the least recently used is closed


class Mailboxes:
    """Runs functions on sessions' inbound.db, one at a time per session."""

    def __init__(self, disk: Disk, now: Callable[[], int]) -> None:
        self._disk = disk
        self._now = now
        self._open: OrderedDict[str, InboundWriter] = OrderedDict()
        self._said_no_fifos = False

    async def use(self, session: Session, function: Callable[[InboundWriter], T]) -> T:
        """Runs the function on the session's inbound.db, off the loop, alone. Raises `sessiondb.SessionError`."""
        async with session.lock:
            writer = self._open.pop(session.id, None)
            if writer is None:
                writer = await self._disk.run(self._open_writer, session)
            try:
                return await self._disk.run(function, writer)
            finally:
                self._open[session.id] = writer
                await self._close_eldest()

    async def close(self) -> None:
        while self._open:
            _, writer = self._open.popitem()
            await self._disk.run(writer.close)

    def _open_writer(self, session: Session) -> InboundWriter:
        try:
            session.folder.create()
            if not all(map(Bell.make, (session.folder.bell_to_runner, session.folder.bell_to_host))):
                self._say_no_fifos(session)
        except OSError as error:
            raise Full(session.folder.inbound_db, error.strerror or "no folder can be made") from error
        writer = InboundWriter(session.folder.inbound_db, self._now)
        if writer.mark("seq_high_water") < session.seq_high_water:
            log.error(
                "inbound.db was lost or is an old one; what it held is not delivered again",
                extra={"action": "inbound_lost", "session": session.id},
            )
            writer.begin_above(session.seq_high_water)
        return writer

    def _say_no_fifos(self, session: Session) -> None:
        if not self._said_no_fifos:
            self._said_no_fifos = True
            log.warning(
                "The file system of %s has no FIFOs: there are no bells, and polling finds everything a little later",
                session.folder.root,
                extra={"action": "no_fifos"},
            )

    async def _close_eldest(self) -> None:
        while len(self._open) > OPEN_CONNECTIONS:
            _, writer = self._open.popitem(last=False)
            await self._disk.run(writer.close)


@dataclass(frozen=True, slots=True)
class Records:
    """All that the host keeps: its own registry, the sessions in it, and their mailboxes."""

    db: Registry
    sessions: Sessions
    mailboxes: Mailboxes
