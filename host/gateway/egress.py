"""The way out that an agent's configuration may open: tunnels to listed hosts, port 443, and to nothing that is not global.

A container asks for `CONNECT host:443` on its session's socket. The host resolves the name itself and dials the very
address that it judged: a name that resolves differently a moment later gains nothing. What is inside of a tunnel is
between the container and that host.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from host.gateway.credentials import NoCredential, Via
from host.registry.sessions import Session
from sessiondb import SessionError

log = logging.getLogger(__name__)

PORT = 443
TUNNELS_AT_A_TIME = 16  # of one session
ADDRESSES_TRIED = 4  # of one name
CONNECT_TIMEOUT = 15.0  # s for one address
RESOLVERS = 8  # names that are being resolved at a time
RESOLVE_TIMEOUT = 15.0  # s
TUNNEL_IDLE = 600.0  # s without a byte in either direction after which a tunnel is closed
KEEPS_NO_RECORDS = "the host cannot keep its records right now"
CHUNK = 65_536  # bytes
LARGEST_HEAD = 8_192  # bytes of a proxy's answer
TARGET = re.compile(r"CONNECT ([A-Za-z0-9.-]{1,253}):([0-9]{1,5}) HTTP/1\.[01]")
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # carries an IPv4 address in its last four bytes
NO_PLACES = tuple(  # that Python's library takes for global: for documents, and for relays that are no more
    map(ipaddress.ip_network, ("3fff::/20", "192.88.99.0/24"))
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Reach(Protocol):
    """The network as the host sees it."""

    async def addresses(self, host: str) -> Sequence[str]:
        """The numeric addresses of a name, the best first. Raises `OSError`."""

    async def dial(self, address: str, port: int) -> Streams:
        """To a numeric address: nothing is resolved. Raises `OSError`."""


class Internet:
    def __init__(self) -> None:
        # Threads of its own: names that nobody answers for must not use up those that the host works with.
        self._resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")

    async def addresses(self, host: str) -> Sequence[str]:
        resolve = functools.partial(socket.getaddrinfo, host, PORT, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._resolvers, resolve)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def dial(self, address: str, port: int) -> Streams:
        return await asyncio.open_connection(address, port)


def is_global(address: str) -> bool:
    """Whether it belongs to the public internet, however it is wrapped. What cannot be read does not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if any(found in network for network in NO_PLACES):
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id or found.is_site_local:
            return False
        inner = found.ipv4_mapped or found.sixtofour
        if found in NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            return is_global(str(inner))
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


class _Refused(Exception):
    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def at_once(_: Session) -> None:
    """Where nobody else goes on with a session, nothing has to be known of it before."""


