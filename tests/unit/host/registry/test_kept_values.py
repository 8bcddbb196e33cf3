"""Values of host.db that were damaged one by one: none of them keeps a host from its start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.registry import installation, meta, resumption
from host.registry.db import open_host_db
from host.registry.port import Statements
from host.upkeep.backups import upgrading

DAMAGES = ["", "soon", "[]", '{"made_at": null}', "null", "9" * 30, "\ufffd"]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Statements]:
    connection = open_host_db(tmp_path / "host.db")
    yield connection
    connection.close()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_stays_held_by_a_mark_that_cannot_be_read_until_somebody_releases_it(
    records: Statements, damage: str
) -> None:
    meta.put(records, "held", damage)
    assert resumption.held(records)
    assert resumption.release(records, 500, answer=False)
    assert not resumption.held(records)
    assert resumption.lapse(records) == resumption.Lapse(0, 500)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lapse_that_cannot_be_read_is_none_and_a_version_the_oldest(
    records: Statements, tmp_path: Path, damage: str
) -> None:
    known = installation.load(records)
    for key in ("lapse", "contract"):
        meta.put(records, key, damage)
    assert upgrading._versions(tmp_path / "host.db") in (None, "31.1")
    again = installation.load(records)
    assert (again.id, again.lapse) == (known.id, resumption.Lapse())
