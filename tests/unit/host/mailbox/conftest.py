"""A session with a folder, and the host's hand at its inbound.db."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.mailbox.inbound import InboundWriter
from host.registry.sessions import Session
from sessiondb import Address, SessionFolder

NOW = 3_600_000  # ms
PLACE = Address("memory", "w", "c")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = Session("s1234567890", "default", PLACE, "public", SessionFolder(tmp_path / "s"))
    made.folder.create()
    return made


@pytest.fixture
def writer(session: Session) -> Iterator[InboundWriter]:
    opened = InboundWriter(session.folder.inbound_db, lambda: NOW)
    yield opened
    opened.close()
