"""`dovecote chat` as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

from bots.console.transcript import Line, Transcript
from tests.support.started import Dovecote, fresh, ran
from tests.support.waiting import DEADLINE

ROOT = Path(__file__).resolve().parents[2]


class Folder:
    """The working folder of one installation. In a `fresh` one each process imports everything itself."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        self.fresh = fresh

    def start(self, *arguments: str, command: str = "chat") -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        begin = fresh if self.fresh else Dovecote
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return begin(command, *arguments, folder=self.path, environment=environment, **pipes)

    def chat(self, *lines: str, arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
        return self.chat_bytes("".join(f"{line}\n" for line in lines).encode(), arguments)

    def chat_bytes(self, given: bytes, arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
        process = self.start(*arguments)
        out, errors = process.communicate(given, timeout=DEADLINE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def lines(self) -> list[Line]:
        return list(Transcript(self.path / "data" / "console" / "pipe.jsonl").lines())

    def replies(self) -> list[str]:
        return [line.text for line in self.lines() if line.who == "agent"]

    def effects(self, name: str) -> list[str]:
        return [
            line
            for file in self.path.glob(f"data/sessions/*/work/{name}")
            for line in file.read_text().splitlines()
        ]

    def runner_pids(self) -> list[int]:
        return runners_in(self.path)

    def kill_runners(self) -> None:
        for pid in self.runner_pids():
            os.kill(pid, signal.SIGKILL)


def runners_in(folder: Path) -> list[int]:
    """Runners that work here: one that was warm, or forked, before it had its session shows that in nothing but its folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            below = (
                folder in (entry / "cwd").readlink().parents
            )  # in it is the host, which may be forked as they are
            if below and b"runner" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def ordered(folder: Path, *arguments: str) -> str:
    """What a command printed that an operator gives in the folder, and that succeeds."""
    environment = {**os.environ, "COLUMNS": "200"}
    done = await asyncio.to_thread(
        ran, *arguments, folder=folder, environment=environment, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
