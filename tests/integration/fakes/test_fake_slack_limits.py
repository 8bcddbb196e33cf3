"""The table of limits: what is just allowed, and the error one step beyond."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack
from tests.support.slack_app import clear_proxies, web_client

Post = dict[str, Any]


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack() as fake:
        yield fake


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    return web_client(slack)


def blocks(*items: Post) -> Post:
    return {"text": "fallback", "blocks": list(items)}


def section(length: int) -> Post:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * length}}


def markdown(*lengths: int) -> Post:
    return blocks(*({"type": "markdown", "text": "x" * length} for length in lengths))


def header(length: int) -> Post:
    return blocks({"type": "header", "text": {"type": "plain_text", "text": "x" * length}})


def button(*, text: int = 1, value: int = 1, count: int = 1) -> Post:
    element = {"type": "button", "text": {"type": "plain_text", "text": "x" * text}, "value": "x" * value}
    return blocks({"type": "actions", "elements": [element] * count})


def metadata(size: int) -> Post:
    return {"text": "x", "metadata": {"event_type": "out", "event_payload": {"id": "x" * size}}}


def text(length: int = 1) -> Post:
    return {"type": "plain_text", "text": "x" * length}


def menu(*, count: int = 1, label: int = 1, value: int = 1) -> Post:
    options = [{"text": text(label), "value": "x" * value}] * count
    return blocks({"type": "actions", "elements": [{"type": "static_select", "options": options}]})


def named(*ids: str) -> Post:
    elements = [{"type": "button", "text": text(), "action_id": id_} for id_ in ids]
    return blocks({"type": "actions", "elements": elements})


def fields(count: int) -> Post:
    return blocks({"type": "section", "fields": [text()] * count})


def context(count: int) -> Post:
    return blocks({"type": "context", "elements": [text()] * count})


def table(rows: int, cells: int) -> Post:
    return blocks({"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * cells] * rows})


def image(alt: int) -> Post:
    return blocks({"type": "image", "image_url": "https://x.io/p.png", "alt_text": "x" * alt})


LIMITS: list[tuple[str, Post, Post, str]] = [
    ("section text", blocks(section(3_000)), blocks(section(3_001)), "invalid_blocks"),
    (
        "number of blocks",
        blocks(*[{"type": "divider"}] * 50),
        blocks(*[{"type": "divider"}] * 51),
        "invalid_blocks",
    ),
    ("markdown in one block", markdown(12_000), markdown(12_001), "msg_blocks_too_long"),
    ("markdown in all blocks", markdown(6_000, 6_000), markdown(6_000, 6_001), "msg_blocks_too_long"),
    (
        "text of all blocks",
        blocks(*[section(2_640)] * 5),
        blocks(*[section(2_641)] * 5),
        "msg_blocks_too_long",
    ),
    ("header", header(150), header(151), "invalid_blocks"),
    ("button text", button(text=75), button(text=76), "invalid_blocks"),
    ("button value", button(value=2_000), button(value=2_001), "invalid_blocks"),
    ("buttons", button(count=25), button(count=26), "invalid_blocks"),
    ("options", menu(count=100), menu(count=101), "invalid_blocks"),
    ("an option's text", menu(label=75), menu(label=76), "invalid_blocks"),
    ("an option's value", menu(value=150), menu(value=151), "invalid_blocks"),
    ("action ids of a block", named("a", "b"), named("a", "a"), "invalid_blocks"),
    ("fields of a section", fields(10), fields(11), "invalid_blocks"),
    ("elements of a context", context(10), context(11), "invalid_blocks"),
    ("rows of a table", table(100, 1), table(101, 1), "invalid_blocks"),
    ("cells of a row", table(1, 20), table(1, 21), "invalid_blocks"),
    ("words for an image", image(2_000), image(2_001), "invalid_blocks"),
    ("an image without words", image(1), image(0), "invalid_blocks"),
    (
        "attachments",
        {"text": "x", "attachments": [{"text": "a"}] * 100},
        {"text": "x", "attachments": [{"text": "a"}] * 101},
        "too_many_attachments",
    ),
    ("known block type", blocks({"type": "divider"}), blocks({"type": "dividr"}), "invalid_blocks"),
    ("section with text", blocks(section(1)), blocks({"type": "section"}), "invalid_blocks"),
    ("blocks as JSON", {"blocks": '[{"type": "divider"}]'}, {"blocks": "[{"}, "invalid_blocks_format"),
    ("markdown_text", {"markdown_text": "x" * 12_000}, {"markdown_text": "x" * 12_001}, "msg_too_long"),
    (
        "one kind of text",
        {"markdown_text": "x"},
        {"markdown_text": "x", "text": "y"},
        "markdown_text_conflict",
    ),
    ("some text", {"text": "x"}, {"text": ""}, "no_text"),
    ("metadata size", metadata(16_000), metadata(16_384), "metadata_too_large"),
    (
        "metadata shape",
        metadata(1),
        {"text": "x", "metadata": {"event_type": "out"}},
        "invalid_metadata_format",
    ),
    (
        "thread_ts",
        {"text": "x", "thread_ts": "1.000000"},
        {"text": "x", "thread_ts": "abc"},
        "invalid_thread_ts",
    ),
]


@pytest.mark.parametrize(
    ("allowed", "refused", "error"), [pytest.param(*row[1:], id=row[0]) for row in LIMITS]
)
async def test_a_limit_lets_through_what_fits_and_refuses_the_rest(
    slack: FakeSlack, client: AsyncWebClient, allowed: Post, refused: Post, error: str
) -> None:
    general = slack.add_channel("general")
    await client.api_call("chat.postMessage", json={"channel": general.id, **allowed})
    with pytest.raises(SlackApiError) as refusal:
        await client.api_call("chat.postMessage", json={"channel": general.id, **refused})
    assert refusal.value.response["error"] == error
    assert len(general.messages) == 1


async def test_a_refused_block_says_where_and_why(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    with pytest.raises(SlackApiError) as refusal:
        await client.chat_postMessage(channel=general.id, **blocks(section(1), section(3_001)))
    (message,) = refusal.value.response["response_metadata"]["messages"]
    assert message == "[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"


async def test_a_text_above_forty_thousand_characters_is_cut_with_a_warning(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    general = slack.add_channel("general")
    answer = await client.chat_postMessage(channel=general.id, text="x" * 40_001)
    assert answer["warning"] == "message_truncated"
    assert len(slack.messages(general)[0].text) == 40_000


async def test_an_update_takes_less_text_than_a_post(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    post = await client.chat_postMessage(channel=general.id, text="x" * 4_001)
    await client.chat_update(channel=general.id, ts=post["ts"], text="y" * 4_000)
    with pytest.raises(SlackApiError) as refusal:
        await client.chat_update(channel=general.id, ts=post["ts"], text="y" * 4_001)
    assert refusal.value.response["error"] == "msg_too_long"


async def test_metadata_with_a_bad_event_type_is_ignored_with_a_warning(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    general = slack.add_channel("general")
    wrong = {"event_type": "dovecote.out", "event_payload": {"id": "m-1"}}
    answer = await client.chat_postMessage(channel=general.id, text="x", metadata=wrong)
    assert answer["warning"] == "invalid_metadata_schema"
    assert slack.messages(general)[0].metadata is None


async def test_a_channel_takes_a_burst_and_then_one_message_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_proxies(monkeypatch)
    time = [0.0]
    async with FakeSlack(now=lambda: time[0]) as slack:
        client = web_client(slack)
        general, other = slack.add_channel("general"), slack.add_channel("other")
        slack.limits.channel_rate = 1.0
        for _ in range(slack.limits.channel_burst):
            await client.chat_postMessage(channel=general.id, text="x")
        with pytest.raises(SlackApiError) as refusal:
            await client.chat_postMessage(channel=general.id, text="x")
        assert refusal.value.response.status_code == 429
        assert int(refusal.value.response.headers["Retry-After"]) == 1
        await client.chat_postMessage(channel=other.id, text="x")
        time[0] = 1.0
        await client.chat_postMessage(channel=general.id, text="x")
        assert len(slack.messages(general)) == slack.limits.channel_burst + 1
