"""The gateway: sockets, sessions, dispatches and their faults (Discord docs, "Events: Gateway")."""

import asyncio
import json
import random
import secrets
from collections.abc import Sequence
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.discord import events, payloads
from tests.fakes.discord.compression import Compressor, compressor
from tests.fakes.discord.events import Event, Intent
from tests.fakes.discord.journal import Journal
from tests.fakes.discord.model import Json
from tests.fakes.discord.state import World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, RECONNECT, REQUEST_MEMBERS = 0, 1, 2, 3, 4, 6, 7, 8
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11
# Docs, "Gateway Close Event Codes"
UNKNOWN_OPCODE, DECODE_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED = 4001, 4002, 4003, 4004
ALREADY_AUTHENTICATED, INVALID_SEQ, SHARDING_REQUIRED, DISALLOWED_INTENTS = 4005, 4007, 4011, 4014
CLEAN_CLOSES = (1000, 1001)  # docs, "Initiating a Disconnect": these end the session
GREETINGS = ("READY", "RESUMED", "GUILD_CREATE")  # what a deaf socket still brings
CHUNK = 1000  # members per GUILD_MEMBERS_CHUNK


class Connection:
    """One socket. What is sent goes through a queue, so that acts on the fake need no await."""

    def __init__(
        self, request: web.Request, socket: web.WebSocketResponse, stream: Compressor | None
    ) -> None:
        self.session: Session | None = None
        self.silent = False
        self.deaf = False
        self.heartbeats = 0
        self._request = request
        self._socket = socket
        self._stream = stream
        self._outgoing: asyncio.Queue[Json | int] = asyncio.Queue()

    def send(self, op: int, d: Any = None, *, s: int | None = None, t: str | None = None) -> None:
        self._outgoing.put_nowait({"op": op, "d": d, "s": s, "t": t})

    def close(self, code: int) -> None:
        """After what was sent before."""
        self._outgoing.put_nowait(code)

    def abort(self) -> None:
        """Without a closing handshake, as when the network is gone."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def write(self) -> None:
        while True:
            item = await self._outgoing.get()
            if self.silent:
                continue
            if self.deaf and isinstance(item, dict) and item["op"] == DISPATCH and item["t"] not in GREETINGS:
                continue
            if isinstance(item, int):
                await self._socket.close(code=item)
                return
            text = json.dumps(item)
            if self._stream is None:
                await self._socket.send_str(text)
            else:
                await self._socket.send_bytes(self._stream(text.encode()))


class Session:
    """What survives a socket: the intents, the sequence, and every dispatch since IDENTIFY for a replay."""

    def __init__(self, intents: Intent, connection: Connection, shard: tuple[int, int] = (0, 1)) -> None:
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.shard = shard  # number, of how many
        self.connection: Connection | None = connection
        self._sent: list[tuple[str, Json]] = []

    @property
    def seq(self) -> int:
        return len(self._sent)

    def dispatch(self, name: str, data: Json) -> None:
        self._sent.append((name, data))
        if self.connection is not None:
            self.connection.send(DISPATCH, data, s=self.seq, t=name)

    def resume(self, connection: Connection, seq: int) -> None:
        """Replays what was missed, then says RESUMED (docs, "Resuming")."""
        self.connection, connection.session = connection, self
        for number, (name, data) in enumerate(self._sent[seq:], seq + 1):
            connection.send(DISPATCH, data, s=number, t=name)
        self.dispatch("RESUMED", {"_trace": []})

    def wants(self, event: Event, world: World) -> bool:
        if event.intent and not event.intent & self.intents:
            return False
        if not self.has(_guild_of(event)):
            return False
        return event.channel is None or world.bot_sees(event.channel)

    def has(self, guild_id: int) -> bool:
        """Docs, "Sharding": which shard a guild's events go to; those of no guild go to the first."""
        number, count = self.shard
        return (guild_id >> 22) % count == number

    def trimmed(self, event: Event, world: World) -> Json:
        """The event's data, without the content that this session has no intent for."""
        message = event.message
        if message is None or self.intents & Intent.MESSAGE_CONTENT:
            return event.data
        if events.exempt_from_content_intent(message, world.bot):
            return event.data
        return events.without_content(event.data)


def _guild_of(event: Event) -> int:
    """0 for what happens in no guild."""
    if event.channel is not None:
        return event.channel.guild.id if event.channel.guild is not None else 0
    named = event.data.get("id") if event.name.startswith("GUILD_") else None
    return int(event.data.get("guild_id") or named or 0)


