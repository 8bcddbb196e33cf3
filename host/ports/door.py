"""The door of a server that faces a network: how many come in at a time, and how long each may take to say what it wants.

A reverse proxy speaks for many people from one address of this machine: loopback peers are counted together with all
others, and not by themselves.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from host.ports.strangers import Few

log = logging.getLogger(__name__)

CONNECTIONS = 256  # at a time
CONNECTIONS_OF_A_PEER = 16  # at a time, of one address that is not this machine's
HEAD_DEADLINE = 10.0  # s from the connection, or from the last answer, until a request's head is there
BODY_DEADLINE = 10.0  # s a body may take to arrive
CLOSING_GRACE = 5.0  # s for requests under way when the server stops
UNPACKS = False  # 200 kB can say that they are 200 MB, and would be unpacked in the loop of all: bodies come as they are

PACKED = "a body is taken as it is, and not compressed"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door:
    """Serves `app` on one address. `head_deadline` is in seconds."""

    def __init__(self, app: web.Application, *, head_deadline: float = HEAD_DEADLINE) -> None:
        app.middlewares.append(self._timed)
        speech = logging.Logger(__name__)  # aiohttp's about this door alone
        speech.addFilter(_NotOfStrangers())
        speech.parent = log
        self._runner = web.AppRunner(
            app, access_log=None, logger=speech, shutdown_timeout=CLOSING_GRACE, auto_decompress=UNPACKS
        )
        self._head_deadline = head_deadline
        self._inside: dict[asyncio.BaseTransport, _Visitor] = {}
        self._of_peer: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    async def open(self, listen: str, port: int) -> None:
        """Raises `OSError` when the address cannot be had."""
        await self._runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(self._visitor, listen, port)
        except OSError:
            await self._runner.cleanup()
            raise

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    @property
    def address(self) -> tuple[str, int]:
        if self._server is None:
            raise RuntimeError("the door is not open")
        host, port, *_ = self._server.sockets[0].getsockname()
        return str(host), int(port)

    def _visitor(self) -> asyncio.Protocol:
        assert self._runner.server is not None  # noqa: S101 - it was set up
        return _Visitor(self, self._runner.server())

    @web.middleware
    async def _timed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        visitor = self._inside.get(request.transport) if request.transport is not None else None
        if visitor is None:
            return await handler(request)
        visitor.spoke()
        try:
            return await handler(request)
        finally:
            visitor.waits(self._head_deadline)

    # ── what visitors tell ───────────────────────────────────────────────────────────────────────────────

    def enter(self, visitor: _Visitor, transport: asyncio.BaseTransport, peer: str) -> bool:
        """Whether there is a place."""
        if len(self._inside) >= CONNECTIONS or (peer and self._of_peer[peer] >= CONNECTIONS_OF_A_PEER):
            return False
        self._inside[transport] = visitor
        self._of_peer[peer] += 1
        visitor.waits(self._head_deadline)
        return True

    def leave(self, transport: asyncio.BaseTransport, peer: str) -> None:
        if self._inside.pop(transport, None) is not None:
            self._of_peer[peer] -= 1
            if not self._of_peer[peer]:
                del self._of_peer[peer]


class _NotOfStrangers(logging.Filter):
    """What is no HTTP is a line, and no traceback: everybody on the network can send it."""

    def __init__(self) -> None:
        super().__init__()
        self._few = Few(log)

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        self._few.say(
            logging.INFO, "A request is no HTTP: %s", type(error).__name__, extra={"action": "no_http"}
        )
        return False


class _Visitor(asyncio.Protocol):
    """One connection: it has a place, or is closed before a byte of it is read."""

    def __init__(self, door: Door, inner: asyncio.Protocol) -> None:
        self._door = door
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._deadline: asyncio.TimerHandle | None = None

    def waits(self, seconds: float) -> None:
        self.spoke()
        if self._transport is not None and not self._transport.is_closing():
            self._deadline = asyncio.get_running_loop().call_later(seconds, self._transport.abort)

    def spoke(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a socket's
        self._peer = _peer(transport)
        self._transport = transport
        if self._door.enter(self, transport, self._peer):
            self._inner.connection_made(transport)
        else:
            self._transport = None
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.spoke()
        if self._transport is not None:
            self._door.leave(self._transport, self._peer)
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._transport is not None else None

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


class BodyError(Exception):
    """The body was not taken. `.status` is HTTP's, the text is for the sender."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def body(request: web.Request, most: int) -> bytes:
    """The whole body, in time and of at most so many bytes. Raises `BodyError`."""
    if is_packed(request):
        raise BodyError(415, PACKED)
    too_large = BodyError(413, f"the body has more than {most} bytes")
    if (request.content_length or 0) > most:
        raise too_large
    parts = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            async for chunk in request.content.iter_any():
                parts += chunk
                if len(parts) > most:
                    raise too_large
    except TimeoutError as error:
        raise BodyError(408, "the body did not arrive in time") from error
    except (ConnectionError, aiohttp.ClientPayloadError, web.RequestPayloadError) as error:
        raise BodyError(400, "the body ended before it was complete") from error
    return bytes(parts)


def is_packed(said: web.BaseRequest | aiohttp.ClientResponse) -> bool:
    """A request, or an answer."""
    return said.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity")


def _peer(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return peer_of(str(name[0]) if name else "")


def peer_of(host: str) -> str:
    """Whom a connection counts for: '' for this machine's own, and of IPv6 the network, of which one machine has all."""
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return ""
    return (
        str(address) if address.version == 4 else str(ipaddress.ip_network((int(address), 64), strict=False))
    )
