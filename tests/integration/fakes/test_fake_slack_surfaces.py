"""Buttons, menus, modals, slash commands and the App Home, handled by the unmodified bolt app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, Message, User, View
from tests.support.slack_app import Bot, clear_proxies, connected, make_bot, web_client

BUTTONS = [
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "yes",
                "value": "1",
                "text": {"type": "plain_text", "text": "Yes"},
            },
            {"type": "button", "action_id": "no", "value": "0", "text": {"type": "plain_text", "text": "No"}},
        ],
    }
]
OPTIONS = [{"text": {"type": "plain_text", "text": name.title()}, "value": name} for name in ("red", "blue")]
MENU = [
    {"type": "actions", "elements": [{"type": "static_select", "action_id": "colour", "options": OPTIONS}]}
]
MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "feedback",
    "private_metadata": "m-17",
    "title": {"type": "plain_text", "text": "Feedback"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why?"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        },
        {
            "type": "input",
            "block_id": "colour",
            "optional": True,
            "label": {"type": "plain_text", "text": "Which?"},
            "element": {"type": "static_select", "action_id": "pick", "options": OPTIONS},
        },
    ],
}


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack(ack_timeout=60) as fake:
        fake.interactions.trigger_lifetime = 60
        yield fake


@pytest.fixture
async def bot(slack: FakeSlack) -> AsyncIterator[Bot]:
    async with connected(slack, make_bot(slack)) as bot:
        yield bot


async def ask(slack: FakeSlack, bot: Bot, blocks: list[dict[str, Any]]) -> tuple[User, Message]:
    """A person, and the bot's question to them."""
    person = slack.add_user("ada")
    channel = slack.add_channel("questions", members=[person])
    await bot.client.chat_postMessage(channel=channel.id, text="Well?", blocks=blocks)
    return person, slack.messages(channel)[-1]