class Gateway:
    """The server side of all sockets, and what can go wrong with them."""

    def __init__(self, world: World, journal: Journal) -> None:
        self.url = ""
        self.identifies = 0
        self.resumes = 0
        self._world = world
        self._journal = journal
        self._sessions: dict[str, Session] = {}
        self._connections: set[Connection] = set()
        self._duplicate = self._hold = self._lose = 0
        self._held: list[tuple[Session, str, Json]] = []
        self._rate = 0.0
        self._deaf = False
        self._random = random.Random()
        self._kinds: Sequence[str] = ()
        world.listen(self._publish)

    @property
    def connections(self) -> int:
        """How many sockets have an identified session."""
        return sum(connection.session is not None for connection in self._connections)

    @property
    def sessions(self) -> int:
        """How many sessions could still be resumed."""
        return len(self._sessions)

    @property
    def heartbeats(self) -> int:
        return sum(connection.heartbeats for connection in self._connections)

    # Faults

    def drop(self) -> None:
        """Every socket breaks without a closing handshake; sessions stay resumable."""
        for connection in tuple(self._connections):
            self._detach(connection)
            connection.abort()

    def close(self, code: int) -> None:
        """Every socket is closed with a code of the docs' table; sessions stay resumable."""
        for connection in tuple(self._connections):
            self._detach(connection)
            connection.close(code)

    def silence(self) -> None:
        """Sockets stay open, but nothing is sent or acknowledged any more; new sockets work."""
        for connection in self._connections:
            connection.silent = True

    def deafen(self, *, new_too: bool = False) -> None:
        """Sockets stay open and answer heartbeats, but bring no events any more; `new_too`: nor do later ones."""
        self._deaf = new_too
        for connection in self._connections:
            connection.deaf = True

    def reconnect(self) -> None:
        """Op 7: the client should reconnect and resume."""
        for connection in self._connections:
            connection.send(RECONNECT)

    def invalidate(self, *, resumable: bool) -> None:
        """Op 9 on every socket; not resumable means that the session and its missed dispatches are gone."""
        for connection in self._connections:
            connection.send(INVALID_SESSION, resumable)
        if not resumable:
            self.forget_sessions()

    def forget_sessions(self) -> None:
        """The next RESUME is answered with op 9 `false`: what happened meanwhile is never dispatched."""
        for session in self._sessions.values():
            session.connection = None
        self._sessions.clear()

    def dispatch(self, name: str, data: Json) -> None:
        """A dispatch of any shape to everybody: how a test sends a payload that no parser expects."""
        for session in self._sessions.values():
            session.dispatch(name, data)

    def duplicate_next(self, count: int = 1) -> None:
        """Each of the next dispatches is made twice."""
        self._duplicate += count

    def lose_next(self, count: int = 1) -> None:
        """The next dispatches are never made."""
        self._lose += count

    def hold_next(self, count: int = 1) -> None:
        """The next dispatches are held back until one more was made, then follow it in reverse order."""
        self._hold += count

    def chance(self, rate: float, seed: int, kinds: Sequence[str] = ("duplicate", "hold", "drop")) -> None:
        """Each dispatch meets one of `duplicate`, `hold`, `lose`, `drop` with this probability."""
        self._rate, self._random, self._kinds = rate, random.Random(seed), tuple(kinds)

    # Sockets

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        connection = Connection(request, socket, compressor(request.query.get("compress")))
        connection.deaf = self._deaf
        self._connections.add(connection)
        connection.send(HELLO, {"heartbeat_interval": int(self._world.settings.heartbeat_interval * 1000)})
        writer = asyncio.create_task(connection.write(), name="gateway writer")
        try:
            await self._read(connection, socket)
        finally:
            self._connections.discard(connection)
            self._detach(connection, clean=socket.close_code in CLEAN_CLOSES)
            writer.cancel()
            await asyncio.wait([writer])
            self._journal.touch()
        return socket

    async def _read(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT or connection.silent:
                continue
            try:
                payload = json.loads(frame.data)
            except ValueError:
                connection.close(DECODE_ERROR)
                continue
            self._receive(connection, payload["op"], payload.get("d"))
            self._journal.touch()

    def _receive(self, connection: Connection, op: int, d: Any) -> None:
        if op == HEARTBEAT:
            connection.heartbeats += 1
            connection.send(HEARTBEAT_ACK)
        elif op == IDENTIFY:
            self._identify(connection, d)
        elif op == RESUME:
            self._resume(connection, d)
        elif connection.session is None:
            connection.close(NOT_AUTHENTICATED)
        elif op == REQUEST_MEMBERS:
            self._send_members(connection.session, d)
        elif op not in (PRESENCE, VOICE):
            connection.close(UNKNOWN_OPCODE)

    def _identify(self, connection: Connection, d: Json) -> None:
        self.identifies += 1
        intents = Intent(d["intents"])
        if connection.session is not None:
            return connection.close(ALREADY_AUTHENTICATED)
        if d["token"] != self._world.token:
            return connection.close(AUTHENTICATION_FAILED)
        if intents & events.PRIVILEGED & ~self._world.settings.enabled_intents:
            return connection.close(DISALLOWED_INTENTS)
        if self._world.settings.shards > 1 and "shard" not in d:
            return connection.close(SHARDING_REQUIRED)
        number, count = d.get("shard") or (0, 1)
        session = connection.session = Session(intents, connection, (number, count))
        self._sessions[session.id] = session
        bot = self._world.bot
        known = [guild for guild in self._world.guilds.values() if bot.id in guild.members]
        guilds = [guild for guild in known if session.has(guild.id)]
        ready = {
            "v": 10,
            "user": payloads.own_user(bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "session_type": "normal",
            **({"shard": [number, count]} if "shard" in d else {}),
            "resume_gateway_url": self.url,
            "application": {"id": str(self._world.application_id), "flags": 0},
        }
        session.dispatch("READY", ready)
        everyone = bool(intents & Intent.GUILD_PRESENCES)
        if intents & Intent.GUILDS:
            for guild in guilds:
                session.dispatch("GUILD_CREATE", self._world.guild_create(guild, all_members=everyone))
        return None

    def _resume(self, connection: Connection, d: Json) -> None:
        self.resumes += 1
        if d["token"] != self._world.token:
            return connection.close(AUTHENTICATION_FAILED)
        session = self._sessions.get(d["session_id"])
        if session is None:
            return connection.send(INVALID_SESSION, False)
        if not 0 <= (d["seq"] or 0) <= session.seq:
            return connection.close(INVALID_SEQ)
        if session.connection is not None:
            session.connection.session = None
        return session.resume(connection, d["seq"] or 0)

    def _send_members(self, session: Session, d: Json) -> None:
        """Docs, "Request Guild Members": by id or by prefix; all of them only with GUILD_MEMBERS."""
        guild = self._world.guilds[int(d["guild_id"])]
        found = list(guild.members.values())
        if "user_ids" in d:
            asked = {str(user_id) for user_id in d["user_ids"]}
            found = [member for member in found if str(member.user.id) in asked]
        elif d.get("query") or session.intents & Intent.GUILD_MEMBERS:
            found = [member for member in found if member.user.name.startswith(d.get("query", ""))]
        else:
            found = []
        found = found[: d.get("limit") or len(found)]
        pieces = [found[start : start + CHUNK] for start in range(0, len(found), CHUNK)] or [[]]
        for index, piece in enumerate(pieces):
            data: Json = {
                "guild_id": str(guild.id),
                "members": [payloads.member(member) for member in piece],
                "chunk_index": index,
                "chunk_count": len(pieces),
            }
            session.dispatch("GUILD_MEMBERS_CHUNK", data | ({"nonce": d["nonce"]} if "nonce" in d else {}))

    def _detach(self, connection: Connection, *, clean: bool = False) -> None:
        session, connection.session = connection.session, None
        if session is None or session.connection is not connection:
            return
        session.connection = None
        if clean:
            self._sessions.pop(session.id, None)

    # Dispatches

    def _publish(self, event: Event) -> None:
        for session in tuple(self._sessions.values()):
            if session.wants(event, self._world):
                self._dispatch(session, event.name, session.trimmed(event, self._world))
        self._journal.touch()

    def _dispatch(self, session: Session, name: str, data: Json) -> None:
        trouble = self._trouble()
        if trouble == "lose":
            return
        if trouble == "hold":
            self._held.append((session, name, data))
            return
        session.dispatch(name, data)
        if trouble == "duplicate":
            session.dispatch(name, data)
        held, self._held = self._held[::-1], []
        for late_session, late_name, late_data in held:
            late_session.dispatch(late_name, late_data)
        if trouble == "drop":
            self.drop()

    def _trouble(self) -> str | None:
        for kind in ("lose", "hold", "duplicate"):
            left: int = getattr(self, f"_{kind}")
            if left:
                setattr(self, f"_{kind}", left - 1)
                return kind
        return self._random.choice(self._kinds) if self._random.random() < self._rate else None
