"""What a channel shows beside its answers on Discord, as an owner set it."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.fakes.discord.faults import Fault
from tests.fakes.model_api import FakeModelAPI, ToolUse, answer
from tests.support.town import Town

BILL = re.compile(r"-# Took \d+ s · (under \$0\.01|\$\d+\.\d\d)")
MODEL = '[model]\nbase_url = "{url}"\n[agents.default]\nprovider = "claude"\n'
PLAN = '@@call update_plan {"now": "Read report.xlsx", "todo": ["Write it up"]}'
POST = "POST /channels/{}/messages"


async def set_up(town: Town, **values: str) -> None:
    opened = town.discord.run_command(town.ada, town.channel, "config", {"part": "shown"})
    await town.until(lambda: opened.modal)
    sent = town.discord.submit_modal(town.ada, opened, values)
    await town.until(lambda: sent.original is not None and "In this channel" in sent.original.content)


def owned_by_ada(town: Town) -> str:
    return f'[access]\nowners = ["discord:{town.ada.id}"]\n'


async def test_an_answer_says_in_small_what_it_took_where_the_channel_wants_it_and_no_agent_reads_that(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeModelAPI() as api:
        monkeypatch.setenv("ANTHROPIC_API_KEY", api.key)
        town.config = owned_by_ada(town) + MODEL.format(url=api.base_url)
        api.answer_with(lambda request: "An answer.")
        await town.up()
        question = town.discord.say(town.ada, town.channel, "What does it cost?", mention_bot=True)
        thread = await town.answered(question)
        assert town.said(thread) == ["An answer."]
        await set_up(town, bill="yes")
        api.script("word " * 500)
        town.discord.say(town.ada, thread, "And a long one?")
        await town.answered(question, 3)
        first, last = town.said(thread)[1:]
        assert "Took" not in first
        assert BILL.fullmatch(last.rpartition("\n")[2])

        # Posted, and the host dies before it has heard so: it is found, and said once.
        never = asyncio.Event()
        town.discord.faults.next(POST, Fault.answer_held(never))
        town.discord.say(town.ada, thread, "Once?")
        await town.answered(question, 4)
        await town.kill()
        await town.up()
        api.script(answer(ToolUse("read_thread", {"count": 4})))
        town.discord.say(town.ada, thread, "What was said?")
        await town.answered(question, 5)
        billed = [BILL.fullmatch(said.rpartition("\n")[2]) is not None for said in town.said(thread)]
        assert billed == [False, False, True, True, True]
        assert "An answer." in str(api.requests[-1].json)
        assert "Took" not in str(api.requests[-1].json)


async def test_of_work_under_way_a_channel_shows_what_it_was_set_to(town: Town) -> None:
    town.config = owned_by_ada(town)
    await town.up()
    for work, shown in (("all", "▸ Read report.xlsx\n○ Write it up"), ("none", "-# ⏳ is working…")):
        await set_up(town, work=work)
        question = town.discord.say(
            town.ada, town.channel, f"the answer\n{PLAN}\n@@sleep 6", mention_bot=True
        )
        await town.until(lambda: town.live(town.thread_of(question)))  # noqa: B023 - waited for at once
        thread = await town.answered(question)
        edits = [str(call.json.get("content")) for call in town.discord.calls(POST) if call.json]
        told = [one for one in edits if one.startswith("-# ⏳")]
        assert shown in told[-1]
        assert town.said(thread) == ["the answer"]
    assert not any(word in told[-1] for word in ("Read", "Write", "report"))
