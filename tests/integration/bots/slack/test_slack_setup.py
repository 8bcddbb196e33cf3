"""Setting Slack up: the manifest, and live checks that name a remedy (LESSONS 53)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bots.slack import Secrets, SlackBot, SlackRefused, make
from bots.slack.bot import Listeners
from bots.slack.setup import guide as setup
from bots.slack.setup import manifest, round_trip
from host.config import Config, Slack
from host.ports.bot import BotConfigError, Surroundings
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.api.registry import METHODS
from tests.fakes.slack.events import ALL_SUBSCRIPTIONS
from tests.fakes.slack.scopes import FAMILIES, MANIFEST
from tests.support.dovecote import ROOT
from tests.support.waiting import DEADLINE


def config(slack: FakeSlack) -> Config:
    return Config(slack=Slack(api_url=slack.api_url))


def tokens(slack: FakeSlack) -> dict[str, str]:
    return {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}


async def guided(slack: FakeSlack, environment: dict[str, str], channel: str = "") -> tuple[bool, str]:
    said: list[str] = []
    well = await setup.guide(config(slack), environment, said.append, channel)
    return well, "\n".join(said)


class Register:
    """Where listeners are attached: writes down which events they are for."""

    def __init__(self) -> None:
        self.events: set[str] = set()

    def event(self, event: str | re.Pattern[str]) -> Callable[[object], None]:
        if isinstance(event, str):
            self.events.add(event)
        return lambda listener: None

    def middleware(self, listener: object) -> None: ...

    def command(self, name: str) -> Callable[[object], None]:
        assert name == manifest.COMMAND
        return lambda listener: None

    def action(self, pattern: object) -> Callable[[object], None]:
        return lambda listener: None

    view = action


def test_the_manifest_subscribes_to_the_events_that_have_a_listener_and_to_no_other() -> None:
    made = manifest.manifest()["settings"]["event_subscriptions"]["bot_events"]
    register = Register()
    Listeners(*[Unused() for _ in range(7)]).attach(register, Unused())  # type: ignore[arg-type]
    # Slack takes it only from apps of the older assistant view, and the manifest makes none of these.
    assert {name.partition(".")[0] for name in made} == register.events - {"assistant_thread_started"}
    assert set(made) <= ALL_SUBSCRIPTIONS


def test_the_manifest_asks_for_the_scopes_of_the_methods_that_are_called_and_for_no_other() -> None:
    scopes = set(manifest.manifest()["oauth_config"]["scopes"]["bot"])
    assert scopes == MANIFEST
    source = "".join(path.read_text("utf-8") for path in Path(manifest.__file__).parents[1].rglob("*.py"))
    called = set(re.findall(r"client\.([a-z]+_\w+)[(,]", source)) - {"is_connected"}
    methods = {name.replace(".", "_"): method for name, method in METHODS.items()}
    needed = [set(methods[name].scopes) for name in called if methods[name].token == "bot"]
    assert all(not any_of or any_of & scopes for any_of in needed)
    of_conversations = {f"{kind}:{right}" for kind in FAMILIES.values() for right in ("history", "read")}
    of_events = {"app_mentions:read", "reactions:read", "commands"}
    assert scopes <= set().union(*needed, of_conversations, of_events)


def test_the_link_carries_the_whole_manifest() -> None:
    query = parse_qs(urlsplit(manifest.link("Pigeon")).query)
    assert json.loads(query["manifest_json"][0]) == manifest.manifest("Pigeon")


async def test_without_tokens_the_guide_says_where_they_are_found() -> None:
    async with FakeSlack() as slack:
        well, said = await guided(slack, {})
    assert not well
    assert "manifest_json=" in said
    assert "xapp-" in said


def test_the_printed_link_is_one_line_however_narrow_the_terminal(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLACK_")}
    told = subprocess.run(
        [sys.executable, "-c", "from host.cli import main; main()", "setup", "slack"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT), "COLUMNS": "40"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    [printed] = [line for line in told.stdout.splitlines() if line.startswith("https://")]
    query = parse_qs(urlsplit(printed).query)
    assert json.loads(query["manifest_json"][0]) == manifest.manifest()


async def test_without_socket_mode_the_guide_asks_for_the_secret_and_the_address() -> None:
    async with FakeSlack() as slack:
        http = Config(slack=Slack(api_url=slack.api_url, mode="http"))
        said: list[str] = []
        assert not await setup.guide(http, {}, said.append, "")
        assert manifest.link(url=setup.OUR_URL) in said
        assert "SLACK_APP_TOKEN" not in "".join(said)
        said.clear()
        assert not await setup.guide(http, {"SLACK_BOT_TOKEN": slack.bot_token}, said.append, "")
        assert "Signing Secret" in said[-1]


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
        well, said = await guided(slack, tokens(slack), "C404")
        assert not well
        assert "/invite" in said


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


class Unused:
    """Whoever only listens up asks nothing of it."""

    def __getattr__(self, name: str) -> Any:
        return Unused()

    def __call__(self, *given: Any) -> Any:
        return Unused()


class NoHost:
    """Whoever is refused by Slack asks nothing of the host."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def test_a_section_without_tokens_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BotConfigError, match="SLACK_APP_TOKEN"):
        make(Surroundings(Config(slack=Slack()), tmp_path, {"SLACK_BOT_TOKEN": "xoxb-1"}))
    assert make(Surroundings(Config(), tmp_path, {})) is None
