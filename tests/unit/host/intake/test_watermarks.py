"""Up to where a platform's history was taken in, and which threads are followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from host.intake import watermarks
from host.registry.db import open_host_db
from sessiondb import Address

CHANNEL, THREAD = Address("memory", "w", "c"), Address("memory", "w", "c", "t")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = open_host_db(tmp_path / "host.db")
    yield connection
    connection.close()


def test_each_address_has_a_mark_of_its_own_that_moves(registry: apsw.Connection) -> None:
    assert watermarks.get(registry, CHANNEL) == ""
    watermarks.advance(registry, CHANNEL, "1")
    watermarks.advance(registry, CHANNEL, "2")
    watermarks.advance(registry, THREAD, "9")
    assert (watermarks.get(registry, CHANNEL), watermarks.get(registry, THREAD)) == ("2", "9")


def test_a_platform_is_asked_for_its_own_addresses_alone(registry: apsw.Connection) -> None:
    watermarks.advance(registry, CHANNEL, "1")
    watermarks.advance(registry, CHANNEL._replace(channel_type="other"), "1")
    assert watermarks.of_platform(registry, "memory") == [CHANNEL]


def test_threads_that_are_followed_are_named_with_since_when(registry: apsw.Connection) -> None:
    registry.execute("INSERT INTO engaged VALUES (?, ?, ?, ?, 'default', 5, '')", THREAD)
    assert watermarks.engaged(registry, "memory") == [(THREAD, 5)]
    assert watermarks.engaged(registry, "other") == []
