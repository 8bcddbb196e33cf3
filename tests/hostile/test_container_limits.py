"""What a container may use up, and that nothing of it outlives its stop."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from docker.errors import APIError

from host.runners.launch.docker import DockerLauncher
from tests.support.dockers import containers_of, docker_config, docker_serving
from tests.support.engine import require_engine
from tests.support.hosting import config, serving
from tests.support.redteam import Seat, attack, twin, walled
from tests.support.waiting import eventually

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, attack(Seat.CONTAINER, 8)]


def shell(command: str) -> str:
    return f"@@call bash {json.dumps({'command': command})}\n"


async def test_memory_and_disk_are_limited_and_the_conversation_goes_on(tmp_path: Path, image: str) -> None:
    limits = {"memory_mb": 128, "disk_mb": 8}
    async with docker_serving(docker_config(tmp_path, image, runner={"limits": limits})) as (_, bot):
        await bot.say("c", shell("python -c 'len(bytearray(500_000_000))' || echo refused"))
        await bot.until(lambda: len(bot.said("c")) == 1 and bot.said("c")[0].endswith("refused"))
        await bot.say("c", shell("head -c 20M /dev/zero >/workspace/large; sleep 100"))
        await bot.until(lambda: "more than 8 MiB" in bot.said("c")[-1])
        await bot.say("c", shell("rm /workspace/large") + "deleted")
        await bot.until(lambda: bot.said("c")[-1] == "deleted")

    assert len(bot.said("c")) == 3


@twin("test_memory_and_disk_are_limited_and_the_conversation_goes_on")
async def test_without_limits_a_container_takes_what_it_likes(tmp_path: Path, image: str) -> None:
    limits = {"memory_mb": 1_024, "disk_mb": 1_000}
    async with docker_serving(docker_config(tmp_path, image, runner={"limits": limits})) as (host, bot):
        take = "python -c 'len(bytearray(500_000_000))' && head -c 20M /dev/zero >/workspace/large"
        await bot.say("c", shell(f"{take} && echo taken || echo refused"))
        await bot.until(lambda: len(bot.said("c")) == 1)
        await host.house.sweep.round()
        [large] = tmp_path.glob("sessions/*/work/large")
        assert large.stat().st_size > 8 * 1024**2

    assert bot.said("c")[0].endswith("taken")


WRITE = """
import itertools
for number in itertools.count():
    with open("/workspace/large", "wb", buffering=0) as file:
        for _ in range(16):
            file.write(bytes(1_048_576))
    if number == 40:
        open("/workspace/written", "w").close()
