"""Runners that outlive a host: the next life of the host takes over those that still are what they should be."""

from __future__ import annotations

import asyncio
import functools
import json
from pathlib import Path
from typing import Any

import apsw
import pytest

from host.cli import pausing
from host.runners import supervisor
from host.runners.launch.base import LaunchError, Runner, RunnerSpec
from host.runners.launch.fake import FakeLauncher, FakeRunner
from tests.fakes.platform import TIMEOUT
from tests.support.hosting import config, serving
from tests.support.waiting import eventually


class Outliving(FakeLauncher):
    """An engine that can be away when it is told to stop a runner: so it lives on after the host."""

    away = False

    async def stop(self, runner: Runner, grace: float) -> None:
        if self.away:
            raise LaunchError("away", transient=True)
        await super().stop(runner, grace)

    async def nth(self, number: int) -> None:
        async with asyncio.timeout(TIMEOUT):
            while len(self.started) < number:
                self.changed.clear()
                await self.changed.wait()


class Hanging(Outliving):
    """An engine that never answers one kind of call."""

    def __init__(self, hanging: str) -> None:
        super().__init__()
        self.hanging, self.asked = hanging, asyncio.Event()

    async def start(self, spec: RunnerSpec) -> FakeRunner:
        if self.hanging == "start":
            self.asked.set()
            await asyncio.Event().wait()
        return await super().start(spec)

    async def stop(self, runner: Runner, grace: float) -> None:
        if self.hanging == "stop":
            await asyncio.Event().wait()
        await super().stop(runner, grace)


async def left_behind(data: Path, **sections: Any) -> Outliving:
    """A runner of a public channel whose host is gone."""
    launcher = Outliving()
    async with serving(config(data, **sections), launcher=launcher) as (_, bot):
        await bot.say("c", "hello", privacy="public", mentioned=True)
        await launcher.nth(1)
        launcher.away = True
    launcher.away = False
    assert not launcher.started[0].ended.done()
    return launcher


async def test_a_runner_that_is_what_it_should_be_lives_on(tmp_path: Path) -> None:
    launcher = await left_behind(tmp_path)
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        await bot.say("c", "again", natural_id="later", privacy="public", mentioned=True)
        assert not launcher.started[0].ended.done()
    assert len(launcher.started) == 1
    assert launcher.started[0].ended.done()


async def test_a_runner_whose_channel_became_private_meanwhile_is_ended(tmp_path: Path) -> None:
    launcher = await left_behind(tmp_path)
    connection = apsw.Connection(str(tmp_path / "host.db"))
    connection.execute("UPDATE sessions SET scope = 'memory-w-private-c'")  # the host died right after this
    connection.close()
    async with serving(config(tmp_path), launcher=launcher):
        assert launcher.started[0].ended.done()
        await launcher.nth(2)
    first, second = launcher.started
    assert first.spec.shared != second.spec.shared
    assert second.spec.shared.name == "memory-w-private-c"


async def test_a_runner_that_was_taken_over_is_ended_when_its_channel_becomes_private(tmp_path: Path) -> None:
    launcher = await left_behind(tmp_path)
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        assert not launcher.started[0].ended.done()
        await bot.say("c", "only for us", natural_id="later", privacy="private", mentioned=True)
        await launcher.nth(2)
        assert launcher.started[0].ended.done()
    first, second = launcher.started
    assert first.spec.shared != second.spec.shared


async def test_a_runner_of_other_settings_is_ended(tmp_path: Path) -> None:
    launcher = await left_behind(tmp_path, agents={"default": {"instructions": "Be long."}})
    async with serving(
        config(tmp_path, agents={"default": {"instructions": "Be short."}}), launcher=launcher
    ):
        await launcher.nth(2)
    assert launcher.started[0].ended.done()
    assert "Be short." in launcher.started[1].spec.environment["DOVECOTE_AGENT"]


async def test_a_runner_that_knows_no_program_for_voice_messages_is_ended_once_there_is_one(
    tmp_path: Path,
) -> None:
    launcher = await left_behind(tmp_path)
    voice = {"command": "hear 'as it is'", "timeout": 5, "largest_mb": 2}
    async with serving(config(tmp_path, voice=voice), launcher=launcher):
        await launcher.nth(2)
    assert launcher.started[0].ended.done()
    before, now = (started.spec.environment.get("DOVECOTE_VOICE", "") for started in launcher.started)
    assert before == ""
    assert json.loads(now) == {"command": ["hear", "as it is"], "timeout": 5.0, "largest": 2 * 1024**2}


@pytest.mark.parametrize("hanging", ["start", "stop"])
async def test_an_engine_that_hangs_keeps_no_host_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hanging: str
) -> None:
    monkeypatch.setattr(supervisor, "ENGINE_GRACE", 0.1)
    launcher = Hanging(hanging)
    async with serving(config(tmp_path, runner={"stop_grace": 0.1}), launcher=launcher) as (_, bot):
        await bot.say("c", "hello", privacy="public", mentioned=True)
        await (launcher.nth(1) if hanging == "stop" else launcher.asked.wait())
    launcher.hanging = ""
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        await launcher.nth(1)


async def test_a_runner_whose_folder_is_odd_keeps_no_host_down(tmp_path: Path) -> None:
    launcher = await left_behind(tmp_path)
    [bell] = (tmp_path / "sessions").glob("*/gateway/to-host.bell")
    bell.unlink()
    bell.write_text("no bell")
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        assert launcher.started[0].ended.done()
        await bot.say("d", "hello", natural_id="later", privacy="public", mentioned=True)
        await launcher.nth(2)


async def test_a_runner_that_cannot_be_stopped_at_the_start_keeps_no_host_down(tmp_path: Path) -> None:
    launcher = await left_behind(tmp_path, agents={"default": {"instructions": "Be long."}})
    launcher.away = True
    async with serving(config(tmp_path), launcher=launcher):
        await eventually(lambda: len(launcher.started) == 2)  # where a real engine makes way for it
        launcher.away = False


async def test_a_runner_of_which_the_engine_tells_nothing_takes_up_nothing_that_is_private_now(
    tmp_path: Path,
) -> None:
    """It cannot be ended: whoever reads inbound.db finds that another is meant, before anything private stands there."""
    launcher = await left_behind(tmp_path)
    pausing.pause(config(tmp_path), "default")  # no start makes it the old one
    launcher.fail_next("reconcile")
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        for said, privacy in (("still for all", "public"), ("only for us", "private")):
            stored = await bot.say("c", said, natural_id=said, privacy=privacy, mentioned=True)
            sql = "SELECT 1 FROM messages_in WHERE id = ?"
            await eventually(functools.partial(_file, tmp_path, sql, stored.message_id))
            [(assigned,)] = _file(tmp_path, "SELECT value FROM session WHERE key = ?", "incarnation")
            assert (assigned == launcher.started[0].spec.incarnation) == (privacy == "public")
        assert not launcher.started[0].ended.done()


def _file(data: Path, sql: str, binding: str) -> list[tuple[Any, ...]]:
    [file] = (data / "sessions").glob("*/inbound/inbound.db")
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(5_000)
    try:
        return connection.execute(sql, (binding,)).fetchall()
    finally:
        connection.close()
