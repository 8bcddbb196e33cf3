"""`dovecote` with pipes, signals and an exit code as `subprocess` has them, forked of a process that has imported everything.

A fresh one imports for a second of a core. That a command also comes up by itself is seen where it is begun as `fresh`, and in
the first hour.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeAlias

from tests.support import commands
from tests.support.waiting import DEADLINE


class Dovecote(subprocess.Popen[Any]):
    """`options` are those of `Popen` that say what becomes of its three streams, and whether it has a session of its own."""

    _process: BaseProcess

    def __init__(self, *arguments: str, folder: Path, environment: Mapping[str, str], **options: Any) -> None:
        super().__init__(arguments, cwd=folder, env=environment, **options)

    def _execute_child(self, arguments: Sequence[str], *given: Any) -> None:
        """Of `Popen`: what is begun here instead of a program."""
        folder, environment = given[4:6]
        ours = given[
            9:15
        ]  # both ends of each stream's pipe, or the one that was given; -1 where it is inherited
        theirs = [stream if end < 0 else end for stream, end in enumerate((ours[0], ours[3], ours[5]))]
        files = tuple(commands.Given(end) for end in theirs)
        job = (tuple(arguments), folder, dict(environment), files, 0, None, bool(given[-2]))
        try:
            self._process = commands.begun(commands.child, *job)
        finally:
            self._close_pipe_fds(*ours)  # type: ignore[attr-defined]
        self.pid = self._process.pid or 0
        self._child_created = True

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        with self._waitpid_lock:  # type: ignore[attr-defined]
            if self.returncode is None:
                self.returncode = self._process.exitcode
        return self.returncode

    def _wait(self, timeout: float | None) -> int | None:
        if not wait([self._process.sentinel], timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return self._internal_poll()


def fresh(
    *arguments: str, folder: Path, environment: Mapping[str, str], **options: Any
) -> subprocess.Popen[Any]:
    """The same as a program of its own, which imports everything itself."""
    program = [sys.executable, "-c", "from host.cli import main; main()", *arguments]
    return subprocess.Popen(program, cwd=folder, env=environment, **options)


Begin: TypeAlias = Callable[..., subprocess.Popen[Any]]


def ran(
    *arguments: str,
    folder: Path,
    environment: Mapping[str, str],
    begin: Begin = Dovecote,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """With nothing to read, and what it printed in both outputs. Raises `TimeoutExpired`."""
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with begin(*arguments, folder=folder, environment=environment, text=True, **given) as process:
        try:
            out, errors = process.communicate(timeout=DEADLINE)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)
