"""The list of all tasks that operators see, from the files of all conversations."""

from __future__ import annotations

from pathlib import Path

from host.cli import tasks_seen as tasks
from tests.support.firing import Clock, living

MONDAY = 1_795_420_800_000  # ms UTC


async def test_every_task_is_listed_with_whose_it_is(tmp_path: Path) -> None:
    async with living(tmp_path / "data", Clock(MONDAY)) as life:
        session = await life.session()
        task = await life.schedule(session, "0 9 * * *")
    [found] = tasks._all(tmp_path / "data")
    assert (found.task.id, found.session_id) == (task, session.id)
    assert tasks._receipts(tmp_path / "data", found) == []
