"""The mailboxes of sessions as a host has them open: each inbound.db behind a lock of its own, the latest kept open."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import apsw

from host.folders.disk import Disk
from host.mailbox import fence, ledger, moving, projecting, remaking, restoring, shape
from host.mailbox.inbound import InboundWriter
from host.mailbox.luggage import Luggage, outgoing
from host.mailbox.rows import Entry
from host.mailbox.spaces import Spaces
from host.registry.errands import Errands
from host.registry.port import Registry, Statements
from host.registry.sessions import Session, Sessions
from sessiondb import Damaged, Full, Unavailable
from sessiondb.errors import translated
from sessiondb.signals import Bell

log = logging.getLogger(__name__)

T = TypeVar("T")

FILLED_AT_ONCE = 1_000  # chunks of one commit that reads an older file into the ledger
OPEN_CONNECTIONS = 256  # kept inbound.db connections, 60 KiB each; the least recently used is closed


class Mailboxes:
    """Runs functions on sessions' inbound.db, one at a time per session."""

    def __init__(
        self,
        disk: Disk,
        db: Registry,
        now: Callable[[], int],
        zone: str = "UTC",
        luggage: Luggage | None = None,
    ) -> None:
        """`zone`: in which people are told times. `luggage`: by which files go along."""
        self.luggage = luggage
        self._disk = disk
        self._zone = zone
        self._db = db
        self._now = now
        self._open: OrderedDict[str, InboundWriter] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}  # of the sessions whose files are open
        self._behind: dict[str, list[Entry]] = {}
        self._said_no_fifos = False

    def behind(self, session: Session, entries: Sequence[Entry]) -> None:
        """The ledger has these, which are over; the session's file gets them with what is written there next."""
        if entries:
            self._behind.setdefault(session.id, []).extend(entries)

    async def use(self, session: Session, function: Callable[[InboundWriter], T]) -> T:
        """Runs the function on the session's inbound.db, off the loop, alone. Raises `sessiondb.SessionError`;
        `Elsewhere` where it is another node's."""
        async with session.lock:
            self._db.holding.require(session.address)
            try:
                while True:
                    writer = await self._at_hand(session)
                    self._hand_over(writer, self._behind.pop(session.id, []))
                    try:
                        return await self._disk.run(_guarded, writer, session, function)
                    except _Replaced:  # what it was handed is in the ledger, where the next connection asks
                        del self._open[session.id]
                        await self._disk.run(writer.close)
            except Damaged as error:
                if error.path == session.folder.inbound_db and session.id in self._open:
                    writer = self._open.pop(session.id)
                    await self._disk.run(writer.close)
                    await self._set_aside(session, error)
                    raise Unavailable(error.path, f"set aside, to be made again ({error.reason})") from error
                raise
            finally:
                await self._close_eldest()

    async def _at_hand(self, session: Session) -> InboundWriter:
        """The kept connection; whoever uses it looks whether its file is still the one that has this name."""
        writer = self._open.get(session.id)
        if writer is None:
            try:
                writer = await self._opened(session)
            except Damaged as error:
                await self._set_aside(session, error)
                writer = await self._opened(session)
            self._open[session.id] = writer
            self._locks[session.id] = session.lock
        self._open.move_to_end(session.id)
        return writer

    async def _opened(self, session: Session) -> InboundWriter:
        """As it should be: made again if it is younger than its session, and in step with the ledger."""
        carried, files, elsewhere = False, None, moving.is_elsewhere(session, self._db.node)
        if elsewhere:
            await self._disk.run(moving.clear, session.folder)
            carried = await restoring.restore(self._db, self._disk, session, self._now())
            session.damaged = remaking.CARRIED if carried else remaking.MOVED
            await self._bring_files(session)
            files = await self._db.read(functools.partial(remaking.files_of, session=session))
        writer = await self._disk.run(self._open_writer, session)
        try:
            await self._make_again(session, writer)
            if session.node != self._db.node:
                await self._arrive(session, writer if elsewhere else None, carried=carried, files=files)
            await self._reconcile(session, writer)
            await self._disk.run(_at, writer, session, lambda w: fence.keep_out(w, session.scope))
        except BaseException:
            await self._disk.run(writer.close)
            raise
        return writer

    async def _bring_files(self, session: Session) -> None:
        """What is on its way to people; what they sent follows before a runner starts."""
        if self.luggage is not None:
            try:
                await self.luggage.bring_along(session.id, outgoing(session.id))
            except OSError as error:
                raise Full(session.folder.outbound, error.strerror or "no file can be made") from error

    async def _arrive(
        self, session: Session, moved: InboundWriter | None, *, carried: bool, files: int | None
    ) -> None:
        """From here on its files are this node's; `moved`: they were another's."""
        node = self._db.node
        if moved is not None:
            tell = functools.partial(moving.tell, session=session, carried=carried, files=files)
            await self._disk.run(_at, moved, session, tell)

        def job(connection: Statements) -> None:
            if moved is not None:
                moving.belong(connection, session, node if carried and self._db.ties is not None else "")
            moving.arrive(connection, session, node)

        await self._db.write(job)
        session.node = self._db.node

    def _hand_over(self, writer: InboundWriter, entries: Sequence[Entry]) -> None:
        if entries:
            writer.take_along(lambda writer: projecting.bring(writer, entries, self._now()))

    async def _reconcile(self, session: Session, writer: InboundWriter) -> None:
        """A file just opened and the ledger: what is older than the ledger goes there, and what the file missed comes here."""
        after, full = ("", -1), not session.in_ledger
        while full:
            portion = await self._disk.run(_at, writer, session, _portion(after))
            full = len(portion) == FILLED_AT_ONCE
            fill = functools.partial(ledger.fill, session_id=session.id, entries=portion, last=not full)
            await self._db.write(fill)
            after = (portion[-1][0].message_out_id, portion[-1][0].chunk) if portion else after
        session.in_ledger = True
        mark = await self._disk.run(_at, writer, session, lambda w: w.mark("delivery_watermark"))
        missed = await self._db.read(lambda c: ledger.entries(c, session.id, mark))
        self._hand_over(writer, missed)

    async def _make_again(self, session: Session, writer: InboundWriter) -> None:
        """A file that is younger than its session gets what is recorded of it elsewhere."""
        new, mark = await self._disk.run(
            _at, writer, session, lambda w: (w.is_new(), w.mark("seq_high_water"))
        )
        if not new and mark >= session.seq_high_water:
            return
        why = session.damaged or remaking.LOST
        shared = self._db.holding.is_shared
        remains = await self._db.write(
            lambda c: remaking.salvage(c, session, why, self._now(), self._zone, shared=shared)
        )
        if remains is not None:
            log.log(
                logging.INFO if why == remaking.CARRIED else logging.ERROR,  # that one moved is no fault
                "inbound.db was %s; it is made again from host.db",
                why,
                extra={"action": "inbound_remade", "session": session.id},
            )
            await self._disk.run(
                _at, writer, session, lambda w: remaking.begin_again(w, session, remains, self._now())
            )
            session.seq_high_water = remains.high_water
            session.remade = True
            session.made += 1
        session.damaged = ""

    async def _set_aside(self, session: Session, error: Damaged) -> None:
        kept = await self._disk.run(_rename, session.folder.inbound_db, self._now())
        session.damaged = remaking.DAMAGED
        log.error(
            "%s; it is kept as %s", error, kept, extra={"action": "inbound_set_aside", "session": session.id}
        )

    async def let_go(self, session: Session) -> None:
        """Its files are another node's to go on with. What the ledger alone had comes here again with the next opening."""
        async with session.lock:
            self._behind.pop(session.id, None)
            self._locks.pop(session.id, None)
            if (writer := self._open.pop(session.id, None)) is not None:
                await self._disk.run(writer.close)

    async def close(self) -> None:
        """Whoever is still at a file ends first: its connection cannot be closed under a statement."""
        for id_ in list(self._open):
            async with self._locks[id_]:
                if (writer := self._open.pop(id_, None)) is not None:
                    await self._disk.run(writer.close)

    def _open_writer(self, session: Session) -> InboundWriter:
        try:
            session.folder.create()
            if not all(map(Bell.make, (session.folder.bell_to_runner, session.folder.bell_to_host))):
                self._say_no_fifos(session)
        except OSError as error:
            raise Full(session.folder.inbound_db, error.strerror or "no folder can be made") from error
        shape.must_be_files(session.folder.inbound_db)
        with translated(session.folder.inbound_db):
            writer = InboundWriter(session.folder.inbound_db, self._now)
            try:
                writer.check_tables()
            except BaseException:
                writer.close()
                raise
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
        """Whoever closes one lets others in, who open and close as well: what is left to close is looked at each time anew."""
        while len(self._open) > OPEN_CONNECTIONS:
            id_ = next((id_ for id_ in self._open if not self._locks[id_].locked()), None)
            if id_ is None:
                return
            writer = self._open.pop(id_)
            del self._locks[id_]
            await self._disk.run(writer.close)


