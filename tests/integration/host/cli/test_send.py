"""Scripts on the host's machine post texts: each once, whether the host runs, is down or the platform refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from host.cli.send import LONGEST_TEXT, SendError, Sent, address_of, send
from host.ports.bot import Rejected
from sessiondb import Unavailable
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.waiting import DEADLINE

QUICK = {"sweep_every": 0.1}


async def sent(data: Path, text: str, wait: float = DEADLINE) -> Sent:
    return await asyncio.to_thread(send, data, address_of("memory/w/general"), text, wait)


async def test_a_long_text_is_posted_whole_and_each_message_has_its_receipt(tmp_path: Path) -> None:
    text = "a" * 2_000 + "b" * 2_000 + "c"
    async with serving(config(tmp_path, host=QUICK)) as (_, bot):
        done = await sent(tmp_path, text)
        assert done == Sent(tuple(f"p-{delivery.key}" for delivery in bot.sent))
    assert bot.said("general") == ["a" * 2_000, "b" * 2_000, "c"]


async def test_what_is_sent_while_no_host_runs_is_posted_once_by_the_next(tmp_path: Path) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path), bot):
        pass
    assert await sent(tmp_path, "backup done", wait=0) == Sent(waiting=True)
    for _ in range(2):
        async with serving(config(tmp_path, host=QUICK), bot):
            await bot.until(lambda: bot.said("general") == ["backup done"])


async def test_a_platform_that_refuses_is_quoted_and_nothing_else_is_said(tmp_path: Path) -> None:
    async with serving(config(tmp_path, host=QUICK)) as (_, bot):
        bot.failures["general"].append(Rejected("there is no such channel"))
        assert await sent(tmp_path, "hello") == Sent(problem="there is no such channel")
        assert await sent(tmp_path, "again") != Sent()
    assert bot.said("general") == ["again"]


@pytest.mark.parametrize("address", ["", "slack", "slack/T1", "slack/T1/", "/T1/C1", "slack/T1/C1/1/2"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SendError, match="no address"):
        address_of(address)


def test_an_empty_text_a_huge_one_and_a_folder_without_a_host_are_refused(tmp_path: Path) -> None:
    place = address_of("discord//123")
    for text, reason in (("  ", "nothing to send"), ("x" * (LONGEST_TEXT + 1), "at most")):
        with pytest.raises(SendError, match=reason):
            send(tmp_path, place, text, 0)
    with pytest.raises(Unavailable, match="no host has run"):
        send(tmp_path, place, "hello", 0)
    assert list(tmp_path.iterdir()) == []
