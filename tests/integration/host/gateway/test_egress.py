"""Tunnels to listed hosts: through the runner's own proxy, the session's socket and the gateway."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2
import pytest

from host.gateway import front
from host.gateway.egress import TUNNELS_AT_A_TIME
from host.registry.sessions import Session
from runner import egress
from tests.fakes.internet import PUBLIC, Website
from tests.support.asking import PATIENCE, ask
from tests.support.gateway_bench import GatewayBench

HOST = "files.example.com"
ALLOWED = {"allow": [HOST]}


@pytest.fixture
async def website(bench: GatewayBench) -> AsyncIterator[Website]:
    async with Website(HOST, bench.internet) as running:
        yield running


@asynccontextmanager
async def program(session: Session, website: Website) -> AsyncIterator[httpx2.AsyncClient]:
    """What runs in a container and obeys its proxy variables."""
    trust = ssl.create_default_context(cadata=website.authority.pem)
    async with egress.proxy(session.folder.gateway_socket) as variables:
        proxied = httpx2.AsyncClient(
            proxy=variables["HTTPS_PROXY"], verify=trust, trust_env=False, timeout=PATIENCE
        )
        async with proxied as client:
            yield client


async def connect(session: Session, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """Asks the socket for a tunnel by hand: the streams, and the status line of the answer."""
    reader, writer = await asyncio.open_unix_connection(str(session.folder.gateway_socket))
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE):
        status = (await reader.readline()).decode().strip()
    return reader, writer, status


async def status_of(session: Session, target: str) -> str:
    _, writer, status = await connect(session, target)
    writer.close()
    return status.split(" ", 1)[1]


async def test_a_listed_host_is_reached_and_its_own_certificate_is_seen(
    bench: GatewayBench, website: Website
) -> None:
    await bench.start(network=ALLOWED)

    async with program(await bench.session(), website) as client:
        fetched = await client.get(f"https://{HOST}/readme")
        posted = await client.post(f"https://{HOST}/upload", content=bytes(3_000_000))

    assert fetched.text == f"hello from {HOST}, 0 bytes came"
    assert posted.text.endswith("3000000 bytes came")
    assert website.paths == ["/readme", "/upload"]
    assert set(bench.internet.dialled) == {(PUBLIC, 443)}


async def test_without_a_list_nothing_is_reached(bench: GatewayBench, website: Website) -> None:
    await bench.start()

    async with program(await bench.session(), website) as client:
        with pytest.raises(httpx2.ProxyError, match="403"):
            await client.get(f"https://{HOST}/")

    assert bench.internet.resolved == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("other.example.com:443", "403 Forbidden"),
        (f"evil.{HOST}:443", "403 Forbidden"),
        (f"{HOST}:80", "403 Forbidden"),
        (f"{HOST}:8443", "403 Forbidden"),
        (f"{PUBLIC}:443", "403 Forbidden"),
        (f"x@{HOST}:443", "400 Bad Request"),
        (f"[::1]:443 {HOST}:443", "400 Bad Request"),
        (HOST, "400 Bad Request"),
    ],
)
async def test_what_is_not_listed_is_neither_resolved_nor_dialled(
    bench: GatewayBench, website: Website, target: str, status: str
) -> None:
    await bench.start(network=ALLOWED)

    assert await status_of(await bench.session(), target) == status
    assert bench.internet.resolved == []
    assert bench.internet.dialled == []


async def test_a_listed_name_that_leads_inside_is_refused(bench: GatewayBench, website: Website) -> None:
    await bench.start(network=ALLOWED)
    inside = ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1%lo"]
    bench.internet.names[HOST] = inside
    bench.internet.listening |= dict.fromkeys(inside, bench.internet.listening[PUBLIC])

    assert await status_of(await bench.session(), f"{HOST}:443") == "403 Forbidden"
    assert bench.internet.dialled == []


async def test_the_address_that_was_judged_is_the_one_that_is_dialled(
    bench: GatewayBench, website: Website
) -> None:
    await bench.start(network=ALLOWED)
    bench.internet.names[HOST] = ["127.0.0.1", "1.1.1.1", PUBLIC]

    assert await status_of(await bench.session(), f"{HOST}:443") == "200 Connection established"
    assert bench.internet.resolved == [HOST]
    assert bench.internet.dialled == [("1.1.1.1", 443), (PUBLIC, 443)]


async def test_a_session_has_so_many_tunnels_and_no_more(bench: GatewayBench, website: Website) -> None:
    await bench.start(network=ALLOWED)
    session, another = await bench.session(), await bench.session("2")
    opened = [await connect(session, f"{HOST}:443") for _ in range(TUNNELS_AT_A_TIME)]

    assert await status_of(session, f"{HOST}:443") == "429 Too Many Requests"
    assert await status_of(another, f"{HOST}:443") == "200 Connection established"

    for _, writer, _ in opened:
        writer.close()


async def test_an_end_of_the_session_ends_its_tunnels(bench: GatewayBench, website: Website) -> None:
    await bench.start(network=ALLOWED)
    session = await bench.session()
    reader, writer, status = await connect(session, f"{HOST}:443")

    await bench.gateway.close(session)

    assert "200" in status
    async with asyncio.timeout(PATIENCE):
        await reader.read()
    assert reader.at_eof()
    writer.close()


async def test_connections_that_say_nothing_cannot_use_the_host_up(bench: GatewayBench) -> None:
    await bench.start()
    session = await bench.session()
    client = await bench.client("2")
    async with AsyncExitStack() as stack:
        for _ in range(front.CONNECTIONS_AT_A_TIME):
            _, writer = await asyncio.open_unix_connection(str(session.folder.gateway_socket))
            stack.callback(writer.close)
        reader, writer = await asyncio.open_unix_connection(str(session.folder.gateway_socket))
        stack.callback(writer.close)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        message = await client.messages.create(**ask("hello"))

    assert message.stop_reason == "end_turn"
