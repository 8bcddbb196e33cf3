"""A conversation whose runner lives in a container, and what becomes of it when either side is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host.live.progress import WAITING
from host.runners.launch.docker import DockerLauncher
from tests.fakes.model_api import FakeModelAPI, Usage, answer
from tests.fakes.platform import TIMEOUT
from tests.support.asking import MODEL
from tests.support.dockers import clean_up, containers_of, docker_config, docker_serving
from tests.support.engine import Installation, require_engine
from tests.support.launching import spec
from tests.support.started import Dovecote

pytest_plugins = ["tests.support.engine"]
pytestmark = pytest.mark.docker


@pytest.fixture
def data(tmp_path: Path, image: str) -> Iterator[Path]:
    yield tmp_path
    clean_up(tmp_path, image)


@contextmanager
def chat(data: Path, image: str) -> Iterator[subprocess.Popen[str]]:
    """`dovecote chat` on this folder, its lines to be written and read."""
    file = data / "dovecote.toml"
    file.write_text(
        f'data = "{data}"\n[host]\nsweep_every = 0.2\n[runner]\nlauncher = "docker"\nimage = "{image}"\n'
    )
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    arguments = ("chat", "--config", str(file))
    talk = Dovecote(*arguments, folder=data, environment=os.environ, text=True, **pipes)
    with talk:
        try:
            yield talk
        finally:
            talk.kill()


async def test_a_container_killed_in_mid_turn_is_answered_once(data: Path, image: str) -> None:
    script = '@@call mock_append {"file": "effects", "line": "x"}\n@@call send_message {"text": "working"}\n@@sleep 2\ndone'
    async with docker_serving(docker_config(data, image)) as (_, bot):
        await bot.say("c", script)
        await bot.until(lambda: "working" in bot.said("c"))
        [container] = containers_of(data, image)
        container.kill("SIGKILL")
        await bot.until(lambda: "done" in bot.said("c"))

    assert bot.said("c") == ["working", "done"]
    [effects] = data.glob("sessions/*/work/effects")
    assert effects.read_text() == "x\n"


async def test_a_container_that_somebody_removed_is_replaced(data: Path, image: str) -> None:
    async with docker_serving(docker_config(data, image)) as (_, bot):
        await bot.say("c", '@@call send_message {"text": "working"}\n@@sleep 2\ndone')
        await bot.until(lambda: "working" in bot.said("c"))
        [container] = containers_of(data, image)
        container.remove(force=True)
        await bot.until(lambda: "done" in bot.said("c"))

    assert bot.said("c") == ["working", "done"]


def test_a_killed_hosts_container_is_adopted_by_the_next(data: Path, image: str) -> None:
    with chat(data, image) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write("hello\n")
        first.stdin.flush()
        assert first.stdout.readline() == "hello\n"
        first.send_signal(signal.SIGKILL)
    [orphan] = containers_of(data, image)
    assert orphan.status == "running"
    orphan.pause()  # the host died while it held it to its share of the disk

    with chat(data, image) as second:
        said, _ = second.communicate("again\n", timeout=TIMEOUT)

    assert said.splitlines()[-1] == "again"
    lines = [json.loads(line) for line in (data / "console" / "pipe.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines if line["who"] == "agent"] == ["hello", "again"]
    log = (data / "logs" / "host.log").read_text()
    assert log.count("runner_started") == 1, log
    assert containers_of(data, image) == []


async def test_two_installations_do_not_see_each_others_containers(tmp_path: Path, image: str) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    async with docker_serving(docker_config(one, image)) as (_, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        async with docker_serving(docker_config(other, image)) as (_, another):
            await another.say("c", "good day")
            await another.until(lambda: another.said("c") == ["good day"])
            [mine], [theirs] = containers_of(one, image), containers_of(other, image)
            assert mine.id != theirs.id
        assert containers_of(other, image) == []
        assert [container.id for container in containers_of(one, image)] == [mine.id]
        await bot.say("c", "still there?")
        await bot.until(lambda: bot.said("c") == ["hello", "still there?"])


async def test_a_container_nobody_knows_of_is_removed_at_the_next_start(data: Path, image: str) -> None:
    """A start that the host forgot (it was killed in between) must not become a second runner."""
    async with docker_serving(docker_config(data, image)) as (_, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        [container] = containers_of(data, image)
        name, labels = container.name, container.labels
        container.remove(force=True)
        stray = container.client.containers.run(  # type: ignore[union-attr]
            image, ["-c", "read"], entrypoint="bash", stdin_open=True, detach=True, labels=labels, name=name
        )
        await bot.say("c", "again")
        await bot.until(lambda: bot.said("c") == ["hello", "again"])
        assert stray.id not in {one.id for one in containers_of(data, image)}


async def test_a_container_that_made_way_for_the_next_does_not_take_its_name_along(
    tmp_path: Path, image: str
) -> None:
    """What the host does not own is a stray and removed; the name says what it owns."""
    one = spec(tmp_path, f"test-{uuid.uuid4().hex}")
    launcher = DockerLauncher(docker_config(tmp_path, image).runner)
    try:
        async with asyncio.timeout(TIMEOUT):
            first = await launcher.start(one)
            second = await launcher.start(one)
            await first.wait()
            for _ in range(2):
                await launcher._look(one.installation)
            assert not second.ended.done()
            assert [
                left.id for left in Installation(require_engine(), image, one.installation).containers()
            ] == [second.container]
            await launcher.stop(second, 0.0)
    finally:
        await launcher.close()
        Installation(require_engine(), image, one.installation).remove()


async def test_more_conversations_than_places_take_turns_in_containers_and_say_that_they_wait(
    data: Path, image: str
) -> None:
    runner = {"concurrent": 1, "idle_exit": 3600}
    async with docker_serving(docker_config(data, image, runner=runner, host={"sweep_every": 0.2})) as (
        _,
        bot,
    ):
        most = 0

        def answered() -> bool:
            nonlocal most
            most = max(most, len(containers_of(data, image)))
            return all(bot.said(f"c{number}") == [f"message {number}"] for number in range(3))

        for number in range(3):
            await bot.say(f"c{number}", f"message {number}")
        await bot.until(answered)
        assert most == 1
    told = {shown.address.platform_id for shown in bot.shown if shown.status == WAITING}
    assert len(told) >= 2


@pytest.mark.parametrize("bells", [True, False], ids=["bells", "polling"])
async def test_many_conversations_are_answered_by_a_container_each(
    data: Path, image: str, bells: bool
) -> None:
    async with docker_serving(docker_config(data, image, host={"bells": bells})) as (_, bot):
        await asyncio.gather(*(bot.say(f"c{number}", f"message {number}") for number in range(4)))
        for number in range(4):
            await bot.until(lambda number=number: bot.said(f"c{number}") == [f"message {number}"])  # type: ignore[misc]
        assert len(containers_of(data, image)) == 4


async def test_claude_answers_from_a_container_through_the_gateway_within_its_budget(
    data: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeModelAPI() as api:
        monkeypatch.setenv("ANTHROPIC_API_KEY", api.key)
        options = {"max_tokens": 1000, "retries": 0}
        agent = {"provider": "claude", "model": MODEL, "options": options, "budget_usd_per_day": 0.2}
        settings = docker_config(data, image, model={"base_url": api.base_url}, agents={"default": agent})
        api.script(answer("Good morning.", usage=Usage(input_tokens=38_000)))
        async with docker_serving(settings) as (_, bot):
            await bot.say("c", "hello")
            await bot.until(lambda: len(bot.said("c")) == 1)
            await bot.say("c", "and now?")
            await bot.until(lambda: len(bot.said("c")) == 2)

    assert bot.said("c")[0] == "Good morning."
    assert "the budget of agent default for today ($0.20)" in bot.said("c")[1]
    assert "\n" not in bot.said("c")[1]
    assert len(api.requests) == 1
