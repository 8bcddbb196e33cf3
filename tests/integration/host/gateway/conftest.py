"""A gateway between the unmodified SDK and a fake Messages API, over a real Unix socket."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.model_api import FakeModelAPI
from tests.support.gateway_bench import GatewayBench


@pytest.fixture
async def api() -> AsyncIterator[FakeModelAPI]:
    async with FakeModelAPI() as server:
        yield server


@pytest.fixture
def data() -> Iterator[Path]:
    """Short: the address of a socket holds 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="dv-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def bench(
    api: FakeModelAPI, data: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayBench]:
    monkeypatch.setitem(os.environ, "ANTHROPIC_BASE_URL", "")
    made = GatewayBench(api, data)
    yield made
    await made.stop()
