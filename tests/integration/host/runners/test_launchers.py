"""One contract, every launcher that needs no engine; and the supervisor on top of the fake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from host.mailbox.inbound import InboundWriter
from host.runners.launch import labels
from host.runners.launch.base import Launcher
from host.runners.launch.fake import FakeLauncher
from host.runners.launch.process import ProcessLauncher
from tests.fakes.platform import TIMEOUT
from tests.support.forking import ForkedLauncher
from tests.support.hosting import config, serving
from tests.support.launching import spec
from tests.support.waiting import eventually


@pytest.fixture(params=[ProcessLauncher, ForkedLauncher, FakeLauncher])
def make_launcher(request: pytest.FixtureRequest) -> Callable[[], Launcher]:
    made: Callable[[], Launcher] = request.param
    return made


async def test_a_runner_that_is_started_lives_until_it_is_stopped(
    tmp_path: Path, make_launcher: Callable[[], Launcher]
) -> None:
    launcher = make_launcher()
    runner = await launcher.start(spec(tmp_path))
    ended = asyncio.create_task(runner.wait())
    async with asyncio.timeout(TIMEOUT):
        await launcher.stop(runner, 20.0)
        assert await ended in (0, -15)


async def test_a_runner_that_is_held_can_be_let_go_and_stopped(
    tmp_path: Path, make_launcher: Callable[[], Launcher]
) -> None:
    launcher = make_launcher()
    runner = await launcher.start(spec(tmp_path))
    async with asyncio.timeout(TIMEOUT):
        await launcher.hold(runner)
        assert runner.held
        await launcher.let_go(runner)
        assert not runner.held
        await launcher.hold(runner)
        await launcher.stop(runner, 20.0)
        assert await runner.wait() in (0, -15)
        await launcher.hold(runner)  # it has ended, and stays so
        await launcher.let_go(runner)


async def test_maintenance_of_a_session_without_a_runner_succeeds(
    tmp_path: Path, make_launcher: Callable[[], Launcher]
) -> None:
    async with asyncio.timeout(TIMEOUT):
        await make_launcher().maintain(spec(tmp_path), delivered_up_to=0, older_than=0)


async def test_a_second_runner_of_the_same_session_ends_by_itself(tmp_path: Path) -> None:
    launcher = ProcessLauncher()
    one = spec(tmp_path)
    first = await launcher.start(one)
    async with asyncio.timeout(TIMEOUT):
        await eventually(one.folder.heartbeat.exists)
        second = await launcher.start(one)
        assert await second.wait() == 3
        await launcher.stop(first, 20.0)


async def test_what_a_runner_prints_is_in_the_hosts_log_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = ProcessLauncher()
    odd = replace(spec(tmp_path), environment={"DOVECOTE_AGENT": '{"nothing": "known"}'})
    runner = await launcher.start(odd)
    async with asyncio.timeout(TIMEOUT):
        await runner.wait()
    await launcher.close()
    [told] = [record for record in caplog.records if getattr(record, "action", "") == "runner"]
    assert (told.session, told.runner, told.levelname) == ("s1", "one", "WARNING")  # type: ignore[attr-defined]
    assert told.said.startswith("ERROR runner: DOVECOTE_AGENT: not an agent's JSON")  # type: ignore[attr-defined]
    assert "not an agent's JSON" in odd.log.read_text()


async def test_leftovers_are_ended_and_another_installation_s_or_node_s_are_left_alone(
    tmp_path: Path,
) -> None:
    launcher, runners = ProcessLauncher(), {}
    for name, node in (("a", "n1"), ("a", "n2"), ("a", ""), ("b", "n1")):
        (tmp_path / f"{name}{node}").mkdir()
        one = replace(spec(tmp_path / f"{name}{node}", f"installation-{name}"), node=node)
        runners[f"{name}{node}"] = await launcher.start(one)
    async with asyncio.timeout(TIMEOUT):
        await ProcessLauncher().reconcile("installation-a", "n1")
        await runners["an1"].wait()
        await runners["a"].wait()  # from before the machine had several
        assert runners["an2"].process.returncode is None
        await ProcessLauncher().reconcile("installation-a")  # and when it has one again
        await runners["an2"].wait()
        assert runners["bn1"].process.returncode is None
        await launcher.stop(runners["bn1"], 20.0)


def test_a_container_is_one_node_s_where_several_share_an_engine() -> None:
    of_n1: dict[str, Any] = {"Labels": {labels.NODE: "n1"}}
    of_none: dict[str, Any] = {"Labels": {}}
    assert [labels.is_of(of_n1, node) for node in ("n1", "n2", "")] == [True, False, True]
    assert all(labels.is_of(of_none, node) for node in ("n1", "n2", ""))


async def test_a_start_that_fails_is_tried_again_after_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.runners.sweep.START_BACKOFF", 10)
    launcher = FakeLauncher()
    for _ in range(3):
        launcher.fail_next("start")
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await launcher.changed.wait()
        assert len(launcher.started) == 1
        launcher.started[0].end(0)


async def test_a_second_wake_while_the_runner_starts_joins_the_first(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        await asyncio.gather(*(bot.say("c", f"message {number}") for number in range(10)))
        async with asyncio.timeout(TIMEOUT):
            await launcher.changed.wait()
        await bot.say("c", "one more")
        assert len(launcher.started) == 1


async def test_each_life_has_an_incarnation_of_its_own_committed_before_its_start(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with serving(config(tmp_path), launcher=launcher) as (_, bot):
        await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await launcher.changed.wait()
            first = launcher.started[0]
            launcher.changed.clear()
            first.end(0)
            await launcher.changed.wait()
        second = launcher.started[1]
        assert first.incarnation != second.incarnation
        reader = InboundWriter(second.spec.folder.inbound_db, lambda: 1)
        assert reader.value("incarnation") == second.incarnation
        reader.close()


async def test_people_hear_that_an_agent_was_taken_from_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.runners.sweep.START_BACKOFF", 10)
    launcher = FakeLauncher()
    with_it = config(tmp_path, agents={"gone": {}}, routes=[{"agent": "gone"}])
    async with serving(with_it, launcher=launcher) as (_, bot):
        await bot.say("c", "hello")
        async with asyncio.timeout(TIMEOUT):
            await launcher.changed.wait()
    async with serving(config(tmp_path), launcher=FakeLauncher()) as (_, bot):
        await bot.until(lambda: bool(bot.said("c")))
        assert "cannot start" in bot.said("c")[0]


@pytest.mark.parametrize("broken", ["shared folder", "working folder", "bell"])
async def test_a_start_that_cannot_make_its_folders_counts_backs_off_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """audit_spec. Whatever a start raises: what stands in its way is named in the log, and the person hears of it."""
    monkeypatch.setattr("host.runners.sweep.START_BACKOFF", 10)
    launcher = FakeLauncher()
    if broken == "shared folder":
        (tmp_path / "workspaces").write_text("in the way")
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (_, bot):
        await bot.say("c", "hello")
        if broken != "shared folder":
            async with asyncio.timeout(TIMEOUT):
                await launcher.changed.wait()
            [folder] = (tmp_path / "sessions").iterdir()
            in_the_way = folder / ("work" if broken == "working folder" else "gateway/to-host.bell")
            in_the_way.rmdir() if in_the_way.is_dir() else in_the_way.unlink()
            in_the_way.write_text("in the way")
            launcher.started[0].end(0)
        await bot.until(lambda: bool(bot.said("c")))
        assert "cannot start right now" in bot.said("c")[0]
        assert str(tmp_path) not in bot.said("c")[0]
