"""Sessions as the registry knows them: who talks with which agent where, and where that is kept."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from host.ports.events import EventClass, InboundEvent, Privacy
from host.registry.port import Rows, Statements
from sessiondb import SessionFolder
from sessiondb.records import Address

OWN_THREADS = ("user:", "task:")  # how thread ids begin that no platform knows


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
    read: bool = False  # outbound.db could be read by this process
    damaged: str = ""  # what has become of inbound.db, '' once it is made again
    in_ledger: bool = True  # False when its file is older than the ledger and was not read into it yet
    remade: bool = False  # it was made again, and messages may still be on their way back into it
    made: int = 0  # how many times this process made it again
    node: str = ""  # whose folder has its files, '' on a single machine

    @property
    def place(self) -> Address:
        """Where to say something to its people: some sessions' threads are names of the host's own."""
        return room(self.address)


def address_of(connection: Statements, id_: str) -> Address | None:
    row = connection.execute(_ADDRESS, (id_,)).fetchone()
    return None if row is None else Address(*map(str, row))


_ADDRESS = "SELECT channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?"


def session_id(agent: str, address: Address) -> str:
    """Derived from what makes it unique. Short, because a socket's path holds at most 107 bytes."""
    digest = hashlib.sha256("\x1f".join((agent, *address)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"s{digest[:20]}"


def privacy_scope(event: InboundEvent) -> str:
    """What may share memory and files: one person's DMs, one private channel, or a workspace's public channels."""
    return scope_name(event.privacy, event.address, event.author.id)


def scope_name(kept_for: Privacy | Literal["guests"], address: Address, user_id: str) -> str:
    """`guests`: what those who do not see all public channels asked in this one (docs/adr/0019)."""
    one = address.platform_id
    kinds = {
        "dm": f"dm-{user_id}",
        "private": f"private-{one}",
        "guests": f"guests-{one}",
        "public": "public",
    }
    kept = kinds[kept_for]
    return _folder_name(f"{address.channel_type}-{address.workspace_id}-{kept}")


@functools.lru_cache(1_024)  # each event asks twice, most of few places
def _folder_name(raw: str) -> str:
    readable = "".join(c if c.isalnum() or c in "-_" else "_" for c in raw)[:80]
    return f"{readable}-{hashlib.sha256(raw.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def privacy_of(scope: str, address: Address) -> Privacy:
    """For whom a conversation at this address is, as `scope_name` has it: what cannot be told counts as private."""
    if "-dm-" in scope:
        return "dm"
    everybodys = {scope_name("public", address, ""), scope_name("guests", address, "")}
    return "public" if scope in everybodys else "private"


def room(address: Address) -> Address:
    """Where people read what is said about the session of this address: the channel, if its thread is the host's own."""
    return address._replace(thread_id="") if address.thread_id.startswith(OWN_THREADS) else address


def upsert(connection: Statements, agent: str, address: Address, scope: str, now: int) -> str:
    """Inside a transaction of host.db: makes the session if need be and marks it busy before any work is written."""
    id_ = session_id(agent, address)
    connection.execute(
        "INSERT INTO sessions (id, agent, channel_type, workspace_id, platform_id, thread_id, scope, created_at, active_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET busy = 1, work = sessions.work + 1, active_at = excluded.active_at",
        (id_, agent, *address, scope, now, now),
    )
    return id_


def channel_became(connection: Statements, channel: Address, privacy: Privacy) -> list[str]:
    """All that a channel ever was is for those whom it is for now; returns the sessions whose scope changed.

    A public channel's conversations with guests stay apart from what public channels share.
    """
    if privacy == "dm":  # one person's, for ever
        return []
    place, scope = channel[:3], scope_name(privacy, channel, "")
    stays = scope_name("guests", channel, "") if privacy == "public" else scope
    if connection.execute(OF_ANOTHER_SCOPE, (*place, *sorted((scope, stays)))).fetchone() is None:
        return []
    where = "channel_type = ? AND workspace_id = ? AND platform_id = ? AND scope NOT IN (?, ?)"
    found = connection.execute(f"SELECT id FROM sessions WHERE {where}", (*place, scope, stays)).fetchall()
    for table in ("sessions", "spent_by_session"):
        connection.execute(f"UPDATE {table} SET scope = ? WHERE {where}", (scope, *place, scope, stays))
    return [str(id_) for (id_,) in found]


def those_at(connection: Statements, channel: Sequence[str]) -> list[str]:
    """The ids of a channel's sessions."""
    where = "channel_type = ? AND workspace_id = ? AND platform_id = ?"
    rows = connection.execute(f"SELECT id FROM sessions WHERE {where}", channel[:3]).fetchall()
    return [str(id_) for (id_,) in rows]


_CHANNEL = "channel_type = ?1 AND workspace_id = ?2 AND platform_id = ?3"
# Each part is one look into the index, however many conversations a channel has.
OF_ANOTHER_SCOPE = (
    f"SELECT 1 FROM sessions WHERE {_CHANNEL} AND scope < ?4"
    f" UNION ALL SELECT 1 FROM sessions WHERE {_CHANNEL} AND scope > ?4 AND scope < ?5"
    f" UNION ALL SELECT 1 FROM sessions WHERE {_CHANNEL} AND scope > ?5 LIMIT 1"
)


_IS_PRIVATE = f"SELECT 1 FROM sessions WHERE {_CHANNEL} AND scope = ?4 LIMIT 1"


def as_known(connection: Statements, event: InboundEvent, scope: str) -> str:
    """A hook says for whom its channel was when it was set up; what has become private since is not for others (law 13)."""
    private = scope_name("private", event.address, "")
    if event.event_class is not EventClass.WEBHOOK or scope == private:
        return scope
    known = connection.execute(_IS_PRIVATE, (*event.address[:3], private)).fetchone()
    return scope if known is None else private


def mark_busy(connection: Statements, id_: str) -> None:
    """Inside a transaction of host.db: there is work for the session, or will be at once."""
    connection.execute("UPDATE sessions SET busy = 1, work = work + 1 WHERE id = ?", (id_,))


_COLUMNS = (
    "id, agent, channel_type, workspace_id, platform_id, thread_id, scope, seq_high_water, in_ledger, node"
)


class Sessions:
    """Sessions by their rows in host.db, and where their folders are."""

    def __init__(self, data: Path, common: Path | None = None) -> None:
        """`common`: the folder that all nodes keep workspaces in; None where they are in the data folder."""
        self.data = data
        self.common = common
        self._known: dict[str, Session] = {}

    def load(self, connection: Statements, where: str, bindings: tuple[str | int, ...] = ()) -> list[Session]:
        """For a job on host.db."""
        return self._found(connection.execute(f"SELECT {_COLUMNS} FROM sessions WHERE {where}", bindings))

    def here(
        self, connection: Statements, where: str = "busy = 1", bindings: tuple[str | int, ...] = ()
    ) -> list[Session]:
        """Of those that are this node's."""
        return self._found(
            connection.execute(f"SELECT {_COLUMNS} FROM sessions_here WHERE {where}", bindings)
        )

    def _found(self, rows: Rows) -> list[Session]:
        return [self._session([str(column) for column in row]) for row in rows.fetchall()]

    def anew(self, connection: Statements, place: tuple[str, str, str]) -> None:
        """The place is this node's from now on: what was known of its sessions was before another had them."""
        where = "channel_type = ? AND workspace_id = ? AND platform_id = ?"
        rows = connection.execute(f"SELECT {_COLUMNS} FROM sessions WHERE {where}", place).fetchall()
        for row in rows:
            if (known := self._known.get(str(row[0]))) is not None:
                known.seq_high_water, known.in_ledger, known.node = int(str(row[7])), row[8] != 0, str(row[9])
                known.unreadable = known.damaged = ""
                known.read = known.remade = False

    def one(self, connection: Statements, id_: str) -> Session | None:
        return next(iter(self.load(connection, "id = ?", (id_,))), None)

    def get(self, id_: str) -> Session | None:
        return self._known.get(id_)

    def shared(self, session: Session) -> Path:
        """What the conversations of its privacy scope keep together."""
        return self.shared_by(session.agent, session.scope)

    def shared_by(self, agent: str, scope: str) -> Path:
        return (self.common or self.data / "workspaces") / agent / scope

    def agent_folder(self, session: Session) -> Path:
        """Instructions and skills that an operator put there; need not exist."""
        return self.data / "agents" / session.agent

    def _session(self, row: Sequence[str]) -> Session:
        id_, agent, channel, workspace, platform, thread, scope, high_water, in_ledger, node = row
        known = self._known.get(id_)
        if known is None:
            folder = SessionFolder(self.data / "sessions" / id_)
            address = Address(channel, workspace, platform, thread)
            known = Session(
                id_, agent, address, scope, folder, int(high_water), in_ledger=in_ledger != "0", node=node
            )
            self._known[id_] = known
        known.scope = scope
        return known
