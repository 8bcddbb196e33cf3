"""A conversation whose runner lives in a container, and what becomes of it when either side is killed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dockers import clean_up, containers_of, docker_config, docker_serving
from tests.fakes.platform import TIMEOUT

pytest_plugins = ["tests.engine"]
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
    talk = subprocess.Popen(
        [sys.executable, "-c", "from host.cli import main; main()", "chat", "--config", str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with talk:
        try:
            yield talk
        finally:
            talk.kill()


def test_a_line_to_the_console_is_answered_from_a_container(data: Path, image: str) -> None:
    with chat(data, image) as talk:
        said, _ = talk.communicate("hello\n", timeout=TIMEOUT)

    assert said == "hello\n"
    assert talk.returncode == 0
    assert containers_of(data, image) == []
    assert [path.name for path in data.glob("sessions/*/runner.log")] == ["runner.log"]


async def test_a_container_killed_in_mid_turn_is_answered_once(data: Path, image: str) -> None:
    script = '@@call mock_append {"file": "effects", "line": "x"}\n@@call send_message {"text": "working"}\n@@sleep 2\ndone'
    async with docker_serving(docker_config(data, image)) as (_, bot):
        await bot.say("c", script)
        await bot.until(lambda: "working" in bot.said("c"))
        [container] = containers_of(data, image)
        container.kill("SIGKILL")
        await bot.until(lambda: "done" in bot.said("c"))

    assert bot.said("c") == ["working", "done"]
    [effects] = data.glob("workspaces/*/*/effects")
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


@pytest.mark.parametrize("bells", [True, False], ids=["bells", "polling"])
async def test_many_conversations_are_answered_by_a_container_each(
    data: Path, image: str, bells: bool
) -> None:
    async with docker_serving(docker_config(data, image, host={"bells": bells})) as (_, bot):
        await asyncio.gather(*(bot.say(f"c{number}", f"message {number}") for number in range(4)))
        for number in range(4):
            await bot.until(lambda number=number: bot.said(f"c{number}") == [f"message {number}"])  # type: ignore[misc]
        assert len(containers_of(data, image)) == 4
