"""A task's script decides whether the agent is asked; one that misbehaves is stopped, seen and tried again later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runner import gate
from runner.gate import GateError
from tests.fakes.platform import TIMEOUT
from tests.support.hosting import serving
from tests.support.tasking import scheduled, settings, task_id

SHELL = {"options": {"tools": ["bash", "schedule_task", "list_tasks", "run_task_now"]}}


async def test_the_last_line_decides_and_what_came_before_is_shown(tmp_path: Path) -> None:
    found = await gate.run('echo looked; echo \'{"wake": true, "data": {"open": 3}}\'', tmp_path)
    assert found.wake
    assert found.output == 'looked\n{"open": 3}'
    assert not (await gate.run("echo '{\"wake\": false}'", tmp_path)).wake


async def test_half_a_character_and_a_line_separator_in_its_data_do_no_harm(tmp_path: Path) -> None:
    said = r"""printf '{"wake": true, "data": "a\\ud800\u2028b"}\n'"""
    found = await gate.run(said, tmp_path)
    assert found.wake
    assert found.output == '"a?\u2028b"'


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "status 3"),
        ("echo oops >&2; exit 1", "oops"),
        ("echo hello", "last line"),
        ("true", "last line"),
        ('echo \'{"wake": "yes"}\'', "last line"),
        ("printf '[%.0s' {1..100000}", "last line"),
        ("echo \0", "could not be started"),
        ("yes", "more than"),
        ("head -c 1000000000 /dev/zero", "more than"),
        ("yes >&2", "more than"),
    ],
)
async def test_a_script_that_does_not_decide_is_a_failure_in_words(
    tmp_path: Path, script: str, reason: str
) -> None:
    with pytest.raises(GateError, match=reason):
        await gate.run(script, tmp_path)


async def test_a_script_that_never_ends_is_stopped_with_everything_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "TIME_LIMIT", 0.5)
    with pytest.raises(GateError, match="longer than"):
        await gate.run("sleep 1000 & echo $! > child; sleep 1000", tmp_path)
    child = int((tmp_path / "child").read_text())
    assert not Path(f"/proc/{child}/status").exists() or "zombie" in Path(f"/proc/{child}/status").read_text()


async def test_a_run_that_its_script_does_not_wake_says_nothing_and_one_that_it_wakes_has_its_data(
    tmp_path: Path,
) -> None:
    async with serving(settings(tmp_path, **SHELL)) as (host, bot):
        quiet = "echo '{\"wake\": false}'"
        loud = 'echo \'{"wake": true, "data": 42}\''
        first = {"title": "Quiet", "prompt": "never", "script": quiet}
        quiet_id = task_id(await scheduled(bot, "D1", first))
        await scheduled(bot, "D1", {"title": "Loud", "prompt": "woken", "script": loud})
        await bot.until(lambda: bot.said("D1")[-1] == "woken")
        [session] = await host.house.scheduler.sessions(sorted(host.house.scheduler._with_tasks))
        async with asyncio.timeout(TIMEOUT):
            while True:
                runs = await host.house.records.mailboxes.use(
                    session, lambda w: w.tasks.occurrences(quiet_id, 5)
                )
                if [run.outcome for run in runs] == ["completed"]:
                    break
        assert runs[0].error == "its script did not wake the agent"
        assert "never" not in bot.said("D1")
