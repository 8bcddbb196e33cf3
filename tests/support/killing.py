"""Many messages while host and runners are killed again and again: one answer each, in order, no effect twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docker.errors import APIError

from tests.support import durable, forking
from tests.support.dockers import clean_up, containers_of
from tests.support.durable import append, lines

DEADLINE = 240  # s


class Killed:
    """The host's process, started again whenever it was killed, and its runners: processes. `retry_backoff` in ms."""

    def __init__(self, data: Path, retry_backoff: int = 100) -> None:
        self.data = data
        self._retry_backoff = retry_backoff
        self._image = ""
        self._process: asyncio.subprocess.Process | None = None

    def start(self) -> None:
        said = self.data / "host.log"
        self._process = forking.serving(durable.serve, self.data, self._retry_backoff, self._image, said=said)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def kill_a_runner(self, chance: random.Random) -> bool:
        """False when there is none."""
        if not (pids := self.runners()):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)
        return True

    async def end(self) -> None:
        await self.kill()
        for pid in self.runners():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def runners(self) -> list[int]:
        mark = f"DOVECOTE_SESSION_DIR={self.data}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found


class KilledWithContainers(Killed):
    """The same, with its runners in containers of the engine."""

    def __init__(self, data: Path, image: str) -> None:
        super().__init__(data)
        self._image = image

    async def kill_a_runner(self, chance: random.Random) -> bool:
        return await asyncio.to_thread(self._kill_one, chance)

    def _kill_one(self, chance: random.Random) -> bool:
        live = [one for one in containers_of(self.data, self._image) if one.status == "running"]
        if not live:
            return False
        with contextlib.suppress(APIError):  # it has ended by itself
            chance.choice(live).kill("SIGKILL")
        return True

    async def end(self) -> None:
        await self.kill()
        await asyncio.to_thread(clean_up, self.data, self._image)


def answers(data: Path) -> Iterator[dict[str, Any]]:
    """Without notices: a session whose runner was killed again and again before its first claim says so."""
    return (post for post in lines(data / "posts.jsonl") if post["text"].isdigit())


def _standing(data: Path) -> set[str]:
    """Live messages that were opened and not removed; there are never two in one channel."""
    standing: dict[str, str] = {}
    for change in lines(data / "live.jsonl"):
        if change["change"] == "opened":
            assert change["channel"] not in standing.values()
            standing[change["key"]] = change["channel"]
        else:
            standing.pop(change["key"], None)
    return set(standing)


async def until_posted(data: Path, at_least: int) -> None:
    """Waits until so many posts are there: polls, for the writer is another process that may be dead."""
    while sum(1 for _ in answers(data)) < at_least:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def survive(host: Killed, sessions: int, per_session: int, kills: int) -> None:
    """People write everything at once; kills come whenever another share of it is answered."""
    chance = random.Random(20_261_123)
    data, total = host.data, sessions * per_session
    _write(data, sessions, per_session)
    host.start()
    try:
        async with asyncio.timeout(DEADLINE):
            for kill in range(kills):
                await until_posted(data, (kill + 1) * total // (kills + 5))
                if not (kill % 3 and await host.kill_a_runner(chance)):
                    await host.kill()
                    host.start()
            await until_posted(data, total)
            await _quiet(data)
            while _standing(data):  # noqa: ASYNC110 - another process takes them down
                await asyncio.sleep(0.05)
    finally:
        await host.end()
    _judge(data, sessions, per_session)


def _write(data: Path, sessions: int, per_session: int) -> None:
    for number in range(per_session):
        for session in range(sessions):
            call = f'@@call mock_append {{"file": "effects", "line": "{number}"}}'
            if number % 5 == 0:
                call += "\n@@sleep 0.5"  # long enough for a live message
            append(
                data / "people.jsonl",
                channel=f"c{session}",
                id=f"{session}-{number}",
                text=f"{call}\n{number}",
            )


def _judge(data: Path, sessions: int, per_session: int) -> None:
    posts = list(answers(data))
    assert max(Counter(post["key"] for post in posts).values()) == 1
    for session in range(sessions):
        said = [post["text"] for post in posts if post["channel"] == f"c{session}"]
        assert said == [str(number) for number in range(per_session)]
    for effects in data.glob("sessions/*/work/effects"):
        assert max(Counter(effects.read_text().split()).values()) == 1


async def _quiet(data: Path) -> None:
    """A second answer would come within the delivery's own retries."""
    seen = sum(1 for _ in answers(data))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            await until_posted(data, seen + 1)
