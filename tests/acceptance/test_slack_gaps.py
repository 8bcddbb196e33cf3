"""What happens while nobody listens, or while somebody only seems to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.slack import EventFault
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


async def test_what_was_said_before_the_first_start_is_left_alone(office: Office) -> None:
    old = office.ask("long ago")
    await office.start()
    new = office.ask("now")
    await office.answered(new)
    assert office.answers(old) == []


async def test_messages_sent_while_the_host_was_down_are_answered_in_their_threads(office: Office) -> None:
    """LESSONS 42."""
    await office.start()
    engaged = office.ask("first")
    await office.answered(engaged)
    await office.stop(kill=True)
    follow_up = office.slack.say(office.ann, office.channel, "still there?", engaged.ts)
    asked = office.ask("while you slept")
    dm = office.slack.open_dm(office.bob)
    office.slack.say(office.bob, dm, "a direct one")
    unrelated = office.slack.say(office.bob, office.channel, "nobody asked the agent")
    office.slack.courier.close()
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    assert "still there?" in (await office.answered(engaged, 2))[1].text
    assert "while you slept" in (await office.answered(asked))[0].text
    await office.slack.wait_for(
        lambda m: m.channel == dm.id and "a direct one" in m.text and m.user == office.slack.bot_user_id,
        PATIENCE,
    )
    assert office.answers(unrelated) == []
    assert follow_up.thread_ts == engaged.ts


async def test_an_event_that_comes_late_twice_and_out_of_order_is_one_message(office: Office) -> None:
    """LESSONS 41."""
    office.slack.events.mention_first = True
    await office.start()
    office.slack.faults.next("app_mention", EventFault.redeliver())
    office.slack.faults.next("message", EventFault.swallow_ack())
    asked = office.ask("once")
    await office.answered(asked)
    last = office.ask("afterwards")
    await office.answered(last)
    assert len(office.answers(asked)) == 1


async def test_a_socket_that_is_open_and_silent_is_replaced(office: Office) -> None:
    """LESSONS 43."""
    await office.start()
    before = set(office.slack.sockets)
    office.slack.sockets[0].deafen()
    asked = [office.ask(f"into the void {number}") for number in range(5)]
    await office.slack.wait_until(
        lambda: len(office.slack.sockets) == 2 and not before & set(office.slack.sockets), PATIENCE
    )
    for root in asked:
        await office.answered(root)
        assert len(office.answers(root)) == 1


async def test_dropped_sockets_lose_nothing(office: Office) -> None:
    await office.start()
    for socket in office.slack.sockets:
        socket.drop()
    asked = office.ask("while no socket was open")
    await office.answered(asked)
    assert len(office.answers(asked)) == 1