async def test_a_clicked_button_reaches_its_listener_which_answers_in_place(
    slack: FakeSlack, bot: Bot
) -> None:
    seen: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @bot.app.action("yes")
    async def chosen(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        await respond(text="Ada said yes", replace_original=True)
        seen.put_nowait(body)

    person, question = await ask(slack, bot, BUTTONS)
    click = slack.click(person, question, "yes")
    await click.acknowledged()
    body = await seen.get()
    assert (body["user"]["id"], body["actions"][0]["value"]) == (person.id, "1")
    assert (body["container"]["message_ts"], body["message"]["ts"]) == (question.ts, question.ts)
    assert (question.text, question.blocks) == ("Ada said yes", [])


async def test_a_click_that_nobody_acknowledges_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_proxies(monkeypatch)
    async with (
        FakeSlack(ack_timeout=0.2, retry_delays=(0.0,)) as slack,
        connected(slack, make_bot(slack)) as bot,
    ):
        person, question = await ask(slack, bot, BUTTONS)
        click = slack.click(person, question, value="0")
        await slack.wait_until(lambda: click.state == "given_up")
        assert len(click.attempts) == 1


async def test_a_response_url_works_five_times(slack: FakeSlack, bot: Bot) -> None:
    statuses: asyncio.Queue[list[int]] = asyncio.Queue()

    @bot.app.action("no")
    async def chosen(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        statuses.put_nowait([(await respond(f"note {n}")).status_code for n in range(6)])

    person, question = await ask(slack, bot, BUTTONS)
    slack.click(person, question, "no")
    assert await statuses.get() == [200] * 5 + [404]
    assert [each.text for each in slack.ephemerals(person)] == [f"note {n}" for n in range(5)]


async def test_a_response_url_dies_after_half_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_proxies(monkeypatch)
    time = [0.0]
    async with FakeSlack(now=lambda: time[0]) as slack, aiohttp.ClientSession() as session:
        person = slack.add_user("ada")
        general = slack.add_channel("general", members=[person])
        url = slack.interactions.response_url(slack.origin, general.id, person.id, None)
        time[0] = 1_799.0
        assert (await session.post(url, json={"text": "in time"})).status == 200
        time[0] = 1_801.0
        late = await session.post(url, json={"text": "late"})
        assert (late.status, (await late.json())["error"]) == (404, "expired_url")
        assert [each.text for each in slack.ephemerals(person)] == ["in time"]


async def test_a_menus_choice_is_the_whole_option(slack: FakeSlack, bot: Bot) -> None:
    seen: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @bot.app.action("colour")
    async def chosen(ack: AsyncAck, action: dict[str, Any]) -> None:
        await ack()
        seen.put_nowait(action)

    person, question = await ask(slack, bot, MENU)
    slack.select(person, question, "colour", "blue")
    assert (await seen.get())["selected_option"] == OPTIONS[1]


async def test_a_modal_is_opened_refused_and_submitted(slack: FakeSlack, bot: Bot) -> None:
    opened: asyncio.Queue[str] = asyncio.Queue()
    submitted: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @bot.app.action("yes")
    async def open_modal(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        answer = await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        opened.put_nowait(answer["view"]["id"])

    @bot.app.view("feedback")
    async def submit(ack: AsyncAck, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        if values["why"]["text"]["value"] == "because":
            await ack(response_action="errors", errors={"why": "That is no reason"})
        else:
            await ack()
        submitted.put_nowait(view)

    person, question = await ask(slack, bot, BUTTONS)
    slack.click(person, question, "yes")
    view = slack.workspace.views[await opened.get()]
    assert view.open
    refused = slack.submit_view(person, view, {"why": {"text": "because"}})
    assert (await refused.acknowledged() or {})["response_action"] == "errors"
    assert (view.open, view.body["errors"]) == (True, {"why": "That is no reason"})
    sent = slack.submit_view(person, view, {"why": {"text": "it works"}, "colour": {"pick": "red"}})
    await sent.acknowledged()
    assert not view.open
    await submitted.get()
    body = await submitted.get()
    assert body["private_metadata"] == "m-17"
    assert body["state"]["values"]["colour"]["pick"]["selected_option"] == OPTIONS[0]


@pytest.mark.parametrize(("action", "still_open"), [("update", 1), ("push", 2), ("clear", 0)])
async def test_a_modal_follows_the_answer_to_its_submission(
    slack: FakeSlack, bot: Bot, action: str, still_open: int
) -> None:
    following = MODAL | {"callback_id": "second"}

    @bot.app.view("feedback")
    async def submit(ack: AsyncAck) -> None:
        await (
            ack(response_action=action, view=following) if action != "clear" else ack(response_action=action)
        )

    person = slack.add_user("ada")
    trigger = slack.interactions.trigger(person.id)
    answer = await bot.client.views_open(trigger_id=trigger, view=MODAL)
    first = slack.workspace.views[answer["view"]["id"]]
    await slack.submit_view(person, first, {"why": {"text": "x"}}).acknowledged()
    open_views = [view.body["callback_id"] for view in slack.workspace.views.values() if view.open]
    assert len(open_views) == still_open
    assert not open_views or open_views[-1] == "second"


async def test_a_trigger_is_good_for_one_modal_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_proxies(monkeypatch)
    time = [0.0]
    async with FakeSlack(now=lambda: time[0]) as slack:
        person, client = slack.add_user("ada"), web_client(slack)
        trigger, stale = slack.interactions.trigger(person.id), slack.interactions.trigger(person.id)
        answer = await client.views_open(trigger_id=trigger, view=MODAL)
        time[0] = 3.1
        errors = []
        for each in (trigger, stale, "404"):
            with pytest.raises(SlackApiError) as refused:
                await client.views_open(trigger_id=each, view=MODAL)
            errors.append(refused.value.response["error"])
        assert errors == ["exchanged_trigger_id", "expired_trigger_id", "invalid_trigger_id"]
        view = slack.workspace.views[answer["view"]["id"]]
        with pytest.raises(SlackApiError) as stale_hash:
            await client.views_update(view_id=view.id, hash="old", view=MODAL)
        assert stale_hash.value.response["error"] == "hash_conflict"
        await client.views_update(view_id=view.id, hash=view.hash, view=MODAL | {"private_metadata": "new"})
        assert view.body["private_metadata"] == "new"


async def test_a_closed_modal_is_told_only_on_request(slack: FakeSlack, bot: Bot) -> None:
    closed: asyncio.Queue[str] = asyncio.Queue()

    @bot.app.view_closed("feedback")
    async def on_close(ack: AsyncAck, view: dict[str, Any]) -> None:
        await ack()
        closed.put_nowait(view["id"])

    person = slack.add_user("ada")
    views: list[View] = []
    for notify in (False, True):
        trigger = slack.interactions.trigger(person.id)
        answer = await bot.client.views_open(trigger_id=trigger, view=MODAL | {"notify_on_close": notify})
        views.append(slack.workspace.views[answer["view"]["id"]])
    assert slack.close_view(person, views[0]) is None
    assert slack.close_view(person, views[1]) is not None
    assert await closed.get() == views[1].id


async def test_a_slash_command_may_answer_with_its_acknowledgement(slack: FakeSlack, bot: Bot) -> None:
    @bot.app.command("/dovecote")
    async def command(ack: AsyncAck, command: dict[str, Any], respond: AsyncRespond) -> None:
        await ack(f"you said {command['text']}")
        await respond("for everybody", response_type="in_channel")

    person = slack.add_user("ada")
    general = slack.add_channel("general", members=[person])
    sent = slack.slash(person, general, "/dovecote", "status")
    await sent.acknowledged()
    await slack.wait_for(lambda message: message.text == "for everybody")
    assert [each.text for each in slack.ephemerals(person)] == ["you said status"]
    assert slack.deliveries("/dovecote") == [sent]


async def test_the_home_tab_shows_what_was_published_and_takes_clicks(slack: FakeSlack, bot: Bot) -> None:
    clicked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @bot.app.action("yes")
    async def chosen(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        clicked.put_nowait(body)

    person = slack.add_user("ada")
    await bot.client.views_publish(user_id=person.id, view={"type": "home", "blocks": BUTTONS})
    home = slack.workspace.homes[person.id]
    slack.open_home(person)
    (heard,) = await bot.hear()
    assert heard.event["view"]["id"] == home.id
    slack.click(person, home, "yes")
    body = await clicked.get()
    assert body["container"] == {"type": "view", "view_id": home.id}
    assert "response_url" not in body
