"""The door of a session's socket: tells a request for a tunnel from any other request, and counts who is inside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

CONNECTIONS_AT_A_TIME = 64  # of one session: hostile code cannot use up the host's descriptors
LARGEST_HEAD = 8_192  # bytes of a CONNECT request
HEAD_DEADLINE = 30.0  # s until the first line of a connection must have come
CONNECT = b"CONNECT "

Begin = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], object]


class Entrance:
    """Makes the protocols of one session's connections: `serve()` is an HTTP server's, `begin` takes a tunnel over."""

    def __init__(self, serve: Callable[[], asyncio.Protocol], begin: Begin) -> None:
        self.serve = serve
        self.begin = begin
        self.inside: set[_Front] = set()

    def __call__(self) -> asyncio.Protocol:
        return _Front(self)

    def close(self) -> None:
        """Ends those who have not said yet what they want."""
        for front in list(self.inside):
            front.give_up()


class _Front(asyncio.Protocol):
    """Reads the beginning, then hands every event on to the protocol that it chose."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._inner: asyncio.Protocol | None = None
        self._begun = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if len(self._entrance.inside) >= CONNECTIONS_AT_A_TIME:
            self._transport.abort()
            return
        self._entrance.inside.add(self)
        self._deadline = asyncio.get_running_loop().call_later(HEAD_DEADLINE, self.give_up)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._entrance.inside:
            self._entrance.inside.discard(self)
            self._deadline.cancel()
        if self._inner is not None:
            self._inner.connection_lost(error)

    def give_up(self) -> None:
        if self._inner is None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)
            return
        self._begun += data
        if not self._begun.startswith(CONNECT):
            if not CONNECT.startswith(self._begun):
                self._hand_over(self._entrance.serve(), self._begun)
            return
        head, end, rest = self._begun.partition(b"\r\n\r\n")
        if end:
            self._begin_tunnel(head, rest)
        elif len(self._begun) > LARGEST_HEAD:
            self._transport.abort()

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def _begin_tunnel(self, head: bytes, rest: bytes) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        streams = asyncio.StreamReaderProtocol(reader, loop=loop)
        self._hand_over(streams, rest)
        writer = asyncio.StreamWriter(self._transport, streams, reader, loop)
        self._entrance.begin(head.split(b"\r\n", 1)[0].decode("latin-1"), reader, writer)

    def _hand_over(self, inner: asyncio.Protocol, begun: bytes) -> None:
        self._deadline.cancel()
        self._inner, self._begun = inner, b""
        inner.connection_made(self._transport)
        if begun:
            inner.data_received(begun)
