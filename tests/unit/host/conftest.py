"""What several of these tests rest on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from host.folders.disk import ThreadDisk
from host.registry.db import HostDB


@pytest.fixture
def disk() -> Iterator[ThreadDisk]:
    made = ThreadDisk()
    yield made
    made.close()


@pytest.fixture
async def db(tmp_path: Path, disk: ThreadDisk) -> AsyncIterator[HostDB]:
    opened = await HostDB.open(tmp_path / "host.db", disk)
    yield opened
    await opened.close()
