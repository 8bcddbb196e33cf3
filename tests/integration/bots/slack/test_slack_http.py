"""Without sockets: signed requests bring events, commands and clicks alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.ports.events import EventClass
from sessiondb import Address, content
from tests.fakes.slack import FakeSlack
from tests.support.slack_app import clear_proxies, free_port
from tests.support.slacking import delivery, online


async def test_events_commands_and_clicks_come_by_signed_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_proxies(monkeypatch)
    port = free_port()
    async with FakeSlack() as slack, online(slack, tmp_path, mode="http", port=port) as (bot, notebook):
        ann = slack.add_user("ann")
        channel = slack.add_channel("general", members=[ann])
        await slack.use_http(f"http://127.0.0.1:{port}/slack/events")
        root = slack.say(ann, channel, f"{slack.mention()} hello")
        event = await notebook.next()
        assert event.text.endswith("hello")
        place = Address("slack", slack.team_id, channel.id, root.ts)
        question = delivery(bot, content.Question("Now?", ("yes", "no")), place, question="q1")
        ts = (await bot.send(question)).platform_message_id
        message = channel.messages[ts]
        clicked = slack.click(ann, message, value=message.blocks[-1]["elements"][1]["value"])
        await clicked.acknowledged()
        answer = await notebook.next(2)
        assert (answer.event_class, answer.value, answer.refers_to) == (EventClass.ANSWER, "no", "q1")
        slack.slash(ann, channel, "/dovecote", "usage")
        told = await slack.wait_until(lambda: slack.ephemerals(ann))
        assert "$0.00" in str(told[0].blocks)
