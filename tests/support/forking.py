"""Hosts and runners in processes of their own that begin with everything imported: the real program, at the price of a fork.

A fresh host imports for more than a second of a core, a runner for two where its provider is Claude. How fresh ones come up, and
what they have in their environment, is seen in the tests of the launchers, of warm runners, of `chat` and of kills.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from host.runners.launch.base import LaunchError, RunnerSpec
from host.runners.launch.logs import open_log
from host.runners.launch.process import ProcessLauncher, _environment, _passed_on, marks
from host.runners.launch.warm import Kind, Warm
from tests.support import commands

# By what is found who is a runner, and whose.
MARKS = ("DOVECOTE_INSTALLATION", "DOVECOTE_NODE", "DOVECOTE_INCARNATION", "DOVECOTE_SESSION_DIR")


class ForkedLauncher(ProcessLauncher):
    """Its runners are seen as all are: in a session of their own, with what was put into their environment."""

    async def _spawn(self, spec: RunnerSpec, arguments: Sequence[str]) -> asyncio.subprocess.Process:
        try:
            os.close(await asyncio.to_thread(open_log, spec.log))
        except OSError as error:
            raise LaunchError(
                f"the runner's process could not be started: {error}", transient=True
            ) from error
        files = (Path(os.devnull), spec.log)
        return _forked(_runner, self._module, tuple(arguments), spec.folder.work, files, _environment(spec))

    async def _warmed(self, kind: Kind) -> Warm:
        ours, theirs = socket.socketpair()
        environment = {**_passed_on(), **marks(kind)}
        with theirs:
            files = (commands.Given(theirs.fileno()), Path(os.devnull))
            arguments = ("--warm", kind.provider)
            process = _forked(_runner, self._module, arguments, Path("/"), files, environment)
        return Warm(process, ours)


def dovecote(
    *arguments: str, folder: Path, environment: Mapping[str, str], said: Path, first: str = ""
) -> asyncio.subprocess.Process:
    """`dovecote` in that folder, with both outputs added to `said`. `first` is Python that runs before."""
    said.touch()
    files = (Path(os.devnull), said)
    return _forked(commands.child, arguments, folder, dict(environment), files, 0, partial(exec, first, {}))


def serving(
    serve: Callable[..., Coroutine[Any, Any, None]], *arguments: object, said: Path
) -> asyncio.subprocess.Process:
    """A module's function that serves, in a process of its own, with both outputs added to `said`."""
    said.touch()
    return _forked(_served, serve, arguments, dict(os.environ), said)


def _served(
    serve: Callable[..., Coroutine[Any, Any, None]],
    arguments: Sequence[object],
    environment: Mapping[str, str],
    said: Path,
) -> None:
    commands.settle(Path.cwd(), environment, (Path(os.devnull), said), own_session=False)
    asyncio.run(serve(*arguments))


def _forked(target: Callable[..., None], *job: object) -> asyncio.subprocess.Process:
    return cast(asyncio.subprocess.Process, _Forked(commands.begun(target, *job)))


class _Forked:
    """As much of asyncio's process as is used."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        self.pid = process.pid or 0
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        loop.add_reader(process.sentinel, self._ends)

    @property
    def returncode(self) -> int | None:
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def send_signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def _ends(self) -> None:
        self._ended.get_loop().remove_reader(self._process.sentinel)
        code = self._process.exitcode
        if not self._ended.done():
            self._ended.set_result(255 if code is None else code)


def _runner(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    files: Sequence[Path | int],
    environment: Mapping[str, str],
) -> None:
    commands.settle(folder, environment, files, own_session=True)
    _show(environment)
    sys.argv = ["runner", *arguments]
    main = importlib.import_module("runner.__main__" if module == "runner" else module).main
    sys.exit(main())


def _show(environment: Mapping[str, str]) -> None:
    """To whoever looks into /proc for runners: the kernel shows what stands where a program found it at its beginning."""
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(stat[47]), int(stat[48])
    first = sorted(environment.items(), key=lambda named: not named[0].startswith(MARKS))
    shown = b"".join(f"{name}={value}\0".encode() for name, value in first)[: end - start]
    assert all(f"{name}={value}".encode() in shown for name, value in first if name in MARKS)
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, shown, len(shown))
