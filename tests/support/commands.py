"""`dovecote` in processes of its own that begin with everything imported: real commands, at the price of a fork.

Hosts and runners are forked of the same process (tests/support/forking.py).
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import signal
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from tests.support.waiting import DEADLINE, until

PRELOADED = [
    "encodings.utf_8_sig",
    "encodings.idna",
    "bots.console.terminal",
    "bots.discord.bot",
    "bots.slack.making",
    *(
        f"host.cli.{name}"
        for name in ("doctor", "inspect", "main", "owners", "run", "send", "story", "usage")
    ),
    *(f"host.cli.{name}" for name in ("backups", "mcp", "tasks_ordered", "tasks_seen")),
    "runner.__main__",
    "runner.providers.claude",
    "mcp.client.stdio",
    "tests.chaos.bot",
    "tests.support.durable",
    "tests.support.forking",
    "tests.support.sharing",
    "tests.support.frozen",
]
forked = multiprocessing.get_context("forkserver")
forked.set_forkserver_preload(PRELOADED)
_fresh = multiprocessing.get_context("spawn")
# Where this machine's own things are, which no test may reach by chance.
CLEAN = ("ANTHROPIC", "ONECLI", "SLACK", "DISCORD", "DOCKER", "HTTP", "http", "TZ")


class Given:
    """A file that is open here, for the process that begins; once it has begun, it may be closed here."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return _taken, (DupFd(self._fd),)


def _taken(passed: Any) -> int:
    return int(passed.detach())


@dataclass(frozen=True)
class Ended:
    code: int | None
    said: str  # both outputs


@dataclass
class Command:
    """How commands are run in one folder."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    uid: int = 0
    before: Callable[[], None] | None = None  # in the process, before the command: a module's function
    stdin: str = ""
    fresh: bool = False  # imports everything itself: for what is read of the environment on import

    def start(self, *arguments: str) -> tuple[BaseProcess, Path]:
        out = self.folder / f".out-{arguments[0]}-{time.monotonic_ns()}"
        out.touch()
        given = self.folder / ".stdin"
        given.write_text(self.stdin)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
        clean |= {"COLUMNS": "200", "DOCKER_HOST": "unix:///nowhere/docker.sock"} | self.environment
        job = (arguments, self.folder, clean, (given, out), self.uid, self.before)
        if not self.fresh:
            return begun(child, *job), out
        process: BaseProcess = _fresh.Process(target=child, args=job, daemon=True)
        process.start()
        return process, out

    def run(self, *arguments: str) -> Ended:
        process, out = self.start(*arguments)
        process.join(DEADLINE)
        return _ended(process, out)

    def run_until(self, words: str, *arguments: str) -> Ended:
        """Ends it once it has said so."""
        process, out = self.start(*arguments)
        try:
            until(lambda: words in out.read_text("utf-8", "replace") or not process.is_alive())
            process.terminate()  # nothing where it has ended by itself meanwhile
            process.join(DEADLINE)
        except TimeoutError:
            pass
        return _ended(process, out)

    def findings(self, *arguments: str) -> list[dict[str, Any]]:
        """What `doctor --json` found."""
        ended = self.run("doctor", "--json", *arguments)
        assert "{" in ended.said, ended.said
        told = json.loads(ended.said[ended.said.index("{") :])
        found: list[dict[str, Any]] = told["findings"]
        return found


def _ended(process: BaseProcess, out: Path) -> Ended:
    if process.is_alive():
        process.kill()
        process.join(DEADLINE)
    said = out.read_text("utf-8", "replace")
    out.unlink()
    return Ended(process.exitcode, said)


def begun(target: Callable[..., None], *job: object) -> BaseProcess:
    """A process that is forked of the one that has imported everything, and may fork others of it."""
    process: BaseProcess = forked.Process(target=_begun, args=(lent(), target, job), daemon=True)
    process.start()
    # Another thread that starts a process looks after all of these, and two that look at once lose how one ended.
    vars(multiprocessing.process)["_children"].discard(process)
    return process


def lent() -> str:
    """Where others reach the process that these are forked of; it ends with whoever asks first."""
    server: Any = forkserver._forkserver
    server.ensure_running()
    return str(server._forkserver_address)


def borrowed(address: str) -> None:
    """Processes of this one are forked of that one."""
    server: Any = forkserver._forkserver
    server._forkserver_address = address
    server.ensure_running = lambda: None  # it runs: nobody looks after it but who began it
    if server._forkserver_alive_fd is None:
        server._forkserver_alive_fd = os.open(os.devnull, os.O_RDONLY)  # each is given one


def _begun(address: str, target: Callable[..., None], job: Sequence[object]) -> None:
    borrowed(address)
    vars(multiprocessing.current_process())["_config"]["daemon"] = False  # who is one may begin no other
    target(*job)


def child(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    files: Sequence[Path | int],
    uid: int,
    before: Callable[[], None] | None,
    own_session: bool = False,
) -> None:
    settle(folder, environment, files, own_session=own_session)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    sys.argv = ["dovecote", *arguments]
    if before is not None:
        before()
    if not uid:  # its runners are begun as it was
        from host.cli import run
        from tests.support.forking import ForkedLauncher

        vars(run)["ProcessLauncher"] = ForkedLauncher
    from host.cli.main import main

    main()


def settle(
    folder: Path, environment: Mapping[str, str], files: Sequence[Path | int], *, own_session: bool
) -> None:
    """This process, as one that begins there. `files` are its input and outputs; without a third, what it says of errors goes
    where all else goes."""
    if own_session:
        os.setsid()
    _stand(files)
    if own_session and os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", buffering=1), open(2, "w", buffering=1)  # noqa: SIM115


def _stand(files: Sequence[Path | int]) -> None:
    """They are the process's first files from now on, and open once: a pipe ends with whoever writes into it."""
    opened = [os.open(one, os.O_RDWR | os.O_APPEND) if isinstance(one, Path) else one for one in files]
    for number, fd in enumerate(opened):
        os.dup2(fd, number)
    if len(opened) == 2:
        os.dup2(1, 2)
    for fd in set(opened):
        os.close(fd)
