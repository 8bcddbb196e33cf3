"""Sessions: the registry in host.db, and each session's files behind a lock of its own."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from host.folders.disk import Disk
from host.mailbox.inbound import InboundWriter
from host.ports.events import InboundEvent, Privacy
from host.registry.port import Statements
from sessiondb import Full, SessionFolder
from sessiondb.records import Address
from sessiondb.signals import Bell

log = logging.getLogger(__name__)

T = TypeVar("T")

OWN_THREADS = ("user:", "task:")  # how thread ids begin that no platform knows
OPEN_CONNECTIONS = 256  # kept inbound.db connections, 104 KiB each; the least recently used is closed


@dataclass(eq=False)
class Session:
    """One conversation with one agent. One instance per id and process."""

    id: str
    agent: str
    address: Address
    scope: str
    folder: SessionFolder
    seq_high_water: int = 0  # as host.db knew it when the session was loaded
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    unreadable: str = ""  # why outbound.db is quarantined, '' when it is not

    @property
    def place(self) -> Address:
        """Where to say something to its people: some sessions' threads are names of the host's own."""
        return room(self.address)


def session_id(agent: str, address: Address) -> str:
    """Derived from what makes it unique. Short, because a socket's path holds at most 107 bytes."""
    digest = hashlib.sha256("\x1f".join((agent, *address)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"s{digest[:20]}"


def privacy_scope(event: InboundEvent) -> str:
    """What may share memory and files: one person's DMs, one private channel, or a workspace's public channels."""
    return scope_name(event.privacy, event.address, event.author.id)


def scope_name(privacy: Privacy, address: Address, user_id: str) -> str:
    kept = {"dm": f"dm-{user_id}", "private": f"private-{address.platform_id}", "public": "public"}[privacy]
    raw = f"{address.channel_type}-{address.workspace_id}-{kept}"
    readable = "".join(c if c.isalnum() or c in "-_" else "_" for c in raw)[:80]
    return f"{readable}-{hashlib.sha256(raw.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def room(address: Address) -> Address:
    """Where people read what is said about the session of this address: the channel, if its thread is the host's own."""
    return address._replace(thread_id="") if address.thread_id.startswith(OWN_THREADS) else address


def upsert(
    connection: Statements, agent: str, address: Address, scope: str, now: int, *, moves: bool = False
) -> str:
    """Inside a transaction of host.db: makes the session if need be and marks it busy before any work is written.

    `moves`: the scope holds from now on, for a channel may have become private or public since the session was made.
    """
    id_ = session_id(agent, address)
    connection.execute(
        "INSERT INTO sessions (id, agent, channel_type, workspace_id, platform_id, thread_id, scope, created_at, active_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET busy = 1, work = work + 1, active_at = excluded.active_at",
        (id_, agent, *address, scope, now, now),
    )
    if moves:
        connection.execute("UPDATE sessions SET scope = ?1 WHERE id = ?2 AND scope <> ?1", (scope, id_))
    return id_


def mark_busy(connection: Statements, id_: str) -> None:
    """Inside a transaction of host.db: there is work for the session, or will be at once."""
    connection.execute("UPDATE sessions SET busy = 1, work = work + 1 WHERE id = ?", (id_,))


_COLUMNS = "id, agent, channel_type, workspace_id, platform_id, thread_id, scope, seq_high_water"


class Sessions:
    """Loads sessions by id and runs functions on their inbound.db, one at a time per session."""

    def __init__(self, data: Path, disk: Disk, now: Callable[[], int]) -> None:
        self._data = data
        self._disk = disk
        self._now = now
        self._known: dict[str, Session] = {}
        self._open: OrderedDict[str, InboundWriter] = OrderedDict()

    def load(
        self, connection: Statements, where: str = "busy = 1", bindings: tuple[str | int, ...] = ()
    ) -> list[Session]:
        """For a job on host.db."""
        rows = connection.execute(f"SELECT {_COLUMNS} FROM sessions WHERE {where}", bindings).fetchall()
        return [self._session([str(column) for column in row]) for row in rows]

    def get(self, id_: str) -> Session | None:
        return self._known.get(id_)

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

    def shared(self, session: Session) -> Path:
        """What the conversations of its privacy scope keep together."""
        return self._data / "workspaces" / session.agent / session.scope

    def agent_folder(self, session: Session) -> Path:
        """Instructions and skills that an operator put there; need not exist."""
        return self._data / "agents" / session.agent

    def _session(self, row: Sequence[str]) -> Session:
        id_, agent, channel, workspace, platform, thread, scope, high_water = row
        known = self._known.get(id_)
        if known is None:
            folder = SessionFolder(self._data / "sessions" / id_)
            address = Address(channel, workspace, platform, thread)
            known = Session(id_, agent, address, scope, folder, int(high_water))
            self._known[id_] = known
        known.scope = scope
        return known

    def _open_writer(self, session: Session) -> InboundWriter:
        try:
            session.folder.create()
            for bell in (session.folder.bell_to_runner, session.folder.bell_to_host):
                Bell.make(bell)
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

    async def _close_eldest(self) -> None:
        while len(self._open) > OPEN_CONNECTIONS:
            _, writer = self._open.popitem(last=False)
            await self._disk.run(writer.close)
