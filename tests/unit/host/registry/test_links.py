"""One-time links: good once, for minutes, and known to nobody who reads the records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from host.registry import links
from host.registry.db import open_host_db
from sessiondb.errors import Unavailable

NOW = 1_700_000_000_000


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = open_host_db(tmp_path / "host.db")
    yield connection
    connection.close()


def made(tmp_path: Path, now: int = NOW, user: str = "olga") -> str:
    return links.make(tmp_path / "host.db", user, now)


def test_a_link_is_good_once_and_for_whom_it_was_made(tmp_path: Path, registry: apsw.Connection) -> None:
    token = made(tmp_path)
    assert links.redeem(registry, token, NOW) == "olga"
    assert links.redeem(registry, token, NOW) == ""


def test_a_link_is_good_for_ten_minutes(tmp_path: Path, registry: apsw.Connection) -> None:
    token = made(tmp_path)
    assert links.redeem(registry, token, NOW + links.GOOD_FOR) == ""
    other = made(tmp_path)
    assert links.redeem(registry, other, NOW + links.GOOD_FOR - 1) == "olga"


def test_a_link_that_is_tried_too_late_is_gone_when_the_clock_goes_back(
    tmp_path: Path, registry: apsw.Connection
) -> None:
    token = made(tmp_path)
    assert links.redeem(registry, token, NOW + links.GOOD_FOR) == ""
    assert links.redeem(registry, token, NOW) == ""


@pytest.mark.parametrize("token", ["", "x", "\x00", "page-link:", "*", "\udcff", "é" * 60, "a" * 10_000])
def test_what_is_no_link_is_good_for_nobody(tmp_path: Path, registry: apsw.Connection, token: str) -> None:
    made(tmp_path)
    assert links.redeem(registry, token, NOW) == ""


def test_the_records_hold_no_link_that_could_be_used(tmp_path: Path, registry: apsw.Connection) -> None:
    token = made(tmp_path)
    kept = registry.execute("SELECT key, value FROM meta").fetchall()
    assert token not in str(kept)
    for key, _ in kept:
        assert links.redeem(registry, str(key).removeprefix("page-link:"), NOW) == ""


def test_links_that_nobody_used_do_not_pile_up(tmp_path: Path, registry: apsw.Connection) -> None:
    first = made(tmp_path)
    last = [made(tmp_path, NOW + number) for number in range(1, links.MOST + 1)][-1]
    assert registry.execute("SELECT count(*) FROM meta WHERE key GLOB 'page-link:*'").fetchall() == [
        (links.MOST,)
    ]
    assert links.redeem(registry, first, NOW) == ""
    assert links.redeem(registry, last, NOW) == "olga"
    made(tmp_path, NOW + 2 * links.GOOD_FOR)
    assert registry.execute("SELECT count(*) FROM meta WHERE key GLOB 'page-link:*'").fetchall() == [(1,)]


def test_a_link_is_made_only_where_a_host_has_run(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        made(tmp_path / "elsewhere")


def test_where_the_page_is_served_is_as_the_last_start_said(
    tmp_path: Path, registry: apsw.Connection
) -> None:
    assert links.where(tmp_path / "host.db") == ""
    links.serve(registry, "http://127.0.0.1:8760")
    assert links.where(tmp_path / "host.db") == "http://127.0.0.1:8760"
    links.serve(registry, "")
    assert links.where(tmp_path / "host.db") == ""
    links.serve(registry, "http://ada", "a")  # of several that serve each has its own
    links.serve(registry, "", "b")
    (tmp_path / "node").write_text("a\n")
    assert links.where(tmp_path / "host.db") == "http://ada"
