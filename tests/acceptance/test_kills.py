"""Two hundred messages while host and runners are killed thirty times: one answer each, in order, no effect twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.durable import append, lines
from tests.acceptance.killing import Killed, answers, until_posted

SESSIONS, PER_SESSION, KILLS = 20, 10, 30
DEADLINE = 240  # s


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


@pytest.mark.timeout(300)
async def test_thirty_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    chance = random.Random(20_261_123)
    data = tmp_path.resolve()
    total = SESSIONS * PER_SESSION
    for number in range(PER_SESSION):
        for session in range(SESSIONS):
            call = f'@@call mock_append {{"file": "effects", "line": "{number}"}}'
            if number % 5 == 0:
                call += "\n@@sleep 0.5"  # long enough for a live message
            append(
                data / "people.jsonl",
                channel=f"c{session}",
                id=f"{session}-{number}",
                text=f"{call}\n{number}",
            )
    host = Killed(data)
    await host.start()
    try:
        async with asyncio.timeout(DEADLINE):
            for kill in range(KILLS):
                await until_posted(data, (kill + 1) * total // (KILLS + 5))
                runners = host.runners()
                if kill % 3 and runners:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(chance.choice(runners), signal.SIGKILL)
                else:
                    await host.kill()
                    await host.start()
            await until_posted(data, total)
            await _quiet(data)
            while _standing(data):  # noqa: ASYNC110 - another process takes them down
                await asyncio.sleep(0.05)
    finally:
        await host.end()
    posts = list(answers(data))
    assert max(Counter(post["key"] for post in posts).values()) == 1
    for session in range(SESSIONS):
        said = [post["text"] for post in posts if post["channel"] == f"c{session}"]
        assert said == [str(number) for number in range(PER_SESSION)]
    for effects in data.glob("workspaces/*/*/effects"):
        assert max(Counter(effects.read_text().split()).values()) == 1


async def _quiet(data: Path) -> None:
    """A second answer would come within the delivery's own retries."""
    seen = sum(1 for _ in answers(data))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            await until_posted(data, seen + 1)
