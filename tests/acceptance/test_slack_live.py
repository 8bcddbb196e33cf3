"""A long turn seen from the thread: a message that grows, and in the end the answer alone."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.slack import Message
from tests.fakes.slack.faults import Fault
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office

WORDS = " ".join(f"word{number}" for number in range(24))
TOKEN = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nc4Vb6Xs9Df2Gh0Jj8Ka5"
LONG = f"@@stream 0.4\n{WORDS} end"
# Times of the product that would only make these tests longer.
HASTY = "import host.delivery.policy as d, host.live.policy as l; d.GRACE = 300; l.OPEN_AFTER = 0.5"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


async def growing(office: Office, root: Message) -> Message:
    """The live message, once it shows words of the answer."""

    def look() -> Message | None:
        found = (m for m in office.shown(root) if m.stream is not None and "word1" in m.text)
        return next(found, None)

    message = await office.slack.wait_until(look, PATIENCE)
    assert message is not None
    return message


async def only_the_answer(office: Office, root: Message) -> None:
    def alone() -> bool:
        said = office.shown(root)
        return len(said) == 1 and said[0].metadata is not None and "end" in said[0].text

    await office.slack.wait_until(alone, PATIENCE)


async def test_a_long_answer_is_streamed_outlives_its_stream_and_stands_alone_in_the_end(
    office: Office,
) -> None:
    """LESSONS 48."""
    await office.start(first=HASTY)
    root = office.ask(LONG)
    message = await growing(office, root)
    office.slack.kill_stream(message)
    shown = message.text
    await office.slack.wait_until(lambda: message.edited_at is not None and message.text != shown, PATIENCE)
    await only_the_answer(office, root)
    assert [call.args["ts"] for call in office.slack.calls("chat.delete")] == [message.ts]


async def test_while_a_tool_is_silent_its_stream_is_ended_before_it_dies_and_the_message_shows_that_it_goes_on(
    office: Office,
) -> None:
    office.slack.stream_lifetime = 2.5
    aging = "; import bots.slack.live.message as m; m.STREAM_LASTS = 1.0; l.SIGN_EVERY = 0.4"
    await office.start(first=HASTY + aging)
    root = office.ask("the end\n@@sleep 6")
    [message] = await office.slack.wait_until(
        lambda: [one for one in office.shown(root) if one.stream is not None], PATIENCE
    )
    await office.slack.wait_until(lambda: re.search(r" · ([3-9]|1\d) min", message.text), PATIENCE)
    assert message.stream is not None
    assert message.stream.state == "stopped"
    await only_the_answer(office, root)
    assert [call.error for call in office.slack.calls("chat.appendStream") if call.error] == []


async def test_a_stream_whose_start_was_not_confirmed_is_found_and_removed(office: Office) -> None:
    office.slack.faults.next("chat.startStream", Fault.answer_lost())
    await office.start(first=HASTY)
    root = office.ask(LONG)
    await growing(office, root)
    await only_the_answer(office, root)
    assert len(office.slack.calls("chat.startStream")) == 1


async def test_a_host_that_dies_while_it_streams_leaves_nothing_beside_the_answer(office: Office) -> None:
    await office.start(first=HASTY)
    root = office.ask(LONG)
    message = await growing(office, root)
    await office.slack.wait_until(lambda: office.slack.calls("chat.appendStream"), PATIENCE)
    await office.stop(kill=True)
    await office.start(first=on_slack.NOTHING_IN_FLIGHT)
    await only_the_answer(office, root)
    assert message.ts not in [said.ts for said in office.shown(root)]


async def test_a_token_in_an_answer_is_masked_while_it_is_written_and_when_it_stands(office: Office) -> None:
    await office.start(first=HASTY)
    root = office.ask(f"@@stream 0.4\nThe token is {TOKEN[:20]} or {TOKEN} and word1 {WORDS} end")
    shown = await growing(office, root)
    assert "The token is" in shown.text
    await only_the_answer(office, root)
    [answer] = office.shown(root)
    assert "or ‹masked: github-token› and word1" in answer.text
    assert not [call.method for call in office.slack.calls() if TOKEN[:30] in json.dumps(call.args)]


async def test_the_agents_plan_is_shown_while_it_works_and_not_what_it_names(office: Office) -> None:
    plan = '@@call update_plan {"done": ["Read report.xlsx"], "now": "Compare the lofts", "todo": ["Write it up"]}'
    await office.start(first=HASTY)
    root = office.ask(f"the end\n{plan}\n@@sleep 6")

    def steps() -> list[tuple[str, str]]:
        streams = (message.stream for message in office.shown(root) if message.stream is not None)
        chunks = (chunk for stream in streams for chunk in stream.chunks)
        return [(c["title"], c["status"]) for c in chunks if c["type"] == "task_update"]

    shown = [("Read …", "complete"), ("Compare the lofts", "in_progress"), ("Write it up", "pending")]
    await office.slack.wait_until(lambda: steps()[-3:] == shown, PATIENCE)
    await only_the_answer(office, root)


async def test_a_question_that_is_deleted_while_it_is_worked_on_ends_its_turn(office: Office) -> None:
    await office.start(first=HASTY)
    root = office.ask("hello")
    await office.answered(root)
    question = office.slack.say(office.ann, office.channel, "@@sleep 600\nnever said", root.ts)
    live = await office.slack.wait_until(
        lambda: [one for one in office.shown(root) if one.stream is not None], PATIENCE
    )
    office.slack.delete(question)
    await office.slack.wait_until(lambda: not [one for one in office.shown(root) if one in live], PATIENCE)
    office.slack.say(office.ann, office.channel, "and now?", root.ts)
    answers = await office.answered(root, 2)
    assert ["hello" in answers[0].text, answers[1].text] == [True, "and now?"]
