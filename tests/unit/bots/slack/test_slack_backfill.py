"""How far back a gap may reach."""

from __future__ import annotations

import asyncio
import time

import pytest

from bots.slack.reading import backfill
from bots.slack.reading.backfill import Marks
from bots.slack.reading.times import slack_ts
from bots.slack.reading.turns import FORGOTTEN, Turns
from host.upkeep import pruning
from sessiondb import Address
from tests.support.discording import Notebook

HERE = Address("slack", "T1", "C1")


@pytest.fixture
async def marks() -> Marks:
    """Of a host whose first start was long ago."""
    notebook = Notebook()
    for address in (
        HERE._replace(platform_id="", thread_id=backfill.FLOOR),
        HERE._replace(platform_id=""),
        HERE,
    ):
        notebook.marks[address] = slack_ts(1_000_000_000_000_000)
    made = Marks(notebook, "T1")
    await made.load()
    return made


async def test_a_gap_begins_a_little_before_what_was_taken_in_last(marks: Marks) -> None:
    now = time.time_ns() // 1000
    marks.seen(HERE, now)
    assert marks.oldest(HERE) == now - backfill.OVERLAP
    marks.seen(HERE, now - 1)
    assert marks.oldest(HERE) == now - backfill.OVERLAP


async def test_a_thread_of_which_nothing_was_heard_shares_its_channels_mark_and_a_held_channel_has_one_of_its_own(
    marks: Marks,
) -> None:
    """Everybody's goes on meanwhile, and after a crash nobody would know where their gaps begin."""
    now = time.time_ns() // 1000
    marks.seen(HERE, now - 1_000_000)
    marks.seen(HERE._replace(platform_id="C2"), now)
    assert marks.oldest(HERE._replace(thread_id="1.0")) == now - 1_000_000 - backfill.OVERLAP
    elsewhere = HERE._replace(platform_id="C3")
    marks.hold(elsewhere, now - 5_000_000)
    marks.seen(elsewhere, now)
    await marks.flush()
    kept = marks._host.marks  # type: ignore[attr-defined]
    assert kept[elsewhere] == slack_ts(now - 5_000_000)
    marks.filled(elsewhere, now)
    assert marks.oldest(elsewhere) == now - backfill.OVERLAP


async def test_that_slack_asked_to_wait_once_is_forgotten_after_an_hour() -> None:
    turns = Turns()
    turns.slow.set()
    turns._asked_at = asyncio.get_running_loop().time()
    assert turns.is_slow()
    turns._asked_at -= FORGOTTEN + 1
    assert not turns.is_slow()
    assert not turns.slow.is_set()


async def test_nothing_is_read_again_whose_key_the_host_may_have_forgotten(marks: Marks) -> None:
    oldest_key = time.time_ns() // 1000 - pruning.KEYS_KEPT * 1000
    assert marks.oldest(HERE) > oldest_key
