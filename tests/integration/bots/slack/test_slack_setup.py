"""Setting Slack up: the manifest, and live checks that name a remedy (LESSONS 53)."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bots.slack import make
from bots.slack.bot import Secrets, SlackBot
from bots.slack.listening import attach
from bots.slack.setup import guide as setup
from bots.slack.setup import manifest, round_trip
from bots.slack.setup.preflight import SlackRefused
from host.config import Config, Slack
from host.ports.bot import BotConfigError, Surroundings
from host.ports.setup import Greeter, SecretRefused, SetUpFailed
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.api.registry import METHODS
from tests.fakes.slack.events import ALL_SUBSCRIPTIONS
from tests.fakes.slack.scopes import FAMILIES, MANIFEST
from tests.support.guided import Guided
from tests.support.started import fresh, ran


def config(slack: FakeSlack) -> Config:
    return Config(slack=Slack(api_url=slack.api_url))


def tokens(slack: FakeSlack) -> dict[str, str]:
    return {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}


async def visited(
    slack: FakeSlack, environment: dict[str, str], desk: Guided | None = None
) -> Greeter | SecretRefused | SetUpFailed | None:
    try:
        return await setup.guide.visit(config(slack), environment, desk or Guided())
    except (SecretRefused, SetUpFailed) as failed:
        return failed


class Register:
    """Where listeners are attached: writes down which events they are for."""

    def __init__(self) -> None:
        self.events: set[str] = set()
        self.shortcuts: set[str] = set()

    def event(self, event: str | re.Pattern[str]) -> Callable[[object], None]:
        if isinstance(event, str):
            self.events.add(event)
        return lambda listener: None

    def middleware(self, listener: object) -> None: ...

    def command(self, name: str) -> Callable[[object], None]:
        assert name == manifest.COMMAND
        return lambda listener: None

    def shortcut(self, id_: str) -> Callable[[object], None]:
        self.shortcuts.add(id_)
        return lambda listener: None

    def action(self, pattern: object) -> Callable[[object], None]:
        return lambda listener: None

    view = action


def test_the_manifest_subscribes_to_the_events_that_have_a_listener_and_to_no_other() -> None:
    made = manifest.manifest()["settings"]["event_subscriptions"]["bot_events"]
    register = Register()
    attach(register, lambda context: None, nobody)  # type: ignore[arg-type]
    # Slack takes the first only from apps of the older assistant view, the others from those for whole organisations.
    elsewhere = {"assistant_thread_started", "team_access_granted", "team_access_revoked"}
    assert {name.partition(".")[0] for name in made} == register.events - elsewhere
    assert set(made) <= ALL_SUBSCRIPTIONS


def test_each_shortcut_of_the_manifest_has_a_listener_and_is_within_slacks_limits() -> None:
    made = manifest.manifest()["features"]["shortcuts"]
    register = Register()
    attach(register, lambda context: None, nobody)  # type: ignore[arg-type]
    assert {one["callback_id"] for one in made} == register.shortcuts
    assert len(made) <= 10
    for one in made:
        assert one["type"] == "message"
        assert len(one["name"]) <= 24
        assert len(one["description"]) <= 150


def test_the_manifest_asks_for_the_scopes_of_the_methods_that_are_called_and_for_no_other() -> None:
    scopes = set(manifest.manifest()["oauth_config"]["scopes"]["bot"])
    assert scopes == MANIFEST
    source = "".join(path.read_text("utf-8") for path in Path(manifest.__file__).parents[1].rglob("*.py"))
    called = set(re.findall(r"client\.([a-z]+_\w+)[(,]", source)) - {"is_connected"}
    # A person's own right, not the bot's; what an operator grants besides; what any token may ask.
    called = {name for name in called if not name.startswith(("openid_", "canvases_"))}
    methods = {name.replace(".", "_"): method for name, method in METHODS.items()}
    needed = [set(methods[name].scopes) for name in called if methods[name].token == "bot"]
    assert all(not any_of or any_of & scopes for any_of in needed)
    of_conversations = {f"{kind}:{right}" for kind in FAMILIES.values() for right in ("history", "read")}
    of_events = {"app_mentions:read", "reactions:read", "commands"}
    assert scopes <= set().union(*needed, of_conversations, of_events)


def test_the_link_carries_the_whole_manifest() -> None:
    query = parse_qs(urlsplit(manifest.link("Pigeon")).query)
    assert json.loads(query["manifest_json"][0]) == manifest.manifest("Pigeon")


def test_without_tokens_the_guide_says_where_they_are_found() -> None:
    told, link = setup.guide.steps(Config())
    assert "Create and Install" in told
    assert "manifest_json=" in link
    assert [secret.variable for secret in setup.guide.secrets(Config(), {})] == [
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
    ]
    assert "xapp-" in setup.guide.secrets(Config(), {})[1].where


def test_the_printed_link_is_one_line_however_narrow_the_terminal(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLACK_")}
    environment["COLUMNS"] = "40"
    told = ran("setup", "slack", "--print-link", folder=tmp_path, environment=environment, begin=fresh)
    [printed] = told.stdout.splitlines()
    query = parse_qs(urlsplit(printed).query)
    assert json.loads(query["manifest_json"][0]) == manifest.manifest()


def test_without_socket_mode_the_guide_asks_for_the_secret_and_the_address() -> None:
    http = Config(slack=Slack(mode="http"))
    told, link = setup.guide.steps(http)
    assert link == manifest.link(url=setup.OUR_URL)
    assert "YOUR-HOST" in told
    assert [secret.variable for secret in setup.guide.secrets(http, {})] == [
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
    ]


def test_where_workspaces_install_the_app_the_guide_asks_for_what_a_start_needs_and_for_no_token_of_its_own(
    tmp_path: Path,
) -> None:
    several = Slack(installs=("T012AB3CD",))
    told, _ = setup.guide.steps(Config(slack=several))
    assert "/slack/oauth_redirect" in told
    for settings, own in ((several, {}), (several, {"SLACK_BOT_TOKEN": "xoxb-1"}), (Slack(mode="http"), {})):
        config = Config(slack=settings)
        asked = {one.variable for one in setup.guide.secrets(config, own)}
        with pytest.raises(BotConfigError) as refused:
            make(Surroundings(config, tmp_path, own))
        assert set(re.findall(r"[A-Z]+_[A-Z_]+", str(refused.value))) == asked - own.keys()
        assert ("SLACK_BOT_TOKEN" in asked) is (settings is not several or bool(own))


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SLACK_BOT_TOKEN", "", "OAuth & Permissions"),
        ("SLACK_BOT_TOKEN", "xapp-1", "xoxb-"),
        ("SLACK_BOT_TOKEN", "xoxb-1 xoxb-2", "in one line"),
        ("SLACK_BOT_TOKEN", "xoxb-unknown", "invalid_auth"),
        ("SLACK_APP_TOKEN", "xapp-unknown", "invalid_auth"),
    ],
)
async def test_a_token_that_does_not_work_is_named_and_can_be_asked_for_again(
    variable: str, value: str, words: str
) -> None:
    async with FakeSlack() as slack:
        found = await visited(slack, {**tokens(slack), variable: value})
    assert isinstance(found, SecretRefused)
    assert found.variable == variable
    assert words in str(found)


async def test_a_missing_scope_is_named_before_anybody_waits_in_vain() -> None:
    async with FakeSlack() as slack:
        slack.scopes.discard("reactions:write")
        found = await visited(slack, tokens(slack))
    assert "reactions:write" in str(found)


async def test_a_slack_that_is_not_there_is_named_by_its_address() -> None:
    async with FakeSlack() as slack:
        environment = tokens(slack)
        gone = config(slack)
    with pytest.raises(SetUpFailed, match=re.escape(str(gone.slack and gone.slack.api_url))):
        await setup.guide.visit(gone, environment, Guided())


async def test_a_bot_in_no_channel_is_told_how_to_be_invited_and_waits_for_it() -> None:
    async with FakeSlack() as slack:
        desk = Guided()
        task = asyncio.create_task(visited(slack, tokens(slack), desk))
        await desk.until("/invite @")
        ann = slack.add_user("ann")
        channel = slack.add_channel("general", members=[ann])
        greeting = await slack.wait_for(lambda message: message.bot_id == slack.bot_id, 30)
        slack.react(ann, greeting, "wave")
        assert isinstance(await asyncio.wait_for(task, 30), Greeter)
    assert [place.id for place in desk.places] == [channel.id]


async def test_the_round_trip_ends_when_a_person_answers_the_greeting_and_says_who_it_was() -> None:
    async with FakeSlack() as slack:
        ann = slack.add_user("ann")
        slack.add_channel("random", members=[ann])
        channel = slack.add_channel("general", members=[ann])
        desk = Guided(channel.id)
        task = asyncio.create_task(visited(slack, tokens(slack), desk))
        greeting = await slack.wait_for(lambda message: message.bot_id == slack.bot_id)
        assert greeting.channel == channel.id
        slack.say(ann, channel, "hello", greeting.ts)
        greeter = await asyncio.wait_for(task, 30)
    assert isinstance(greeter, Greeter)
    assert greeter.id == ann.id
    assert "✓ a person answered, and Slack told me so" in desk.said
    assert [place.name for place in desk.places] == ["#random", "#general"]


async def test_an_app_whose_events_are_switched_off_is_found_out_by_the_round_trip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LESSONS 53: silence when a subscription is missing."""
    monkeypatch.setattr(round_trip, "EVENT_WAIT", 0.5)
    async with FakeSlack() as slack:
        slack.events.subscriptions.clear()
        ann = slack.add_user("ann")
        channel = slack.add_channel("general", members=[ann])
        task = asyncio.create_task(visited(slack, tokens(slack)))
        greeting = await slack.wait_for(lambda message: message.bot_id == slack.bot_id)
        slack.say(ann, channel, "hello", greeting.ts)
        found = await asyncio.wait_for(task, 30)
    assert "Event Subscriptions" in str(found)


async def test_a_wrong_app_token_is_refused_in_words_instead_of_tried_for_ever(tmp_path: Path) -> None:
    async with FakeSlack() as slack:
        bot = SlackBot(Slack(api_url=slack.api_url), Secrets(slack.bot_token, "xapp-wrong"), tmp_path)
        with pytest.raises(SlackRefused, match="SLACK_APP_TOKEN"):
            await bot.run(NoHost(), lambda: None)


async def nobody() -> None:
    """Whoever only listens up is told of no workspace."""


class NoHost:
    """Whoever is refused by Slack asks nothing of the host."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def test_a_section_without_tokens_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BotConfigError, match="SLACK_APP_TOKEN"):
        make(Surroundings(Config(slack=Slack()), tmp_path, {"SLACK_BOT_TOKEN": "xoxb-1"}))
    assert make(Surroundings(Config(), tmp_path, {})) is None
