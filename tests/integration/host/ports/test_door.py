"""A server that faces a network: places for connections, deadlines for heads and bodies."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from host.ports import door
from tests.support.doors import opened

PATIENCE = 30.0  # s
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"


async def reads(reader: asyncio.StreamReader) -> bytes:
    """Until the other side closes; a reset is an end, too."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def test_a_head_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte after byte, without ever being a request: neither before the first one nor after an answer."""
    async with opened(head_deadline=0.2) as address:
        for begun in (b"", b"POST / HTT", HEAD):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(begun)
            assert await reads(reader) == b""
            writer.close()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(HEAD + b"\r\nhi")
        assert (await reads(reader)).endswith(b"hi")
        writer.close()


async def test_a_body_that_never_ends_is_answered_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_DEADLINE", 0.2)
    async with opened() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(HEAD + b"\r\nh")
        async with asyncio.timeout(PATIENCE):
            assert b" 408 " in await reader.readline()
        writer.close()


async def test_beyond_the_places_a_connection_is_closed_at_once_and_a_place_that_is_left_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(door, "CONNECTIONS", 2)
    async with opened() as address:
        inside = [await asyncio.open_connection(*address) for _ in range(2)]
        for reader, writer in inside:  # an answer shows that it has its place
            writer.write(HEAD + b"\r\nhi")
            async with asyncio.timeout(PATIENCE):
                assert b" 200 " in await reader.readline()
        reader, writer = await asyncio.open_connection(*address)
        assert await reads(reader) == b""
        inside[0][1].close()
        async with asyncio.timeout(PATIENCE):
            while True:  # the other side hears of the end in its own time
                reader, writer = await asyncio.open_connection(*address)
                writer.write(HEAD + b"\r\nhi")
                try:
                    if b" 200 " in await reader.readline():
                        break
                except ConnectionError:
                    continue


def test_a_peer_from_the_network_has_a_share_of_the_places_and_a_proxy_on_this_machine_has_none_to_exhaust() -> (
    None
):
    entrance = door.Door(web.Application())
    most = door.CONNECTIONS_OF_A_PEER
    visitors = [door._Visitor(entrance, asyncio.Protocol()) for _ in range(most * 3)]
    transports = [asyncio.BaseTransport() for _ in visitors]
    there = list(zip(visitors, transports, strict=True))
    assert all(entrance.enter(visitor, transport, "198.51.100.7") for visitor, transport in there[:most])
    assert not entrance.enter(*there[most], "198.51.100.7")
    assert entrance.enter(*there[most], "198.51.100.8")
    assert all(entrance.enter(visitor, transport, "") for visitor, transport in there[most + 1 :])
    entrance.leave(transports[0], "198.51.100.7")
    assert entrance.enter(*there[0], "198.51.100.7")
