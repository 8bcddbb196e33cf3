"""`dovecote chat` as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from bots.console.transcript import Line, Transcript
from tests.support.waiting import DEADLINE

ROOT = Path(__file__).resolve().parents[2]


class Folder:
    """The working folder of one installation."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, *arguments: str, command: str = "chat") -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", "from host.cli import main; main()", command, *arguments],
            cwd=self.path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

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
            here = (entry / "cwd").readlink().is_relative_to(folder)
            if here and b"runner" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def ordered(folder: Path, *arguments: str) -> str:
    """What a command printed that an operator gives in the folder, and that succeeds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from host.cli import main; main()",
        *arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(DEADLINE):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()
