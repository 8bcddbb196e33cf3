"""Runners as local processes: for the terminal, for development, for machines without a container engine.

They share the host's user and network: no isolation. A runner that outlives a killed host is found by its environment and
stopped before a new one starts; its turn goes on after its last complete step. While new conversations come in, some runners
are warm before they are needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from host.runners.launch.base import LaunchError, Runner, RunnerSpec
from host.runners.launch.echo import Echo, Followed, Followers
from host.runners.launch.logs import open_log
from host.runners.launch.warm import Kind, Pool, Warm

log = logging.getLogger(__name__)

LEFTOVER_GRACE = 3.0  # s a runner of an earlier life of the host gets to end
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
LAST_WORDS = 1.0  # s at the end for what the last runners printed
MAINTENANCE_DEADLINE = 60.0  # s


class ProcessRunner:
    def __init__(self, spec: RunnerSpec, process: asyncio.subprocess.Process) -> None:
        self.session_id = spec.session_id
        self.incarnation = spec.incarnation
        self.outline = spec.outline
        self.process = process
        self.held = False
        self.ending = False

    async def wait(self) -> int:
        return await self.process.wait()


class ProcessLauncher:
    """`module` is the program: the runner, or one that stands in for it. `warm` of a kind are kept ready at most."""

    def __init__(self, module: str = "runner", *, warm: int = 0) -> None:
        self._module = module
        self.pool = Pool(warm, self._warmed)
        self._followers = Followers()
        self._following: set[asyncio.Task[None]] = set()

    async def start(self, spec: RunnerSpec) -> ProcessRunner:
        try:
            followed = await asyncio.to_thread(Followed, spec.log, Echo(spec.session_id, spec.incarnation))
        except OSError as error:
            raise LaunchError(f"the runner's log cannot be written: {error}", transient=True) from error
        try:
            runner = ProcessRunner(spec, await self._handed_over(spec) or await self._spawn(spec, ()))
        except BaseException:
            followed.close()
            raise
        self._followers.add(followed)
        task = asyncio.create_task(self._until_its_end(runner, followed), name=f"echo:{spec.session_id}")
        self._following.add(task)
        task.add_done_callback(self._following.discard)
        return runner

    async def stop(self, runner: Runner, grace: float) -> None:
        assert isinstance(runner, ProcessRunner)  # noqa: S101 - made by this launcher
        runner.ending = True
        with contextlib.suppress(ProcessLookupError):
            runner.process.terminate()
        await self.let_go(runner)
        try:
            async with asyncio.timeout(grace):
                await runner.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(runner.process.pid, signal.SIGKILL)
            await runner.process.wait()

    async def first_process(self, runner: Runner) -> int:
        return 0  # it shares its process namespace with the whole machine

    async def hold(self, runner: Runner) -> None:
        assert isinstance(runner, ProcessRunner)  # noqa: S101 - made by this launcher
        if runner.ending or runner.process.returncode is not None:
            return
        runner.held = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(runner.process.pid, signal.SIGSTOP)

    async def let_go(self, runner: Runner) -> None:
        assert isinstance(runner, ProcessRunner)  # noqa: S101 - made by this launcher
        if runner.held:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(runner.process.pid, signal.SIGCONT)
        runner.held = False

    async def reconcile(self, installation: str, node: str = "") -> list[Runner]:
        left = await asyncio.to_thread(_pids_of, installation, node)
        await asyncio.to_thread(_end_all, left)
        return []

    async def maintain(self, spec: RunnerSpec, *, delivered_up_to: int, older_than: int) -> None:
        arguments = ("--maintain", f"--delivered-up-to={delivered_up_to}", f"--older-than={older_than}")
        process = await self._spawn(spec, arguments)
        try:
            async with asyncio.timeout(MAINTENANCE_DEADLINE):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            code = await process.wait()
        if code != 0:
            raise LaunchError(f"maintenance ended with code {code}", transient=True, code=code)

    async def close(self) -> None:
        await self.pool.close()
        if self._following:
            await asyncio.wait(self._following, timeout=LAST_WORDS)
        for task in self._following:
            task.cancel()
        self._followers.close()

    async def _until_its_end(self, runner: ProcessRunner, followed: Followed) -> None:
        await runner.process.wait()
        await self._followers.end(followed)

    async def _handed_over(self, spec: RunnerSpec) -> asyncio.subprocess.Process | None:
        """A warm runner that is the session's from now on. One that did not take it is confirmed dead before another may."""
        kind = Kind(spec.installation, _provider_of(spec), spec.node)
        while (one := self.pool.take(kind)) is not None:
            try:
                output = await asyncio.to_thread(open_log, spec.log)
                try:
                    await asyncio.to_thread(one.hand_over, _environment(spec), spec.folder.work, output)
                finally:
                    os.close(output)
            except OSError as error:
                log.warning(
                    "A warm runner did not take its session: %s", error, extra={"action": "not_taken"}
                )
                await one.end()
            except BaseException:
                await one.end()
                raise
            else:
                fields = {"action": "runner_handed_over", "session": spec.session_id}
                log.info("A warm runner has the session", extra=fields)
                return one.process
        return None

    async def _warmed(self, kind: Kind) -> Warm:
        """Raises `OSError`."""
        ours, theirs = socket.socketpair()
        environment = {**_passed_on(), **marks(kind)}
        arguments = ("-P", "-m", self._module, "--warm", kind.provider)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        return Warm(process, ours)

    async def _spawn(self, spec: RunnerSpec, arguments: Sequence[str]) -> asyncio.subprocess.Process:
        try:
            output = await asyncio.to_thread(open_log, spec.log)
            try:
                return await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",  # the working folder is the agent's: a module there must not stand in for ours
                    "-m",
                    self._module,
                    *arguments,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=_environment(spec),
                    cwd=spec.folder.work,
                    start_new_session=True,
                )
            finally:
                os.close(output)
        except OSError as error:
            raise LaunchError(
                f"the runner's process could not be started: {error}", transient=True
            ) from error


