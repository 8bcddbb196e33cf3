"""The list of all tasks that operators see, from the files of all conversations."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from host.cli import story
from host.cli import tasks_seen as tasks
from host.registry.db import open_registry
from sessiondb import Address
from tests.support.firing import Clock, living

MONDAY = 1_795_420_800_000  # ms UTC


async def test_every_task_is_listed_with_whose_it_is(tmp_path: Path) -> None:
    async with living(tmp_path / "data", Clock(MONDAY)) as life:
        session = await life.session()
        task = await life.schedule(session, "0 9 * * *")
    [found] = tasks._all(tmp_path / "data")
    assert (found.task.id, found.session_id) == (task, session.id)
    assert tasks._receipts(tmp_path / "data", found) == []


async def test_a_file_of_which_only_the_header_is_sound_hides_no_other_conversations_tasks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with living(tmp_path / "data", Clock(MONDAY)) as life:
        sick, well = [await life.session(Address("memory", "w", name)) for name in ("c", "d")]
        for session in (sick, well):
            await life.schedule(session, "0 9 * * *", name=session.id)
    whole = sick.folder.inbound_db.read_bytes()
    sick.folder.inbound_db.write_bytes(whole[:4_096] + b"\x55" * (len(whole) - 4_096))
    [found] = tasks._all(tmp_path / "data")
    assert found.session_id == well.id
    assert sick.id in capsys.readouterr().err
    with closing(open_registry(tmp_path / "data")) as registry:
        assert story._found(registry, tmp_path / "data", sick.id) == []
