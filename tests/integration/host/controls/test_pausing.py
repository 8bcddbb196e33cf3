"""The brake on a real host: what runs is ended and goes on afterwards, what is written is kept, and restarts change nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.cli import pausing
from host.cli.ending import NothingFoundError
from host.folders.lock import DataLock
from host.gateway.credentials import EnvironmentCredentials
from host.governance.pauses import INTERRUPTED, KEPT
from host.ports import faults
from host.registry.db import open_registry
from sessiondb import SessionError
from tests.fakes.model_api import FakeModelAPI, Gate, Hang
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, serving
from tests.support.viewing import answered

OFTEN = {"sweep_every": 0.05}


def audited(data: Path) -> list[tuple[str, str]]:
    registry = open_registry(data)
    try:
        return [
            (str(action), str(detail))
            for action, detail in registry.execute("SELECT action, detail FROM audit ORDER BY id")
        ]
    finally:
        registry.close()


async def test_what_is_written_to_a_paused_agent_is_told_once_kept_and_answered_after_it(
    tmp_path: Path,
) -> None:
    settings = config(tmp_path, host=OFTEN)
    bot = MemoryBot()
    async with serving(settings, bot) as (host, _):
        await answered(bot, "c", "before")
        pausing.pause(settings, "")
        lives = [life.task for life in host.house.supervisor.lives.values()]
        async with asyncio.timeout(TIMEOUT):
            await asyncio.gather(*lives)
        before = len(bot.said("c"))
        await bot.say("c", "one")
        await bot.say("c", "two")
        await bot.say("d", "elsewhere")
        await bot.until(lambda: bot.said("d") == [KEPT])
        assert bot.said("c")[before:] == [KEPT]
        assert not host.house.supervisor.lives
    async with serving(settings, bot) as (host, _):  # a restart changes nothing
        await bot.say("e", "still?")
        await bot.until(lambda: bot.said("e") == [KEPT])
        assert not host.house.supervisor.lives
        pausing.resume(settings, "", answer=False)
        await bot.until(lambda: all(len(bot.said(channel)) >= 2 for channel in "de"))
        await bot.until(lambda: any("two" in said for said in bot.said("c")[before + 1 :]))
        assert bot.said("c").count(KEPT) == 1
    assert audited(tmp_path) == [("pause", "everything"), ("resume", "everything")]


async def test_a_pause_counts_when_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes a moment later is not told that it is kept and answered all the same."""
    settings = config(tmp_path, host=OFTEN)
    lock = DataLock(tmp_path)
    try:
        async with serving(settings) as (host, bot):
            await answered(bot, "c", "before")
            await asyncio.to_thread(pausing.pause, settings, "")
            assert capsys.readouterr().out.startswith("everything: paused; what it was at is ended")
            said = await bot.say("c", "right after")
            await bot.until(lambda: bot.said("c")[-1] == KEPT)
            await host.house.sweep.round()
            assert bot.said("c").count(KEPT) == 1
            assert not host.house.supervisor.lives
            await asyncio.to_thread(pausing.pause, settings, "")
            assert "was paused already" in capsys.readouterr().out
            pausing.resume(settings, "", answer=False)
            assert await host.settled(said.message_id) == "completed"
    finally:
        lock.release()
    assert audited(tmp_path) == [("pause", "everything"), ("resume", "everything")]


async def test_a_turn_under_way_is_ended_told_and_gone_on_with_and_other_agents_work(tmp_path: Path) -> None:
    async with FakeModelAPI() as api:
        settings = config(
            tmp_path,
            host=OFTEN,
            model={"base_url": api.base_url},
            agents={"default": {"provider": "claude"}, "other": {"provider": "mock"}},
            routes=[{"channel": "o", "agent": "other", "engage": "always"}, {}],
        )
        gate = Gate()
        api.script(Hang(gate), "Never heard.", "Here I am.")
        keys = EnvironmentCredentials({"ANTHROPIC_API_KEY": api.key})
        async with serving(settings, credentials=keys) as (host, bot):
            await bot.say("c", "what I asked for")
            async with asyncio.timeout(TIMEOUT):
                await gate.reached(1)
            pausing.pause(settings, "default")
            await bot.until(lambda: bot.said("c") == [INTERRUPTED])
            await answered(bot, "o", "you too?")
            assert [session.agent for session, _ in host.house.supervisor.lives.running()] == ["other"]
            await gate.release()
            pausing.resume(settings, "default", answer=False)
            await bot.until(lambda: len(bot.said("c")) == 2)
        assert "what I asked for" in str(api.requests[-1].json["messages"])


def test_an_agent_that_nobody_knows_and_a_word_too_many_are_refused_in_words(tmp_path: Path) -> None:
    from host.registry.db import open_host_db

    open_host_db(tmp_path / "host.db").close()
    settings = config(tmp_path)
    with pytest.raises(NothingFoundError, match="there is no agent 'nobody'; known: default"):
        pausing.pause(settings, "nobody")
    with pytest.raises(NothingFoundError, match="nothing is held or paused"):
        pausing.resume(settings, "", answer=False)
    with pytest.raises(NothingFoundError, match="agent default is not paused"):
        pausing.resume(settings, "default", answer=False)
    pausing.pause(settings, "")
    with pytest.raises(NothingFoundError, match="everything is paused, agent default too"):
        pausing.resume(settings, "default", answer=False)
    with pytest.raises(NothingFoundError, match="there is no agent 'nobody'; known: default"):
        pausing.resume(settings, "nobody", answer=False)
    with pytest.raises(SessionError) as never:
        pausing.pause(config(tmp_path / "new"), "")
    assert "no host has run on" in faults.of(never.value)
    assert "Start one" in faults.of(never.value)
    pausing.pause(settings, "")
    pausing.resume(settings, "", answer=False)
    assert audited(tmp_path) == [("pause", "everything"), ("resume", "everything")]