"""


@walled
async def test_who_writes_without_an_end_is_held_and_not_taken_for_dead(
    tmp_path: Path, image: str, caplog: pytest.LogCaptureFixture, standing: bool
) -> None:
    runner = {"written_mb_s": 16 if standing else 1_000_000}
    async with docker_serving(docker_config(tmp_path, image, runner=runner)) as (host, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        [container] = containers_of(tmp_path, image)
        [life] = host.house.supervisor.lives.values()
        container.exec_run(["python", "-c", WRITE], detach=True)
        if standing:
            await eventually(lambda: life.runner is not None and life.runner.held)
            await eventually(lambda: life.runner is not None and not life.runner.held)
        else:
            await eventually(lambda: bool(list(tmp_path.glob("sessions/*/work/written"))))
        await bot.say("c", "still there?")
        await bot.until(lambda: bot.said("c") == ["hello", "still there?"])
        assert [one.id for one in containers_of(tmp_path, image)] == [container.id]

    assert ("paced" in [getattr(record, "action", "") for record in caplog.records]) is standing


async def test_nothing_that_was_started_in_a_container_outlives_its_stop(tmp_path: Path, image: str) -> None:
    mark = f"undead-{secrets.token_hex(8)}"
    stubborn = f"setsid nohup bash -c 'trap \"\" TERM HUP INT; exec -a {mark} sleep 1000' >/dev/null 2>&1 &"
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        await bot.say("c", shell(stubborn) + "started")
        await bot.until(lambda: bot.said("c") == ["started"])
        [container] = containers_of(tmp_path, image)
        assert mark in str(container.top(ps_args="-eo pid,args"))

    assert containers_of(tmp_path, image) == []
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if mark.encode() in command_line(pid)]


@twin("test_nothing_that_was_started_in_a_container_outlives_its_stop")
async def test_without_a_container_what_was_started_outlives_its_stop(tmp_path: Path) -> None:
    mark = f"undead-{secrets.token_hex(8)}"
    apart = f'trap "" TERM HUP INT; touch apart; exec -a {mark} sleep 1000'
    stubborn = f"setsid nohup bash -c '{apart}' >/dev/null 2>&1 & until [ -e apart ]; do sleep 0.05; done"
    agents = {"default": {"options": {"tools": ["bash"]}}}  # outside of a container it has to be named
    async with serving(config(tmp_path, agents=agents)) as (_, bot):
        await bot.say("c", shell(stubborn) + "started")
        await bot.until(lambda: bot.said("c") == ["started"])
        await eventually(lambda: called(mark))

    left = called(mark)
    for pid in left:
        os.kill(int(pid.name), signal.SIGKILL)
    assert left


def called(mark: str) -> list[Path]:
    return [pid for pid in Path("/proc").glob("[0-9]*") if command_line(pid).startswith(mark.encode())]


def command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


async def test_a_symlink_leads_the_host_nowhere_and_the_only_socket_is_ones_own(
    tmp_path: Path, image: str
) -> None:
    secret = tmp_path / "host.secret"
    secret.write_text("of the host")
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        await bot.say("neighbour", "hello")
        await bot.until(lambda: bot.said("neighbour") == ["hello"])
        links = f"ln -s {secret} /workspace/leak; ln -s {tmp_path} /workspace/folder; ln -s / /session/outbound/files/leak"
        await bot.say(
            "c",
            shell(f"{links}; cat /workspace/leak /workspace/folder/host.db 2>&1 | grep -c 'No such file'")
            + shell("find / -path /tmp -prune -o -type s -print 2>/dev/null")
            + '@@call send_file {"path": "leak"}\n@@call send_file {"path": "folder/host.db"}\n',
        )
        await bot.until(lambda: len(bot.said("c")) == 1)

    assert bot.said("c")[0].splitlines()[:2] == ["2", "/session/gateway/gateway.sock"]
    assert "of the host" not in str(bot.said("c"))


def containers_from(image: str) -> bool:
    return bool(require_engine().containers.list(all=True, filters={"ancestor": image}, ignore_removed=True))


@walled
async def test_an_image_of_another_contract_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(DockerLauncher, "_check_image", lambda _: None)
    # Of its own: another test at the same moment would be given the same image, and take it away.
    recipe = io.BytesIO(f"FROM {image}\nLABEL dovecote.contract=99 of={uuid4()}\n".encode())
    foreign, _ = require_engine().images.build(fileobj=recipe, rm=True)
    assert foreign.id is not None
    try:
        async with docker_serving(docker_config(tmp_path, foreign.id)) as (_, bot):
            await bot.say("c", "hello")
            await bot.until(lambda: len(bot.said("c")) == 1)
    finally:
        for left in require_engine().containers.list(
            all=True, filters={"ancestor": foreign.id}, ignore_removed=True
        ):
            with suppress(APIError):  # it is being removed already
                left.remove(force=True)
        await eventually(lambda: not containers_from(str(foreign.id)))
        require_engine().images.remove(foreign.id, force=True)

    assert ("speaks contract version 99" in bot.said("c")[0]) is standing
    assert ("run `make image`" in bot.said("c")[0]) is standing
    assert (bot.said("c") == ["hello"]) is not standing
