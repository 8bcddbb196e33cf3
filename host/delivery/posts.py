"""Posts that open a conversation: what a task says in a channel, and the replies people write under it.

A reply goes on with the session that posted. The thread is noted as engaged in the commit of the post's receipt: a crash before
it leaves an unknown outcome, which is looked up and noted then. A reply that comes while the outcome is open, so
that nobody knows yet whose post it is under, is not taken: the platform delivers it again.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

from host.mailbox.rows import Parcel
from host.registry import asked
from host.registry.errands import Errands
from host.registry.port import Registry, Statements
from host.registry.sessions import Session
from sessiondb.records import Address

PATIENCE = 1.5  # s a reply waits here for the post's outcome; platforms wait three for an acknowledgement
ASKED = 2.0  # s for the answer of another node, which waits so long itself
OPEN, YES, NO = "posts.open", "yes", "no"  # an errand, and what is answered
SKEW = 60_000  # ms a platform's clock may be behind ours


class Posts:
    """What is on its way into channels, in memory: at the start it is made of the parcels that were left open. Of a channel that
    another node has, that one is asked."""

    def __init__(self, db: Registry, errands: Errands) -> None:
        self._db = db
        self._errands = errands
        errands.ways[OPEN] = self._asked_to
        self._open: defaultdict[Address, set[str]] = defaultdict(
            set
        )  # by channel: keys whose outcome is not known
        self._settled = asyncio.Event()

    def sending(self, parcel: Parcel) -> None:
        """From here on the platform may have it."""
        if _opens(parcel):
            self._open[_channel(parcel.address)].add(parcel.key)

    def settle(self, connection: Statements, session: Session, parcel: Parcel) -> None:
        """In the transaction that commits the chunk's new state."""
        if parcel.state == "sent" and parcel.platform_message_id and _opens(parcel):
            _engage(connection, session, parcel)

    async def asking(self, session: Session, key: str, parcel: Parcel, now: int) -> None:
        """Before a question is sent."""
        kept = json.loads(parcel.payload)
        terms = asked.Terms(**kept.get("terms", {}))
        await self._db.write(
            lambda connection: asked.note(
                connection, key, session.id, parcel.address, parcel.message_out_id, now, terms
            )
        )

    def settled(self, parcel: Parcel) -> None:
        """After the commit."""
        if parcel.state in ("sending", "unknown") or not _opens(parcel):
            return
        channel = _channel(parcel.address)
        self._open[channel].discard(parcel.key)
        if not self._open[channel]:
            self._open.pop(channel)
            self._settled.set()
            self._settled = asyncio.Event()

    async def open_at(self, address: Address) -> bool:
        """Of a channel that another node has: whether there may be one. Raises `SessionError`."""
        if self._db.holding.has(address):
            return _channel(address) in self._open
        return bool(await self._db.read(lambda connection: _whose(connection, address)))

    async def until_settled(self, address: Address) -> bool:
        """Waits a little, at the node that has the channel; whether nothing is on its way into it any more. Raises
        `SessionError`."""
        if self._db.holding.has(address):
            return await self._settled_here(_channel(address))
        node = await self._db.read(lambda connection: _whose(connection, address))
        if not node:
            return True
        return (await self._errands.ask_those(OPEN, {node: json.dumps(address)}, ASKED)).get(node) == NO

    async def _asked_to(self, body: str) -> str:
        return NO if await self._settled_here(_channel(Address(*json.loads(body)))) else YES

    async def _settled_here(self, channel: Address) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                while channel in self._open:
                    await self._settled.wait()
        except TimeoutError:
            return False
        return True


def _opens(parcel: Parcel) -> bool:
    """Whether replies to the chunk go on with its session."""
    return (
        not parcel.address.thread_id
        and '"opens": true' in parcel.payload  # else it is not read
        and bool(json.loads(parcel.payload).get("opens"))
    )


def _whose(connection: Statements, address: Address) -> str:
    """The node that has the channel, if anything is under way there that may post into it; '' else."""
    row = connection.execute(_WHOSE, address[:3]).fetchone()
    return str(row[0]) if row else ""


def _channel(address: Address) -> Address:
    return address._replace(thread_id="")


def _engage(connection: Statements, session: Session, parcel: Parcel) -> None:
    thread = parcel.address._replace(thread_id=parcel.platform_message_id)
    since = max(0, parcel.first_attempt_at - SKEW)
    connection.execute(
        "INSERT INTO engaged VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (channel_type, workspace_id, platform_id, thread_id) DO UPDATE SET agent = excluded.agent,"
        " session_id = excluded.session_id",
        (*thread, session.agent, since, session.id),
    )


_PLACE = "channel_type = ?1 AND workspace_id = ?2 AND platform_id = ?3"
# Tasks and webhooks have no thread of the platform's.
_WHOSE = f"""
SELECT node FROM placements WHERE {_PLACE} AND EXISTS (SELECT 1 FROM sessions WHERE busy = 1 AND {_PLACE}
    AND (thread_id = '' OR thread_id LIKE 'task:%' OR thread_id LIKE 'user:%'))
"""
