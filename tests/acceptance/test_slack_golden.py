"""One conversation in which every kind of content occurs: what reaches the model is what a person has read and found right."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.model_api import FakeModelAPI, ToolUse, answer, internal_error, overloaded
from tests.fakes.slack import Message
from tests.support import on_slack
from tests.support.files import pdf, picture
from tests.support.golden import reading
from tests.support.golden import slack_messages as kinds
from tests.support.on_slack import PATIENCE, Office

pytestmark = pytest.mark.timeout(600)

MODEL = """\
[model]
base_url = "{url}"
[agents.default]
provider = "claude"
fallback_model = "claude-haiku-5-5"
reactions = "wake"
"""


class Conversation:
    """A thread in which one thing is said after the other, each heard before the next."""

    def __init__(self, office: Office, api: FakeModelAPI) -> None:
        self.office = office
        self.api = api
        self.root: Message | None = None
        self.said = 0

    def post(self, what: dict[str, Any], by: str = "ann") -> Message:
        office = self.office
        people = {"ann": office.ann.id, "bob": office.bob.id, "place": office.channel.id}
        people["bot"] = office.slack.mention()
        text = json.dumps(what)
        for name, value in people.items():
            text = text.replace(f"{{{name}}}", value)
        given = {} if "bot_id" in what or what.get("subtype") == "huddle_thread" else {"user": people[by]}
        thread = self.root.ts if self.root is not None else None
        self.said += 1
        return self.office.slack.post(self.office.channel, {**json.loads(text), **given}, thread)

    async def overheard(self, what: dict[str, Any]) -> None:
        """By the host: it wakes nobody."""
        self.post(what)
        await self.office.slack.deliveries("message")[-1].acknowledged(PATIENCE)

    async def ask(self, what: dict[str, Any], by: str = "ann") -> None:
        self.post(what, by)
        await self.turn()

    async def turn(self) -> None:
        before = self._asked
        self._asked += 1
        assert self.root is not None
        await self.office.answered(self.root, before + 1)

    async def told(self, words: str) -> None:
        """By the host, which says in order what it has to say; of an answer that was under way it says nothing."""
        assert self.root is not None
        root = self.root
        shown = lambda: any(words in one.text for one in self.office.answers(root))  # noqa: E731
        await self.office.slack.wait_until(shown, PATIENCE)
        self._asked = len(self.office.answers(root))

    _asked = 0


@pytest.fixture
async def conversation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Conversation]:
    async with FakeModelAPI() as api, on_slack.office(tmp_path) as office:
        monkeypatch.setenv("ANTHROPIC_API_KEY", api.key)
        office.configure(more=MODEL.format(url=api.base_url))
        numbers = iter(range(1, 1000))
        api.answer_with(lambda request: f"Answer {next(numbers)}.")
        for id_, (content, kind) in kinds.CONTENTS.items():
            office.slack.keep(id_, content, kind)
        yield Conversation(office, api)


async def test_forty_messages_of_every_kind_reach_the_model_as_people_see_them(
    conversation: Conversation,
) -> None:
    """slack_alert_attachment_thread, slack_ci_blocks_thread, slack_thread_root_file, slack_forward_comment,
    slack_list_mention, slack_voice_transcript, slack_canvas_html, slack_connect_stub."""
    talk, office = conversation, conversation.office
    slack, channel = office.slack, office.channel
    talk.root = talk.post(kinds.ALERT)
    talk.post(kinds.BUILD)
    slack.say(
        office.ann, channel, "here are the numbers", talk.root.ts, files=[("numbers.csv", b"a,b\n1,2\n")]
    )
    talk.post(kinds.WRITTEN, "bob")
    talk.post(kinds.HUDDLE)
    talk.post(kinds.shared(kinds.SOUND), "bob")
    await office.start()
    await talk.ask({"text": "{bot} what is going on here?"})
    await talk.ask(kinds.FORWARD)
    await talk.ask(kinds.QUOTE, "bob")
    await talk.ask(kinds.PREVIEW)
    await talk.ask(kinds.LIST)
    await talk.ask(kinds.shared(kinds.CANVAS))
    await talk.ask(kinds.shared(kinds.MOVIE, text="look"))
    slack.keep("F0PLAN", pdf(), "application/pdf")
    slack.keep("F0STUB", pdf(), "application/pdf", kinds.file("F0PLAN", "plan.pdf", "application/pdf"))
    await talk.ask(kinds.shared(kinds.STUB, text="read this"))
    await talk.ask(kinds.shared(kinds.DRIVE, kinds.GONE, kinds.HIDDEN))
    slack.keep("F0PIC", picture(), "image/png")
    await talk.ask(kinds.shared(kinds.file("F0PIC", "chart.jpg", "image/jpeg", alt_txt="a chart")))
    await talk.ask(kinds.shared(kinds.file("F0EMPTY", "empty.csv", "text/csv"), kinds.SNIPPET))
    await talk.ask(kinds.shared(kinds.MAIL))
    await talk.ask(kinds.UNFURL)
    await talk.ask(kinds.NAMED, "bob")
    await talk.ask(kinds.CODE)
    await talk.ask(kinds.ASKED_BY_APP)
    for one in (
        kinds.TABLE,
        kinds.MEDIA,
        kinds.FORM,
        kinds.CALL,
        kinds.WORK,
        kinds.OLD,
        kinds.STEP,
        kinds.RECORDS,
        kinds.TOPIC,
    ):
        await talk.overheard(one)
    await talk.ask({"text": "what do they all say?"}, "bob")
    await talk.ask({"subtype": "me_message", "text": "is waiting"})
    await talk.ask(
        {"subtype": "thread_broadcast", "text": "for all: &lt;b&gt; &amp; <!here|here> <!date^0^{date}|1970>"}
    )
    await talk.ask({"text": ":tada:"})
    await talk.ask({"text": "{bot}"})
    said = slack.say(office.bob, channel, "it is db-3", talk.root.ts)
    await talk.turn()
    wrong = slack.say(office.bob, channel, "I am wrong", talk.root.ts)
    await talk.turn()
    answered = office.answers(talk.root)[-1]
    slack.delete(wrong)
    slack.edit(said, "it is db-4")
    await slack.deliveries("message")[-1].acknowledged(PATIENCE)
    await talk.told("before you changed it")
    slack.react(office.ann, answered, "eyes")
    await talk.turn()
    await office.stop()
    slack.courier.close()
    slack.say(office.ann, channel, "said while nobody listened", talk.root.ts)
    await office.start()
    await talk.turn()
    conversation.api.script(answer(ToolUse("read_thread", {"count": 2})))
    await talk.ask({"text": "what were the last two things we said?"})
    found = reading.conversation(conversation.api.requests[-1])
    reading.check("slack", found)

    # The model is away for as long as it is asked, and then for this turn alone.
    conversation.api.fail_next(overloaded(), internal_error())
    await talk.ask({"text": "who answers this?"})
    assert office.answers(talk.root)[-1].text.endswith(
        "(Answered by claude-haiku-5-5: claude-sonnet-5-5 is away right now.)"
    )
    await talk.ask({"text": "and this?"})
    assert "Answered by" not in office.answers(talk.root)[-1].text
    models = [str(request.json["model"]) for request in conversation.api.requests[-4:]]
    assert models == ["claude-sonnet-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-sonnet-5-5"]
    assert reading.paid_for(office.folder.path / "data", "claude-haiku-5-5") == 1