class Tunnels:
    """Those of one session. `via` names the proxy by which they have to go, if there is one; it may raise `NoCredential`."""

    def __init__(
        self,
        session_id: str,
        allowed: frozenset[str],
        reach: Reach,
        via: Callable[[], Awaitable[Via | None]],
        turned_away: Callable[[], object],
        copied: Callable[[], Awaitable[None]],
    ) -> None:
        self._session = session_id
        self._allowed = allowed
        self._reach = reach
        self._via = via
        self._turned_away = turned_away
        self._copied = copied
        self._open: set[asyncio.Task[None]] = set()

    def begin(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes over a connection whose request has the given first line."""
        task = asyncio.create_task(self._serve(head, reader, writer), name=f"tunnel:{self._session}")
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def close(self) -> None:
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(list(self._open))

    async def _serve(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            host = self._permitted(head)
            far = await self._connect(host)
        except _Refused as refused:
            self._note("Tunnel refused", "tunnel_refused", f"{head[:300]!r}: {refused}")
            with contextlib.suppress(ConnectionError):
                await _turn_away(writer, refused)
            return
        except BaseException:
            writer.transport.abort()
            raise
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            sent, received = await _join((reader, writer), far)
            self._note("Tunnel closed", "tunnel_closed", f"{host}, {sent} bytes out, {received} bytes in")
        finally:
            writer.transport.abort()
            far[1].transport.abort()

    def _permitted(self, head: str) -> str:
        """The host that is asked for, if it may be."""
        asked = TARGET.fullmatch(head)
        if asked is None:
            raise _Refused("400 Bad Request", "only CONNECT name:443 passes the gateway")
        host, port = asked[1].lower().rstrip("."), int(asked[2])
        if host not in self._allowed:
            raise _Refused("403 Forbidden", f"{host} is not on this agent's list (network.allow)")
        if port != PORT:
            raise _Refused("403 Forbidden", f"only port {PORT} may be reached")
        if len(self._open) > TUNNELS_AT_A_TIME:
            raise _Refused("429 Too Many Requests", "too many connections of this conversation at a time")
        return host

    async def _connect(self, host: str) -> Streams:
        try:
            await self._copied()
            via = await self._via()
        except SessionError as error:
            raise _Refused("503 Service Unavailable", KEEPS_NO_RECORDS) from error
        except NoCredential as missing:
            raise _Refused("503 Service Unavailable", str(missing)) from missing
        if via is not None:
            return await self._through(via, host)
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                found = await self._reach.addresses(host)
        except OSError as error:  # a timeout is one too
            raise _Refused("502 Bad Gateway", f"{host} cannot be resolved") from error
        usable = [address for address in found if is_global(address)]
        if not usable:
            raise _Refused("403 Forbidden", f"{host} has no public address")
        for address in usable[:ADDRESSES_TRIED]:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    far = await self._reach.dial(address, PORT)
            except OSError as error:
                log.debug("No connection to %s at %s: %s", host, address, error)
                continue
            self._note("Tunnel opened", "tunnel_opened", f"{host} at {address}")
            return far
        raise _Refused("502 Bad Gateway", f"{host} cannot be reached")

    async def _through(self, via: Via, host: str) -> Streams:
        """By the vault's proxy, which resolves the name and dials; the agent's token is added here."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                reader, writer = await asyncio.open_connection(via.host, via.port, limit=LARGEST_HEAD)
        except OSError as error:
            raise _Refused("503 Service Unavailable", "the credential vault's proxy is away") from error
        try:
            asked = f"CONNECT {host}:{PORT} HTTP/1.1\r\nHost: {host}:{PORT}\r\n"
            writer.write(f"{asked}Proxy-Authorization: {via.authorization}\r\n\r\n".encode())
            async with asyncio.timeout(CONNECT_TIMEOUT):
                answer = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].split(b" ")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.transport.abort()
            raise _Refused("502 Bad Gateway", "the credential vault's proxy broke off") from error
        status = answer[1].decode("ascii", "replace") if len(answer) > 1 else ""
        if not status.startswith("2"):
            writer.transport.abort()
            self._turned_away()
            raise _Refused("502 Bad Gateway", f"the credential vault's proxy refuses {host} ({status})")
        self._note("Tunnel opened", "tunnel_opened", f"{host} by the credential vault's proxy")
        return reader, writer

    def _note(self, what: str, action: str, detail: str) -> None:
        log.info("%s: %s", what, detail, extra={"action": action, "session": self._session})


async def _turn_away(writer: asyncio.StreamWriter, refused: _Refused) -> None:
    body = f"dovecote: {refused}\n".encode()
    head = f"HTTP/1.1 {refused.status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()


async def _join(near: Streams, far: Streams) -> tuple[int, int]:
    """Until both directions have ended, one breaks, or nothing moves: bytes to the far side, bytes from it."""
    clock = asyncio.get_running_loop().time
    moved_at = clock()
    counts = [0, 0]

    async def copy(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal moved_at
        while chunk := await reader.read(CHUNK):
            moved_at = clock()
            counts[number] += len(chunk)
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    copies = {
        asyncio.ensure_future(copy(0, near[0], far[1])),
        asyncio.ensure_future(copy(1, far[0], near[1])),
    }
    waiting = copies
    try:
        while waiting:
            done, waiting = await asyncio.wait(
                waiting, timeout=TUNNEL_IDLE, return_when=asyncio.FIRST_COMPLETED
            )
            if any(task.exception() is not None for task in done):
                break
            if not done and clock() - moved_at >= TUNNEL_IDLE:
                break
    finally:
        for task in copies:
            task.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
    return counts[0], counts[1]
