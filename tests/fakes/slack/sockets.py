"""Socket Mode ("Using Socket Mode"): up to ten WebSockets per app, each envelope to one of them."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable

from aiohttp import WSMsgType, web

from .changes import Changes
from .delivery import Attempt, Delivery
from .errors import ApiError
from .records import Json

MAX_SOCKETS = 10  # "Using Socket Mode": connections per app


class Socket:
    """One connection of the app, and what a test may do to it."""

    def __init__(self, request: web.Request, ws: web.WebSocketResponse) -> None:
        self.deaf = False
        self.answers_pings = True
        self.draining = False  # told to reconnect: it gets nothing new
        self.pongs = 0
        self._request = request
        self._ws = ws
        self._frames: asyncio.Queue[Json] = asyncio.Queue()

    def send(self, frame: Json) -> None:
        """Queued, so that frames leave in the order they were sent; a deaf socket swallows them."""
        if not self.deaf:
            self._frames.put_nowait(frame)

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """The frame that asks the app to reconnect: `warning`, `refresh_requested` or `link_disabled`."""
        self.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-fake"}})
        self.draining = True

    def drop(self) -> None:
        """Gone without a close frame, as when a middlebox forgets the connection."""
        self.draining = True
        if self._request.transport is not None:
            self._request.transport.abort()

    def deafen(self, *, answers_pings: bool = True) -> None:
        """Half dead: open, chosen for envelopes, and silent; by default it still answers pings."""
        self.deaf, self.answers_pings = True, answers_pings

    async def ping(self) -> None:
        await self._ws.ping(b"Ping from applink-fake")

    async def close(self) -> None:
        """A regular close by the server."""
        self.draining = True
        await self._ws.close()

    async def pump(self) -> None:
        while True:
            frame = await self._frames.get()
            try:
                await self._ws.send_str(json.dumps(frame))
            except ConnectionError:
                return

    async def answer_ping(self, payload: bytes) -> None:
        if self.answers_pings:
            await self._ws.pong(payload)


class SocketMode:
    """The `Transport` that carries envelopes over the app's sockets."""

    timeout_reason = "timeout"

    def __init__(self, app_id: str, changes: Changes) -> None:
        self.sockets: list[Socket] = []
        self.acknowledge: Callable[[str, Json | None], None] = lambda envelope_id, response: None
        self._app_id = app_id
        self._changes = changes
        self._tickets: set[str] = set()
        self._turn = 0

    def open(self, origin: str) -> str:
        """The answer of "apps.connections.open": a URL that carries its own permission."""
        if len(self.sockets) >= MAX_SOCKETS:
            raise ApiError("too_many_websockets")
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        return f"{origin.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._app_id}"

    def send(self, delivery: Delivery, attempt: Attempt) -> bool:
        """Round robin; a deaf socket counts as connected."""
        ready = [socket for socket in self.sockets if not socket.draining]
        if not ready:
            return False
        self._turn += 1
        ready[self._turn % len(ready)].send(self._envelope(delivery, attempt))
        return True

    def next_socket(self) -> Socket | None:
        """The one that the next envelope goes to."""
        ready = [socket for socket in self.sockets if not socket.draining]
        return ready[(self._turn + 1) % len(ready)] if ready else None

    @staticmethod
    def _envelope(delivery: Delivery, attempt: Attempt) -> Json:
        """Events carry the retry fields from the first attempt on; interactions have none."""
        envelope: Json = {
            "envelope_id": attempt.envelope_id,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": attempt.number, "retry_reason": attempt.reason}
        return envelope

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("ticket") not in self._tickets:
            return web.Response(status=404)
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        socket = Socket(request, ws)
        socket.send(self._hello())
        pump = asyncio.create_task(socket.pump(), name="socket-pump")
        self.sockets.append(socket)
        self._changes.pulse()
        try:
            await self._listen(socket, ws)
        finally:
            self.sockets.remove(socket)
            pump.cancel()
            self._changes.pulse()
        return ws

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.sockets) + 1,
            "connection_info": {"app_id": self._app_id},
            "debug_info": {"host": "applink-fake", "build_number": 1, "approximate_connection_time": 18060},
        }

    async def _listen(self, socket: Socket, ws: web.WebSocketResponse) -> None:
        async for message in ws:
            if message.type is WSMsgType.PING:
                await socket.answer_ping(message.data)
            elif message.type is WSMsgType.PONG:
                socket.pongs += 1
                self._changes.pulse()
            elif message.type is WSMsgType.TEXT:
                frame = json.loads(message.data)
                if "envelope_id" in frame:
                    self.acknowledge(frame["envelope_id"], frame.get("payload"))

    async def close(self) -> None:
        for socket in list(self.sockets):
            await socket.close()
