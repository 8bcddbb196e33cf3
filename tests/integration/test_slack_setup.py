"""Setting Slack up: the manifest, and live checks that name a remedy (LESSONS 53)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bots.slack import Secrets, SlackBot, SlackRefused, make, manifest, round_trip, setup
from host.bots import BotConfigError, Surroundings
from host.config import Config, Slack
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.events import ALL_SUBSCRIPTIONS
from tests.fakes.slack.scopes import MANIFEST


def config(slack: FakeSlack) -> Config:
    return Config(slack=Slack(api_url=slack.api_url))


def tokens(slack: FakeSlack) -> dict[str, str]:
    return {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}


async def guided(slack: FakeSlack, environment: dict[str, str], channel: str = "") -> tuple[bool, str]:
    said: list[str] = []
    well = await setup.guide(config(slack), environment, said.append, channel)
    return well, "\n".join(said)


def test_the_manifest_asks_for_what_the_code_uses() -> None:
    made = manifest.manifest()
    assert set(made["oauth_config"]["scopes"]["bot"]) == MANIFEST
    assert set(made["settings"]["event_subscriptions"]["bot_events"]) == ALL_SUBSCRIPTIONS


def test_the_link_carries_the_whole_manifest() -> None:
    query = parse_qs(urlsplit(manifest.link("Pigeon")).query)
    assert json.loads(query["manifest_json"][0]) == manifest.manifest("Pigeon")


async def test_without_tokens_the_guide_says_where_they_are_found() -> None:
    async with FakeSlack() as slack:
        well, said = await guided(slack, {})
    assert not well
    assert "manifest_json=" in said
    assert "xapp-" in said


async def test_a_missing_scope_is_named_before_anybody_waits_in_vain() -> None:
    async with FakeSlack() as slack:
        slack.scopes.discard("reactions:write")
        well, said = await guided(slack, tokens(slack))
    assert not well
    assert "reactions:write" in said


async def test_a_bot_in_no_channel_is_told_how_to_be_invited() -> None:
    async with FakeSlack() as slack:
        well, said = await guided(slack, tokens(slack))
    assert not well
    assert "/invite" in said


async def test_the_round_trip_ends_when_a_person_answers_the_greeting() -> None:
    async with FakeSlack() as slack:
        ann = slack.add_user("ann")
        channel = slack.add_channel("general", members=[ann])
        task = asyncio.create_task(guided(slack, tokens(slack), channel.id))
        greeting = await slack.wait_for(lambda message: message.bot_id == slack.bot_id)
        slack.react(ann, greeting, "wave")
        well, said = await asyncio.wait_for(task, 30)
    assert well
    assert "a person answered" in said


async def test_an_app_whose_events_are_switched_off_is_found_out_by_the_round_trip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LESSONS 53: silence when a subscription is missing."""
    monkeypatch.setattr(round_trip, "EVENT_WAIT", 0.5)
    async with FakeSlack() as slack:
        slack.events.subscriptions.clear()
        ann = slack.add_user("ann")
        channel = slack.add_channel("general", members=[ann])
        task = asyncio.create_task(guided(slack, tokens(slack), channel.id))
        greeting = await slack.wait_for(lambda message: message.bot_id == slack.bot_id)
        slack.say(ann, channel, "hello", greeting.ts)
        well, said = await asyncio.wait_for(task, 30)
    assert not well
    assert "Event Subscriptions" in said


async def test_a_wrong_app_token_is_refused_in_words_instead_of_tried_for_ever(tmp_path: Path) -> None:
    async with FakeSlack() as slack:
        bot = SlackBot(Slack(api_url=slack.api_url), Secrets(slack.bot_token, "xapp-wrong"), tmp_path)
        with pytest.raises(SlackRefused, match="SLACK_APP_TOKEN"):
            await bot.run(NoHost(), lambda: None)


class NoHost:
    """Whoever is refused by Slack asks nothing of the host."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def test_a_section_without_tokens_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BotConfigError, match="SLACK_APP_TOKEN"):
        make(Surroundings(Config(slack=Slack()), tmp_path, {"SLACK_BOT_TOKEN": "xoxb-1"}))
    assert make(Surroundings(Config(), tmp_path, {})) is None
