"""Task scripts inside real containers: they decide, they are bounded, and the conversation goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.mailbox.inbound import InboundWriter
from sessiondb import SessionFolder
from tests.support.dockers import clean_up, containers_of, docker_config, docker_serving
from tests.support.hosting import now_ms
from tests.support.tasking import ask, call, task_id
from tests.support.waiting import eventually

pytest_plugins = ["tests.support.engine"]
pytestmark = pytest.mark.docker

TOOLS = ["bash", "schedule_task", "run_task_now"]
BOUNDED = """
import asyncio, pathlib
from runner import gate

gate.TIME_LIMIT = 0.5
try:
    asyncio.run(gate.run("sleep 1000 & while true; do :; done", pathlib.Path("/tmp")))
except gate.GateError as error:
    print(error)
commands = [path.read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")]
assert not any(command.startswith(b"sleep") for command in commands), commands
"""


@pytest.fixture
def data(tmp_path: Path, image: str) -> Iterator[Path]:
    yield tmp_path
    clean_up(tmp_path, image)


def outcomes(data: Path, task: str) -> list[tuple[str, str]]:
    [root] = (data / "sessions").iterdir()
    writer = InboundWriter(SessionFolder(root).inbound_db, now_ms)
    try:
        return [(run.outcome, run.error) for run in writer.tasks.occurrences(task, 5)]
    finally:
        writer.close()


async def test_a_script_in_a_container_decides_and_one_that_prints_a_gigabyte_is_stopped_and_said(
    data: Path, image: str
) -> None:
    agents = {"default": {"options": {"tools": TOOLS}}}
    async with docker_serving(docker_config(data, image, agents=agents, host={"sweep_every": 1})) as (_, bot):

        async def run(script: str) -> str:
            asked = call("schedule_task", title="S", prompt="woken", cron="0 9 1 1 *", script=script)
            id_ = task_id(await ask(bot, "D1", asked))
            await ask(bot, "D1", call("run_task_now", task_id=id_))
            return id_

        loud = json.dumps({"wake": True, "data": "from inside"})
        await run(f"test -d /session && echo '{loud}'")
        await bot.until(lambda: "woken" in bot.said("D1"))

        quiet = await run("echo '{\"wake\": false}'")
        asleep = [("completed", "its script did not wake the agent")]
        await eventually(lambda: outcomes(data, quiet) == asleep)

        large = await run("yes | head -c 1000000000")
        await bot.until(lambda: any("printed more than" in text for text in bot.said("D1")))
        [(outcome, error)] = outcomes(data, large)
        assert outcome == "failed"
        assert "printed more than" in error
        assert bot.said("D1").count("woken") == 1
        assert await ask(bot, "D1", "still well?") == "still well?"


async def test_a_script_without_end_is_stopped_in_a_container_with_all_it_started(
    data: Path, image: str
) -> None:
    async with docker_serving(docker_config(data, image)) as (_, bot):
        assert await ask(bot, "D1", "hello") == "hello"
        [container] = containers_of(data, image)
        code, said = container.exec_run(["python", "-c", BOUNDED])
        assert isinstance(said, bytes)
        assert (code, said.decode().strip()) == (0, "the script took longer than 0.5 s and was stopped")
        assert await ask(bot, "D1", "still well?") == "still well?"
