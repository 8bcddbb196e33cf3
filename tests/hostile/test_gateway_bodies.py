"""Ten sessions that send what is expensive to read do not stop an eleventh, nor fill the host's memory."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from host.gateway import readers, reading, server
from host.gateway.readers import BURST, Room
from host.registry.sessions import Session
from tests.fakes.model_api import FakeModelAPI
from tests.support.asking import ask
from tests.support.doors import counted_unpacking
from tests.support.gateway_bench import GatewayBench
from tests.support.redteam import Seat, attack, walled

pytestmark = attack(Seat.CONTAINER, 15)

HEAD = b"POST /v1/messages?beta=true HTTP/1.1\r\nhost: gateway\r\ncontent-length: %d\r\n\r\n"
PACKED = HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
HEIGHT = 24 * 1024 * 1024  # bytes of the room here: three such bodies
VALUES = b"[" + b"0," * 4_000_000 + b"0]"


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dv-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def bench(data: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GatewayBench]:
    monkeypatch.setitem(os.environ, "ANTHROPIC_BASE_URL", "")
    async with FakeModelAPI() as api:
        made = GatewayBench(api, data)
        await made.start()
        yield made
        await made.stop()


async def status_of(session: Session, body: bytes, head: bytes = HEAD) -> int:
    """Of one request, sent in pieces; the answer may come, and the line end, before all of it is sent."""
    reader, writer = await asyncio.open_unix_connection(str(session.folder.gateway_socket))
    try:
        writer.write(head % len(body))
        for start in range(0, len(body), 262_144):
            writer.write(body[start : start + 262_144])
            await writer.drain()
        return int((await reader.readline()).split()[1])
    except ConnectionError:
        return 0
    finally:
        writer.close()


@walled
async def test_a_body_unpacks_to_a_thousand_times_its_size(
    bench: GatewayBench, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """While it arrives, in the loop of all, before anybody has counted what it is."""
    monkeypatch.setattr(server, "UNPACKS", not standing)
    unpacked = counted_unpacking(monkeypatch)
    session = await bench.session()
    assert await status_of(session, gzip.compress(bytes(5_000_000)), PACKED) == 415
    assert (sum(unpacked) == 0) is standing


@walled
async def test_bodies_that_are_expensive_to_read_are_refused_and_cost_others_nothing(
    bench: GatewayBench, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """Taken in whole and read on the spot they fill the host, however soon each is refused for what it says."""
    held: list[int] = []

    class Watched(Room):
        def take(self, session: str, count: int) -> None:
            super().take(session, count)
            held.append(self.held)

    if not standing:
        monkeypatch.setattr(readers, "SMALL", 10**12)
        monkeypatch.setattr(reading, "MOST_VALUES", 10**12)
    bench.gateway._readers.room = Watched(HEIGHT if standing else 10**12)
    hostile = [await bench.session(str(number)) for number in range(10 if standing else 3)]
    quiet = await bench.client("quiet")

    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    attack = asyncio.gather(*(status_of(session, VALUES) for session in hostile))
    answers = [await quiet.messages.create(**ask()) for _ in range(5)]

    assert all(answer.stop_reason == "end_turn" for answer in answers)
    assert ({413, 429} >= set(await attack) - {0}) is standing  # 0: hung up on
    kept, most = (figure - before for figure in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    assert (most < 6 * len(VALUES)) is standing
    assert not standing or kept < len(VALUES)  # no refusal keeps the body that it was for
    assert max(held) <= HEIGHT
    assert bench.gateway._readers.room.held == 0
    assert len(bench.api.requests) == 5  # nothing of the attack left the host


@walled
async def test_calls_that_cost_nothing_are_limited_in_their_rate(
    bench: GatewayBench, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    monkeypatch.setattr(readers, "PER_SECOND", 0.0)  # a slow machine would earn its calls back
    if not standing:
        monkeypatch.setattr(readers, "BURST", 1_000_000)
    hostile, quiet = await bench.session("hostile"), await bench.client("quiet")

    found = [await status_of(hostile, b"{}") for _ in range(BURST + 3)]

    assert found[0] == 403
    assert (429 in found) is standing
    assert (await quiet.messages.create(**ask())).stop_reason == "end_turn"
