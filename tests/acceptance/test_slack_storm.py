"""500 messages over 25 threads, and 500 presses, edits and forms, while calls, events and sockets fail at random."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import apsw
import pytest

from tests.fakes.slack import FakeSlack, Message
from tests.support import on_slack, storming
from tests.support.dovecote import ordered
from tests.support.storming_on_slack import OnSlack

THREADS = 25
EACH = 20
FAULTY = 0.08  # of calls and events
DEADLINE = 300.0
GRACE = (
    300  # ms before an unknown outcome is looked up: this fake is done with a call when it answers, or never
)
MARK = re.compile(r"message \d+ of \d+")


@pytest.mark.timeout(400)
async def test_every_message_is_answered_once_in_its_thread_and_in_the_order_of_ingestion(
    tmp_path: Path,
) -> None:
    slack = FakeSlack(ack_timeout=3.0, retry_delays=(0.0, 0.5, 1.0))
    async with on_slack.office(tmp_path, slack) as office:
        rooms = [slack.add_channel(f"room-{number}", members=[office.ann]) for number in range(5)]
        office.configure(slack="message_interval = 0.02")
        await office.start(first=f"from host.delivery import policy; policy.GRACE = {GRACE}")
        roots = [
            slack.say(office.ann, rooms[number % 5], f"{slack.mention()} message 0 of {number}")
            for number in range(THREADS)
        ]
        for root in roots:
            await office.answered(root)
        slack.faults.chance(FAULTY, seed=41)

        def answers(root: Message) -> list[str]:
            return [mark for message in office.answers(root) for mark in MARK.findall(message.text)]

        async def half_answered(count: int) -> None:
            await slack.wait_until(lambda: sum(len(answers(root)) for root in roots) >= count, DEADLINE)

        for count in range(1, EACH):
            for number, root in enumerate(roots):
                text = f"{slack.mention()} message {count} of {number}"
                slack.say(office.ann, root.channel, text, root.ts)
            # People type while answers come.
            await half_answered(THREADS * count // 2)
        await slack.wait_until(lambda: all(len(answers(root)) >= EACH for root in roots), DEADLINE)
        slack.faults.clear()
        await slack.wait_until(
            lambda: all(office.shown(root) == office.answers(root) for root in roots), DEADLINE
        )
        await office.stop()
        given = [answers(root) for root in roots]
        everything = [m for m in slack.workspace.all_messages() if m.bot_id == slack.bot_id]
    assert len(slack.faults.injected) > 50
    for number, said in enumerate(given):
        assert sorted(said) == sorted(f"message {count} of {number}" for count in range(EACH))
    taken = ingested(tmp_path / "data" / "host.db")
    assert given == [taken[root.ts] for root in roots]
    assert len(everything) == THREADS * EACH, "something stands outside of the threads, or beside the answers"


@pytest.mark.timeout(storming.LIMIT)
@pytest.mark.parametrize("seed", storming.SEEDS)
async def test_of_presses_edits_forms_and_shortcuts_each_has_its_effect_once(
    tmp_path: Path, seed: int
) -> None:
    slack = FakeSlack(ack_timeout=1.5, retry_delays=(0.0, 0.5, 1.0))
    async with on_slack.office(tmp_path, slack) as office:
        rooms = [slack.add_channel(f"room-{number}", members=[office.ann]) for number in range(3)]
        office.configure(slack="message_interval = 0.02", more=storming.APPROVED)
        await office.start(first=f"from host.delivery import policy; policy.GRACE = {GRACE}")
        sky = OnSlack(office, rooms)
        threads = storming.threads(seed, sky.people(storming.THREADS))
        storm = storming.Storm(sky, storming.WANTED)
        await storm.begin(threads)
        slack.faults.chance(FAULTY, seed=seed, presses=True)
        await storm.blow(threads)
        slack.faults.clear()
        await storm.calm(threads)
        storm.check(threads, tmp_path)
        listed = await ordered(tmp_path, "tasks", "--json", "--config", "dovecote.toml")
        await office.stop()
        storm.check(threads, tmp_path)
    assert sorted(one["title"] for one in json.loads(listed)) == sorted(storm.reminders)
    assert len(slack.faults.injected) > storming.WANTED / 4


def ingested(path: Path) -> dict[str, list[str]]:
    """What was said in each thread, in the order of the inbox."""
    found: dict[str, list[str]] = defaultdict(list)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    for (kept,) in connection.execute("SELECT event FROM inbox ORDER BY id"):
        entry = json.loads(str(kept))
        found[entry["answer"][3]] += MARK.findall(entry["event"]["text"])
    connection.close()
    return found
