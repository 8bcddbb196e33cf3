"""Runners that were warm before their session came: whose they are, what they hold, and what a death in between costs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from host.app import Host
from host.runners.launch.process import ProcessLauncher, ProcessRunner
from host.runners.launch.warm import Kind, Warm
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, serving
from tests.support.launching import spec
from tests.support.waiting import eventually, until

ROOT = Path(__file__).resolve().parents[4]
HOST = """
import asyncio, sys
from host.runners.launch.process import ProcessLauncher
from host.runners.launch.warm import Kind

async def main():
    one = await ProcessLauncher(warm=1)._warmed(Kind("here", "mock"))
    print(one.process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def warmed(tmp_path: Path) -> AsyncIterator[tuple[Host, MemoryBot, Warm]]:
    """A host that two conversations have had, and the runner that waits for a third."""
    launcher = ProcessLauncher(warm=1)
    settings = config(tmp_path, runner={"idle_exit": 600}, host={"sweep_every": 0.2})
    async with serving(settings, launcher=launcher) as (host, bot):
        for channel in ("a", "b"):
            await bot.say(channel, "hello")
            await bot.until(lambda channel=channel: bot.said(channel) == ["hello"])  # type: ignore[misc]
        [kind] = launcher.pool._starts
        await eventually(lambda: launcher.pool.ready(kind) == 1)
        [one] = launcher.pool._ready[kind]
        await eventually(
            lambda: "apsw" in Path(f"/proc/{one.process.pid}/maps").read_text()
        )  # imports are done
        yield host, bot, one


def pid_of(host: Host, channel: str) -> int:
    [life] = [
        life for life in host.house.supervisor.lives.values() if life.session.place.platform_id == channel
    ]
    assert isinstance(life.runner, ProcessRunner)
    return life.runner.process.pid


def opened(pid: int) -> list[str]:
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]


async def test_it_holds_nothing_of_anybody_before_and_its_session_s_alone_after(tmp_path: Path) -> None:
    async with warmed(tmp_path) as (host, bot, one):
        pid = one.process.pid
        told = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"DOVECOTE_SESSION_DIR" not in told
        assert b"DOVECOTE_AGENT" not in told
        assert str(tmp_path).encode() not in told + Path(f"/proc/{pid}/cmdline").read_bytes()
        assert not any(str(tmp_path) in name for name in opened(pid))
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")

        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        assert pid_of(host, "c") == pid
        [session] = [
            life.session
            for life in host.house.supervisor.lives.values()
            if life.session.place.platform_id == "c"
        ]
        inside = [name for name in opened(pid) if name.startswith(str(tmp_path))]
        assert inside
        assert all(name.startswith(str(session.folder.root)) for name in inside)
        assert Path(f"/proc/{pid}/cwd").readlink() == session.folder.work
        assert session.folder.root / "runner.log" in map(Path, inside)
        await bot.say("c", "again")
        await bot.until(lambda: bot.said("c") == ["hello", "again"])
        assert pid_of(host, "c") == pid


async def test_one_that_dies_while_it_waits_costs_nothing(tmp_path: Path) -> None:
    async with warmed(tmp_path) as (host, bot, one):
        os.kill(one.process.pid, signal.SIGKILL)
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        assert pid_of(host, "c") != one.process.pid


async def test_one_that_dies_with_the_session_in_its_hands_is_followed_by_another(tmp_path: Path) -> None:
    async with warmed(tmp_path) as (host, bot, one):
        os.kill(one.process.pid, signal.SIGSTOP)  # the line is in its socket, and it has read nothing of it
        await bot.say("c", "hello")
        await eventually(
            lambda: any(
                isinstance(life.runner, ProcessRunner) and life.runner.process is one.process
                for life in host.house.supervisor.lives.values()
            )
        )
        os.kill(one.process.pid, signal.SIGKILL)
        await bot.until(lambda: bot.said("c") == ["hello"])
        assert pid_of(host, "c") != one.process.pid


async def test_none_is_left_when_the_host_ends(tmp_path: Path) -> None:
    async with warmed(tmp_path) as (_, _, one):
        assert one.alive
    assert not one.alive


def test_a_host_that_is_killed_takes_those_along_that_wait() -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST], cwd=ROOT, stdout=subprocess.PIPE)
    assert host.stdout is not None
    pid = int(host.stdout.readline())
    assert alive(pid)
    host.kill()
    host.wait()
    host.stdout.close()
    until(lambda: not alive(pid))


async def test_half_a_line_hands_nothing_over(tmp_path: Path) -> None:
    """The host died in the midst of it."""
    one, session = await ProcessLauncher(warm=1)._warmed(Kind("here", "mock")), spec(tmp_path)
    told = json.dumps({"environment": {"DOVECOTE_SESSION_DIR": str(session.folder.root)}, "folder": "/"})
    log = os.open(tmp_path / "log", os.O_CREAT | os.O_WRONLY)
    socket.send_fds(one._line, [told.encode()], [log])
    os.close(log)
    one._line.close()
    async with asyncio.timeout(TIMEOUT):
        assert await one.process.wait() == 0
    assert not session.folder.heartbeat.exists()
    assert not session.folder.outbound_db.exists()


async def test_what_was_handed_over_is_as_large_as_an_agent_s_instructions_may_be(tmp_path: Path) -> None:
    launcher, session = ProcessLauncher(warm=1), spec(tmp_path)
    session.environment["DOVECOTE_AGENT"] = json.dumps(
        {"name": "a", "provider": "mock", "instructions": "x" * 99_000}
    )
    kind = Kind(session.installation, "mock")
    launcher.pool._ready[kind].append(await launcher._warmed(kind))
    runner = await launcher.start(session)
    assert launcher.pool.ready(kind) == 0
    await eventually(session.folder.heartbeat.exists)
    async with asyncio.timeout(TIMEOUT):
        await launcher.stop(runner, 20.0)
    await launcher.close()


async def test_leftovers_that_were_warm_once_are_found_by_the_next_life_of_the_host(tmp_path: Path) -> None:
    launcher, session = ProcessLauncher(warm=1), spec(tmp_path, "installation-w")
    kind = Kind(session.installation, "mock")
    launcher.pool._ready[kind].append(await launcher._warmed(kind))
    runner = await launcher.start(session)
    await eventually(session.folder.heartbeat.exists)
    async with asyncio.timeout(TIMEOUT):
        await ProcessLauncher().reconcile("installation-w")
        await runner.wait()
    await launcher.close()


def alive(pid: int) -> bool:
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
