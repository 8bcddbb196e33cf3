"""The container engine is stopped in mid-turn and comes back: messages wait, and every one is answered once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.runners import sweep
from tests.support.dockers import docker_config, docker_serving
from tests.support.private_engine import private_engine

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]


async def test_what_an_engines_restart_interrupts_goes_on_and_what_came_meanwhile_is_answered(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "START_BACKOFF", 300)
    script = '@@call mock_append {"file": "effects", "line": "x"}\n@@call send_message {"text": "working"}\n@@sleep 5\ndone'
    with private_engine() as engine:
        await asyncio.to_thread(engine.load, image)
        settings = docker_config(
            tmp_path, image, runner={"engine": engine.address}, host={"sweep_every": 0.5}
        )
        async with docker_serving(settings) as (_, bot):
            await bot.say("c", script)
            await bot.until(lambda: bot.said("c") == ["working"])
            await asyncio.to_thread(engine.stop)
            await bot.say("d", "are you there?")
            await bot.until(lambda: len(bot.said("d")) == 1)
            assert "the container engine does not answer" in bot.said("d")[0]
            await asyncio.to_thread(engine.start)
            await bot.until(lambda: bot.said("c")[-1] == "done" and "are you there?" in bot.said("d"))

    assert bot.said("c") == ["working", "done"]
    assert bot.said("d")[1:] == ["are you there?"]
    [effects] = tmp_path.glob("sessions/*/work/effects")
    assert effects.read_text() == "x\n"
