"""Both fakes send the least that is documented, unless told to send all of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.discord import FakeDiscord, Upload, messages, payloads
from tests.fakes.discord import optional as discord_optional
from tests.fakes.slack import FakeSlack
from tests.fakes.slack import optional as slack_optional
from tests.support.slack_app import web_client

# What the kinds are looked for by: the members that every one of them has.
DISCORD = {
    "user": {"id", "username", "discriminator"},
    "member": {"roles", "joined_at", "deaf"},
    "thread": {"thread_metadata"},
    "thread_metadata": {"auto_archive_duration"},
    "thread_member": {"join_timestamp"},
    "attachment": {"filename", "proxy_url"},
    "gateway_message": {"author", "content", "timestamp"},
    "reaction_event": {"message_id", "emoji", "burst"},
    "interaction": {"application_id", "token", "app_permissions"},
}
SLACK = {
    "message": {"ts", "text"},
    "file": {"url_private", "mimetype"},
    "user": {"profile", "deleted"},
    "channel": {"is_archived", "is_private"},
    "reaction": {"reaction", "item"},
    "envelope": {"event_id", "api_app_id"},
    "container": {"message_ts", "channel_id"},
    "command": {"command", "response_url"},
    "interaction": {"actions", "container"},
    "root": {"reply_count"},
}


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects(value)


def found(sent: list[Any], marks: set[str]) -> list[set[str]]:
    return [set(each) for payload in sent for each in objects(payload) if marks <= set(each)]


async def discord_says() -> list[Any]:
    """What the gateway would dispatch of an hour in a channel, and one click."""
    sent: list[Any] = []
    async with FakeDiscord() as server:
        server.world.listen(lambda event: sent.append(event.data))
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        said = server.say(ada, channel, "hi", attachments=[Upload("a.txt", b"a", "text/plain", "an a")])
        server.react(ada, said, "🎉")
        server.start_thread(ada, said, "a thread")
        button = {"type": 2, "style": 1, "label": "Go", "custom_id": "go"}
        asked = messages.create(
            server.world,
            server.bot,
            channel,
            {"content": "?", "components": [{"type": 1, "components": [button]}]},
        )
        server.click(ada, asked, "go")
        sent.append(payloads.channel(server.start_thread(server.bot, asked, "mine"), server.bot))
    return sent


async def slack_says() -> list[Any]:
    async with FakeSlack() as slack:
        ada = slack.add_user("ada")
        channel = slack.add_channel("general", members=[ada])
        said = slack.say(ada, channel, "hi", files=[("a.txt", b"a")])
        slack.say(ada, channel, "a reply", said.ts)
        slack.react(ada, said, "eyes")
        slack.edit(said, "hello")
        slack.slash(ada, channel, "/dovecote", "help")
        button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
        client = web_client(slack)
        await client.chat_postMessage(
            channel=channel.id,
            text="?",
            thread_ts=said.ts,
            blocks=[{"type": "actions", "elements": [button]}],
        )
        slack.click(ada, slack.messages(channel, said.ts)[-1], "go")
        looked_up = [
            await client.users_info(user=ada.id),
            await client.conversations_info(channel=channel.id),
        ]
        history = await client.conversations_history(channel=channel.id)
        return [
            *(each.payload for each in slack.deliveries()),
            *(each.data for each in [*looked_up, history]),
        ]


def differs(sparse: list[set[str]], whole: list[set[str]], unsaid: frozenset[str]) -> bool:
    return bool(sparse) and not any(each & unsaid for each in sparse) and any(each & unsaid for each in whole)


@pytest.mark.parametrize("kind", sorted(DISCORD))
async def test_discord_leaves_out_what_is_optional(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAKE_PAYLOADS", raising=False)
    sparse = found(await discord_says(), DISCORD[kind])
    monkeypatch.setenv("FAKE_PAYLOADS", "full")
    assert differs(sparse, found(await discord_says(), DISCORD[kind]), discord_optional.OPTIONAL[kind])


@pytest.mark.parametrize("kind", sorted(SLACK))
async def test_slack_leaves_out_what_is_optional(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAKE_PAYLOADS", raising=False)
    sparse = found(await slack_says(), SLACK[kind])
    monkeypatch.setenv("FAKE_PAYLOADS", "full")
    assert differs(sparse, found(await slack_says(), SLACK[kind]), slack_optional.OPTIONAL[kind])


async def test_a_person_is_no_bot_and_a_quiet_message_has_no_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAKE_PAYLOADS", raising=False)
    sent = await discord_says()
    people = [each for payload in sent for each in objects(payload) if DISCORD["user"] <= set(each)]
    assert {each["username"]: each.get("bot") for each in people} == {"ada": None, "dove": True}
    assert all(each.get("flags", 1) for payload in sent for each in objects(payload) if "content" in each)
