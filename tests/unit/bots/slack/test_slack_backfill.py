"""How far back a gap may reach."""

from __future__ import annotations

import time

import pytest

from bots.slack.reading import backfill
from bots.slack.reading.backfill import Marks
from bots.slack.reading.times import slack_ts
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


async def test_nothing_is_read_again_whose_key_the_host_may_have_forgotten(marks: Marks) -> None:
    oldest_key = time.time_ns() // 1000 - pruning.KEYS_KEPT * 1000
    assert marks.oldest(HERE) > oldest_key
