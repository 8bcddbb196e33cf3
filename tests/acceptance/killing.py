"""A host of its own process and its runners, to be killed; what they posted before and after."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.acceptance.durable import lines


class Killed:
    """The host's process, started again whenever it was killed. `retry_backoff` in ms."""

    def __init__(self, data: Path, retry_backoff: int = 100) -> None:
        self._data = data
        self._retry_backoff = retry_backoff
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self._data / "host.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.acceptance.durable",
                str(self._data),
                str(self._retry_backoff),
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def runners(self) -> list[int]:
        mark = f"DOVECOTE_SESSION_DIR={self._data}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    async def end(self) -> None:
        await self.kill()
        for pid in self.runners():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def answers(data: Path) -> Iterator[dict[str, Any]]:
    """Without notices: a session whose runner was killed again and again before its first claim says so."""
    return (post for post in lines(data / "posts.jsonl") if post["text"].isdigit())


async def until_posted(data: Path, at_least: int) -> None:
    """Waits until so many posts are there: polls, for the writer is another process that may be dead."""
    while sum(1 for _ in answers(data)) < at_least:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
