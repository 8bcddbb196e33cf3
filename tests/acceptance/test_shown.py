"""What a channel shows beside its answers on Slack, as an owner set it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.model_api import FakeModelAPI, ToolUse, answer
from tests.fakes.slack import Message
from tests.fakes.slack.faults import Fault
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office

HASTY = "import host.delivery.policy as d, host.live.policy as l; d.GRACE = 300; l.OPEN_AFTER = 0.5"
BILL = re.compile(r"Took \d+ s · (under \$0\.01|\$\d+\.\d\d)")
MODEL = '[model]\nbase_url = "{url}"\n[agents.default]\nprovider = "claude"'
PLAN = '@@call update_plan {"now": "Read report.xlsx", "todo": ["Write it up"]}'


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


async def set_up(office: Office, **values: str) -> None:
    await office.slack.slash(office.ann, office.channel, "/dovecote", "config").acknowledged()
    view = next(view for view in office.slack.workspace.views.values() if view.open)
    given: dict[str, dict[str, Any]] = {name: {name: value} for name, value in values.items()}
    await office.slack.submit_view(office.ann, view, given).acknowledged()
    assert not view.open


def streams(office: Office, root: Message) -> list[list[dict[str, Any]]]:
    return [list(one.stream.chunks) for one in office.shown(root) if one.stream is not None]


def smalls(message: Message) -> list[str]:
    return [one["elements"][0]["text"] for one in message.blocks or [] if one["type"] == "context"]


async def test_an_answer_says_in_small_what_it_took_where_the_channel_wants_it_and_no_agent_reads_that(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeModelAPI() as api:
        monkeypatch.setenv("ANTHROPIC_API_KEY", api.key)
        office.configure(access=f'owners = ["slack:{office.ann.id}"]', more=MODEL.format(url=api.base_url))
        api.answer_with(lambda request: "An answer.")
        await office.start(first=HASTY)
        await set_up(office, bill="yes")  # before a runner lives, whose end the form would wait for
        root = office.ask("What does it cost?")
        assert BILL.fullmatch(smalls((await office.answered(root))[0])[0])
        api.script("word " * 3_000)
        office.slack.say(office.ann, office.channel, "And a long one?", root.ts)
        # What it showed while it worked may stand there until the answer does.
        await office.slack.wait_until(
            lambda: [len(smalls(part)) for part in office.answers(root)[1:]] == [0, 1], PATIENCE
        )
        parts = office.answers(root)[1:]
        assert BILL.fullmatch(smalls(parts[-1])[0])
        assert "Took" not in parts[-1].text

        # Posted, and the host dies before it has heard so: it is found, and said once.
        never = asyncio.Event()
        office.slack.faults.next("chat.postMessage", Fault.answer_held(never))
        office.slack.say(office.ann, office.channel, "Once?", root.ts)
        await office.answered(root, 4)
        await office.stop(kill=True)
        await office.start(first=HASTY)
        api.script(answer(ToolUse("read_thread", {"count": 4})))
        office.slack.say(office.ann, office.channel, "What was said?", root.ts)
        answers = await office.answered(root, 5)
        assert [len(smalls(one)) for one in answers] == [1, 0, 1, 1, 1]
        assert "An answer." in str(api.requests[-1].json)
        assert "Took" not in str(api.requests[-1].json)


async def test_of_work_under_way_a_channel_shows_what_it_was_set_to(office: Office) -> None:
    office.configure(access=f'owners = ["slack:{office.ann.id}"]')
    await office.start(first=HASTY)

    async def streamed(question: str) -> str:
        root = office.ask(question)
        await office.slack.wait_until(lambda: streams(office, root), PATIENCE)
        told = str(streams(office, root))
        await office.answered(root)
        return told

    await set_up(office, work="all")
    assert "report" in await streamed(f"the end\n{PLAN}\n@@sleep 6")
    await set_up(office, work="none")
    told = await streamed(f"the end\n{PLAN}\n@@sleep 6")
    assert "Working…" in told
    assert not any(word in told for word in ("Read", "Write", "report"))