class _Replaced(Exception):
    """The file is gone, or another one is in its place: nothing was done."""


def _guarded(writer: InboundWriter, session: Session, function: Callable[[InboundWriter], T]) -> T:
    """Errors of reads in this house's terms; a statement that finds no table meets a damaged file.

    One visit to a thread: looking at the file's name in another would cost as much as most functions do.
    """
    if not writer.is_current():
        raise _Replaced
    try:
        return _at(writer, session, function)
    finally:
        writer.rest()


def _at(writer: InboundWriter, session: Session, function: Callable[[InboundWriter], T]) -> T:
    with translated(session.folder.inbound_db):
        writer.make_certain()
        try:
            return function(writer)
        except apsw.SQLError:
            writer.check_tables()
            raise
        except (apsw.CantOpenError, apsw.IOError, Unavailable, Full):
            shape.must_be_files(session.folder.inbound_db)
            raise


def _portion(after: tuple[str, int]) -> Callable[[InboundWriter], list[Entry]]:
    return lambda writer: writer.entries(after, FILLED_AT_ONCE)


def _rename(path: Path, now: int) -> str:
    """Beside it, with its journal: left behind, that would be played back into the new file."""
    kept = f"{path.name}.damaged-{now}"
    try:
        for suffix in ("-journal", ""):
            if os.path.lexists(f"{path}{suffix}"):
                Path(f"{path}{suffix}").rename(path.with_name(f"{kept}{suffix}"))
    except OSError as error:
        raise Full(path, error.strerror or "cannot be set aside") from error
    return kept


@dataclass(frozen=True, slots=True)
class Records:
    """All that the host keeps: its own registry, the sessions in it, their mailboxes and workspaces."""

    db: Registry
    sessions: Sessions
    mailboxes: Mailboxes
    spaces: Spaces
    errands: Errands
