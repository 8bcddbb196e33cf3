"""The model API asks to be left alone: nobody sleeps through that unseen, and the turn goes on by itself (law 15)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import apsw
import pytest

from host.mailbox.inbound import InboundWriter
from host.ports.events import Author
from runner.providers import waits
from tests.fakes.model_api import FakeModelAPI, ToolUse, answer, rate_limited
from tests.support.acting import WITH_A_MODEL, Call, acting
from tests.support.hosting import config, serving
from tests.support.talking import Talk, talking


async def test_a_long_wait_ends_the_attempt_is_told_and_costs_nothing_twice(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script(answer(ToolUse("send_message", {"text": "one"})), rate_limited(3600), "Done.")
    async with talking(api, tmp_path) as talk:
        await talk.say("Do it", author=Author("U1", "Ada", zone="Pacific/Auckland"))
        told = (await talk.replies(2))[1]
        [(attempts, not_before, status)] = _rows(talk)
        there = datetime.fromtimestamp(
            (int(str(not_before)) + 59_999) // 60_000 * 60, ZoneInfo("Pacific/Auckland")
        )
        assert told == f"⏳ The model asks us to wait until {there:%H:%M}. I go on by myself then."
        assert (attempts, status) == (1, "pending")
        assert int(str(not_before)) > time.time() * 1000 + 3_000_000
        await talk.say("And then?")  # it does not overtake
        await talk.claimed(1)
    assert len(api.requests) == 2


async def test_the_turn_goes_on_by_itself_when_the_time_has_come(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(answer(ToolUse("send_message", {"text": "one"})), rate_limited(3600), "Done.")
    agent = {"provider": "claude", "options": {"retries": 1}}
    settings = config(tmp_path, agents={"default": agent}, model={"base_url": api.base_url})
    async with serving(settings) as (host, bot):
        said = await bot.say("c", "Do it")
        await bot.until(lambda: len(bot.said("c")) == 2)
        [session] = await host.house.records.db.read(host.house.records.sessions.here)
        await host.house.records.mailboxes.use(session, lambda writer: _brought_near(writer, said.message_id))
        host.house.supervisor.wake(session)
        assert await host.settled(said.message_id) == "completed"
        await bot.until(lambda: len(bot.said("c")) == 3)
        assert [bot.said("c")[0], bot.said("c")[2]] == ["one", "Done."]


@pytest.mark.parametrize("kind", WITH_A_MODEL)
async def test_nobody_sleeps_through_a_long_wait_whoever_asks_the_model(
    kind: str, api: FakeModelAPI, tmp_path: Path
) -> None:
    """A harness would sleep within itself; its attempt is ended from outside, and what it has done is not done again."""
    async with acting(kind, api, tmp_path) as act:
        act.script(Call("send_message", {"text": "one"}))
        api.script(rate_limited(3600))
        await act.talk.say("Do it")
        said = await act.talk.replies(2)
        assert said[0] == "one"
        assert "asks us to wait until" in said[1]
        [(attempts, not_before, status)] = _rows(act.talk)
        assert (attempts, status) == (1, "pending")
        assert int(str(not_before)) > time.time() * 1000 + 3_000_000
    assert len(api.requests) == 2


async def test_a_short_wait_is_ours_and_is_shown(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(rate_limited(6), "Done.")
    async with talking(api, tmp_path) as talk:
        await talk.say("Do it")
        shown = talk.bot.live
        await talk.bot.until(lambda: any("trying again in 6 s" in live.status for live in shown.values()))
        assert await talk.replies(1) == ["Done."]
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (429, {"retry-after": "12"}, 12.0),
        (429, {"retry-after": "31"}, None),
        (503, {"retry-after": "7200"}, None),
        (429, {"retry-after": "nan"}, 0.5),
        (429, {"retry-after": "inf"}, 0.5),
        (429, {"retry-after": "-5"}, 0.5),
        (429, {}, 0.5),
        (529, {}, 0.5),
        (0, {}, 0.5),
        (400, {}, None),
        (400, {"x-should-retry": "true"}, 0.5),
        (529, {"x-should-retry": "false"}, None),
    ],
)
def test_how_long_a_turn_waits_within_itself(
    status: int, headers: dict[str, str], pause: float | None
) -> None:
    assert waits.Tries(3).pause(status, headers) == pause


def test_a_date_is_a_time_too() -> None:
    named = format_datetime(datetime.fromtimestamp(time.time() + 600, UTC), usegmt=True)
    assert 500 < waits.beyond_a_turn({"retry-after": named}) < 601
    for odd in ("soon", "Wed, 21 Oct 99999 07:28:00 GMT"):
        assert waits.beyond_a_turn({"retry-after": odd}) == 0.0


@pytest.mark.parametrize(
    ("came", "found"),
    [
        (b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\n\r\n{}", (429, {"retry-after": "3600"})),
        (b"HTTP/1.1 503 \r\nretry-after:\t120\r\nx: y\r\n\r\n", (503, {"retry-after": "120", "x": "y"})),
        (b"HTTP/1.1 529\r\n\r\n", (529, {})),
        (b"HTTP/1.1 200 OK\r\nRetry-After: 3600\r\n\r\n", (0, {})),
        (b"HTTP/1.1 429 Too Many Requests\r\nRetry-Aft", (0, {})),
        (b"HTTP/1.1 \xb2\xb2\xb2 \r\n\r\n", (0, {})),
        (b"event: ping\r\n\r\nHTTP/1.1 429 no\r\n\r\n", (0, {})),
        (b"", (0, {})),
    ],
)
def test_a_refusal_is_known_by_its_head_among_the_bytes_that_a_harness_is_sent(
    came: bytes, found: tuple[int, dict[str, str]]
) -> None:
    assert waits.refusal_in(came) == found


def test_tries_come_to_an_end() -> None:
    tries = waits.Tries(2)
    assert [tries.pause(529, {}) for _ in range(3)] == [0.5, 1.0, None]
    assert [waits.Tries(0).pause_of_a_stream(), waits.Tries(0).pause(529, {})] == [0.5, None]


def _brought_near(writer: InboundWriter, message_id: str) -> None:
    with writer.writing():
        writer.postpone(message_id, 1, 0)


def _rows(talk: Talk) -> list[tuple[object, ...]]:
    [path] = talk.data.glob("sessions/*/inbound/inbound.db")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(10_000)  # the host's commit
    try:
        sql = "SELECT attempts, not_before, status FROM messages_in WHERE kind = 'chat'"
        return connection.execute(sql).fetchall()
    finally:
        connection.close()
