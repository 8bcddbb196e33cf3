"""What stands in the menu of a message in Slack, through the whole system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from bots.slack.commands.later import TRY_FIRST
from bots.slack.setup.manifest import ASK_ABOUT, BECAME, LATER
from sessiondb import Status, content
from tests.fakes.slack import Fault, Message
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


def chats(office: Office) -> list[content.Chat]:
    """What the conversations were given and nothing has taken the place of, in no order."""
    found = []
    for database in (office.folder.path / "data" / "sessions").glob("*/inbound/inbound.db"):
        connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(10_000)  # the host may be writing
        rows = connection.execute(
            "SELECT content FROM messages_in WHERE kind = 'chat' AND status <> ? ORDER BY seq",
            (Status.CANCELLED,),
        ).fetchall()
        connection.close()
        found += [content.decode_inbound(str(kept)) for (kept,) in rows]
    return [one for one in found if isinstance(one, content.Chat)]


async def whispered(office: Office, before: int = 0) -> str:
    told = await office.slack.wait_until(lambda: office.slack.ephemerals(office.ann)[before:], PATIENCE)
    return f"{told[0].text} {told[0].blocks}"


async def test_a_message_is_asked_about_from_its_menu_in_its_own_thread(office: Office) -> None:
    """Once, however often it is sent; in a channel without the bot its author is told to invite it."""
    elsewhere = office.slack.add_channel("elsewhere", members=[office.ann], with_bot=False)
    await office.start()
    said = office.slack.say(office.bob, office.channel, "doves coo")
    reply = office.slack.say(office.bob, office.channel, "and sleep", said.ts)
    for message in (said, said, reply):
        await office.slack.choose(office.ann, message, ASK_ABOUT).acknowledged()
        await office.slack.wait_until(lambda: not _open_questions(office, said), PATIENCE)
    answers = await office.slack.wait_until(
        lambda: _with(office, said, f"<@{office.ann.id}> asks: What about this message?", 3), PATIENCE
    )
    assert {one.thread_ts for one in answers} == {said.ts}
    await office.slack.wait_until(lambda: len(office.answers(said)) == 6, PATIENCE)
    asked = [chat for chat in chats(office) if chat.event == "command"]
    assert [chat.text for chat in asked] == ["What about this message?"] * 3
    quoted = [[(part.kind, part.text, part.author) for part in chat.parts] for chat in asked]
    assert quoted == [[("quoted", text, "bob")] for text in ("doves coo", "doves coo", "and sleep")]
    # What was said there before is known once.
    assert [chat.text for chat in chats(office) if chat.event == "message"] == ["doves coo", "and sleep"]

    await office.slack.choose(office.ann, said, BECAME).acknowledged()
    assert "doves" not in await whispered(office)

    count = len(office.slack.ephemerals(office.ann))
    stranger = office.slack.say(office.ann, elsewhere, "nobody listens")
    await office.slack.choose(office.ann, stranger, ASK_ABOUT).acknowledged()
    assert "invite me" in await whispered(office, count)


def _open_questions(office: Office, root: Message) -> list[Message]:
    return [one for one in office.answers(root) if one.text.endswith("asks …")]


def _with(office: Office, root: Message, text: str, count: int) -> list[Message]:
    found = [one for one in office.answers(root) if one.text == text]
    return found if len(found) == count else []


async def test_a_message_is_made_a_reminder_that_is_said_back_and_confirmed_once(office: Office) -> None:
    await office.start()
    long = "the *quarterly* report is due\n" + "and more of it " * 200 + "to the very end"
    said = office.slack.say(office.bob, office.channel, long)
    await office.slack.choose(office.ann, said, LATER).acknowledged()
    view = next(view for view in office.slack.workspace.views.values() if view.open)
    for wrong in ("soon", "every second", "2020-01-01 09:00"):
        await office.slack.submit_view(office.ann, view, {"when": {"when": wrong}}).acknowledged()
        assert list(view.body["errors"]) == ["when"]
    await office.slack.submit_view(
        office.ann, view, {"when": {"when": "every weekday at nine"}}
    ).acknowledged()
    assert view.open
    shown = view.blocks[0]["text"]["text"]
    assert "Reminder: the quarterly report is due" in shown.replace("*", "")
    assert shown.count("09:00 Europe/") == 5  # in the person's own zone
    private = view.body["private_metadata"]

    await office.slack.click(office.ann, view, TRY_FIRST).acknowledged()
    page = view.blocks[0]["text"]["text"]
    assert page.startswith(shown)
    assert "you alone read it" in page
    direct = office.slack.workspace.direct([office.ann.id])
    [trial] = await office.slack.wait_until(
        lambda: [one for one in office.slack.messages(direct) if "quarterly" in one.text], PATIENCE
    )
    assert trial.text.startswith("🧪 A trial of “Reminder: the quarterly report is due and more")
    whole = [one.text + str(one.blocks) for one in office.slack.messages(direct)]
    assert any("to the very end" in one for one in whole)

    for _ in range(
        2
    ):  # whom nothing can be said directly now may press it again: nothing is lost, and said twice
        office.slack.faults.next("conversations.open", Fault.http_error(), times=10)
        await office.slack.submit_view(office.ann, view).acknowledged()
        office.slack.faults.clear()
        page = view.blocks[0]["text"]["text"]
        assert page.count("Press it once more") == 1
        assert page.startswith(shown)
        assert view.body["private_metadata"] == private
    await office.slack.submit_view(office.ann, view).acknowledged()
    assert view.blocks[0]["text"]["text"].startswith("Scheduled: ")
    view.body["private_metadata"] = private  # the same card, pressed once more, and by somebody else
    first = view.blocks[0]["text"]["text"]
    await office.slack.submit_view(office.ann, view).acknowledged()
    assert view.blocks[0]["text"]["text"] == first
    view.body["private_metadata"] = private
    await office.slack.submit_view(office.bob, view).acknowledged()
    assert view.blocks[0]["text"]["text"] == "Only whoever asked for it may do that."
    listed = await office.slack.slash(office.ann, office.channel, "/dovecote", "tasks").acknowledged()
    assert str(listed).count("'*Reminder: ") == 1
