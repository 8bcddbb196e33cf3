"""A time of day that is set while host and runners work: nobody waits longer, nothing is stopped, nothing is said twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from tests.support.clocks import set_clock
from tests.support.durable import append
from tests.support.killing import Killed, answers, until_posted

HOUR = 3_600_000  # ms
DEADLINE = 120  # s


@asynccontextmanager
async def running(data: Path, retry_backoff: int = 100) -> AsyncIterator[Killed]:
    host = Killed(data, retry_backoff)
    host.start()
    try:
        async with asyncio.timeout(DEADLINE):
            yield host
    finally:
        await host.end()


def say(data: Path, channel: str, *texts: str) -> None:
    for number, text in enumerate(texts):
        append(data / "people.jsonl", channel=channel, id=f"{channel}-{number}", text=text)


def said(data: Path, channel: str) -> list[str]:
    return [post["text"] for post in answers(data) if post["channel"] == channel]


def _one(path: Path, sql: str) -> object:
    if not path.exists():
        return None
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(5_000)
        row = connection.execute(sql).fetchone()
        return None if row is None else row[0]
    except (apsw.SQLError, apsw.CantOpenError):  # it is being made
        return None
    finally:
        connection.close()


async def until_any(data: Path, file: str, sql: str) -> None:
    """Waits until the query finds something in the file of the one session."""
    while not any(_one(path, sql) for path in data.glob(f"sessions/*/{file}")):  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.05)


@pytest.mark.timeout(DEADLINE + 60)
async def test_a_postponed_message_does_not_wait_for_a_clock_that_was_set_back(tmp_path: Path) -> None:
    data = tmp_path.resolve()
    say(data, "c", "@@fail retryable\n1", "2")
    async with running(data, retry_backoff=3_000):
        await until_any(
            data, "inbound/inbound.db", "SELECT 1 FROM messages_in WHERE attempts = 1 AND not_before > 0"
        )
        set_clock(data, -HOUR)
        await until_posted(data, 2)
    assert sorted(said(data, "c")) == ["1", "2"]


@pytest.mark.timeout(DEADLINE + 60)
async def test_a_clock_that_is_set_forward_stops_no_turn(tmp_path: Path) -> None:
    data = tmp_path.resolve()
    say(data, "c", '@@call mock_append {"file": "effects", "line": "once"}\n@@sleep 6\n1')
    async with running(data):
        await until_any(data, "outbound/outbound.db", "SELECT 1 FROM transcript WHERE kind = 'tool_result'")
        set_clock(data, HOUR)
        await until_posted(data, 1)
    assert "Runner is stopped" not in (data / "host.log").read_text()
    (effects,) = data.glob("sessions/*/work/effects")
    assert effects.read_text() == "once\n"


@pytest.mark.timeout(DEADLINE + 60)
async def test_all_are_answered_once_and_in_order_while_the_clock_jumps_and_processes_are_killed(
    tmp_path: Path,
) -> None:
    data = tmp_path.resolve()
    sessions, each = 4, 8
    for session in range(sessions):
        say(
            data,
            f"c{session}",
            *(f'@@call mock_append {{"file": "effects", "line": "{n}"}}\n{n}' for n in range(each)),
        )
    async with running(data) as host:
        for number, shift in enumerate((-HOUR, 0, HOUR, -HOUR, 2 * HOUR, HOUR), 1):
            await until_posted(data, number * 4)
            if number % 2:
                for pid in host.runners():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                set_clock(data, shift)
            else:
                await host.kill()
                set_clock(data, shift)
                host.start()
        await until_posted(data, sessions * each)
    for session in range(sessions):
        assert said(data, f"c{session}") == [str(number) for number in range(each)]
    assert max(Counter(post["key"] for post in answers(data)).values()) == 1
    for effects in data.glob("sessions/*/work/effects"):
        assert max(Counter(effects.read_text().split()).values()) == 1