def _passed_on() -> dict[str, str]:
    """What every runner has from the host's environment, whomever it is for."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**passed, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}


def marks(whose: RunnerSpec | Kind) -> dict[str, str]:
    """By which a later life of the host knows it for its own."""
    return {"DOVECOTE_INSTALLATION": whose.installation, "DOVECOTE_NODE": whose.node}


def _environment(spec: RunnerSpec) -> dict[str, str]:
    return {
        **_passed_on(),
        # Nothing is mounted here: what names a file's place in a container names the file itself.
        **{name: str(spec.files.get(value, value)) for name, value in spec.environment.items()},
        **marks(spec),
        "DOVECOTE_INCARNATION": spec.incarnation,
        "DOVECOTE_SESSION_DIR": str(spec.folder.root),
        "DOVECOTE_WORKSPACE": str(spec.folder.work),
        "DOVECOTE_SHARED": str(spec.shared),
        "DOVECOTE_AGENT_DIR": str(spec.agent or ""),
    }


def _provider_of(spec: RunnerSpec) -> str:
    return str(json.loads(spec.environment.get("DOVECOTE_AGENT", "{}")).get("provider", "mock"))


def _pids_of(installation: str, node: str) -> list[int]:
    """Processes whose environment names this installation, and no other node. Another user's cannot be read and are not ours."""
    mark, nodes = f"DOVECOTE_INSTALLATION={installation}".encode(), b"DOVECOTE_NODE="
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        of = [
            one.removeprefix(nodes).decode(errors="replace") for one in environment if one.startswith(nodes)
        ]
        if mark in environment and (not node or not set(of).difference(("", node))):
            found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def _end_all(pids: Sequence[int]) -> None:
    """They are no children of this process, so there is nothing to wait on but /proc."""
    for pid in pids:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + LEFTOVER_GRACE
    while any(_is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            for pid in pids:
                _signal(pid, signal.SIGKILL)
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
