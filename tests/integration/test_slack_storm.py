"""500 messages over 25 threads while calls, events and sockets fail at random."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from pathlib import Path

import apsw
import pytest

from bots.slack import Secrets, SlackBot
from host.app import Host, Parts
from host.bots import Bots
from host.config import Slack
from host.delivery import policy
from host.disk import ThreadDisk
from host.launch.process import ProcessLauncher
from tests import hosting
from tests.fakes.slack import FakeSlack, Message

THREADS = 25
EACH = 20
FAULTY = 0.08  # of calls and events
DEADLINE = 100.0
MARK = re.compile(r"message \d+ of \d+")


@pytest.mark.timeout(180)
async def test_every_message_is_answered_once_in_its_thread_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "GRACE", 300)
    async with FakeSlack(ack_timeout=3.0, retry_delays=(0.0, 0.5, 1.0)) as slack:
        ann = slack.add_user("ann")
        channels = [slack.add_channel(f"room-{number}", members=[ann]) for number in range(5)]
        settings = hosting.config(tmp_path, slack={"api_url": slack.api_url, "message_interval": 0.02})
        assert isinstance(settings.slack, Slack)
        bot = SlackBot(settings.slack, Secrets(slack.bot_token, slack.app_token), tmp_path / "slack")
        host = Host(settings, Bots({"slack": bot}), Parts(ThreadDisk(), ProcessLauncher(), hosting.now_ms))
        serving = asyncio.create_task(host.serve())
        try:
            await slack.connected(2)
            slack.faults.chance(FAULTY, seed=41)
            roots = [
                slack.say(ann, channels[number % 5], f"{slack.mention()} message 0 of {number}")
                for number in range(THREADS)
            ]
            for count in range(1, EACH):
                for number, root in enumerate(roots):
                    text = f"{slack.mention()} message {count} of {number}"
                    slack.say(ann, root.channel, text, root.ts)
                await asyncio.sleep(0)

            def answers(root: Message) -> list[str]:
                thread = [m for m in slack.messages(root.channel, root.ts) if m.bot_id == slack.bot_id]
                return [mark for m in thread for mark in MARK.findall(m.text)]

            await slack.wait_until(lambda: all(len(answers(root)) >= EACH for root in roots), DEADLINE)
            given = [answers(root) for root in roots]
        finally:
            host.stop()
            await serving
    assert len(slack.faults.injected) > 50
    for number, said in enumerate(given):
        assert sorted(said) == sorted(f"message {count} of {number}" for count in range(EACH))
    taken = ingested(tmp_path / "host.db")
    assert given == [taken[root.ts] for root in roots]


def ingested(path: Path) -> dict[str, list[str]]:
    """What was said in each thread, in the order of the inbox."""
    found: dict[str, list[str]] = defaultdict(list)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    for (kept,) in connection.execute("SELECT event FROM inbox ORDER BY id"):
        entry = json.loads(str(kept))
        found[entry["answer"][3]] += MARK.findall(entry["event"]["text"])
    connection.close()
    return found
