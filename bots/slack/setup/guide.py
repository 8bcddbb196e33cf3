"""Slack's part of `dovecote setup`: the manifest's link, live checks with a remedy each, and a real round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.bot import Secrets
from bots.slack.client.errors import TRANSIENT, code_of
from bots.slack.client.transport import PATH
from bots.slack.reading.backfill import ALL_KINDS
from bots.slack.setup import manifest
from bots.slack.setup.preflight import SlackRefused, check_app_token, identify
from bots.slack.setup.round_trip import LOOK_EVERY, WAIT, round_trip
from bots.slack.setup.secrets import APP, BOT, SIGNING, needed
from host.config import Config, Slack, tidied, unfit
from host.ports.setup import Desk, Greeter, Place, Secret, SecretRefused, SetUpFailed

UNREACHABLE = {
    "channel_not_found": "there is no such channel for the bot. Give its id (C…), and write `/invite` there.",
    "not_in_channel": "the bot is not in this channel: write `/invite` there.",
    "is_archived": "the channel is archived.",
    "missing_scope": "a scope is missing: paste the manifest again and install the app again.",
}
NO_EVENT = (
    "A person answered, but Slack sent no event about it: is a `dovecote up` running that took it? Otherwise switch Event"
    " Subscriptions on and subscribe to the bot events of the manifest."
)
NOBODY = "Nobody answered in time. Run this again when somebody can."
NO_PAGE = (
    "Workspaces install the app from the page: say where it has its public name, by --set"
    " web.public_url=https://dovecote.example.com."
)
OUR_URL = f"https://YOUR-HOST{PATH}"  # to be replaced in Slack's form, without Socket Mode


class SlackGuide:
    def secrets(self, config: Config, environment: Mapping[str, str]) -> Sequence[Secret]:
        return needed(_settings(config), environment)

    def steps(self, config: Config) -> tuple[str, str]:
        settings = _settings(config)
        shared = ""
        if settings.installs:
            back = f"{_public(config) or 'https://YOUR-HOST'}/slack/oauth_redirect"
            shared = f" Under Manage Distribution activate public distribution; the redirect URL is {back}"
        if settings.mode == "socket":
            told = "The link fills in the whole app. Choose the workspace, then Create and Install."
            return f"{told}{shared}", manifest.link()
        told = (
            "The link fills in the whole app. Replace YOUR-HOST by the name under which Slack reaches the proxy in"
            " front of this machine, then Create and Install."
        )
        return f"{told}{shared}", manifest.link(url=OUR_URL)

    async def visit(self, config: Config, environment: Mapping[str, str], desk: Desk) -> Greeter | None:
        settings, environment = _settings(config), tidied(environment)
        secrets = Secrets(*[environment.get(one.variable, "") for one in (BOT, APP, SIGNING)])
        for secret in needed(settings, environment):
            _judge(secret, environment.get(secret.variable, ""))
        if settings.installs and not _public(config):
            raise SetUpFailed(NO_PAGE)
        client = AsyncWebClient(secrets.bot_token, base_url=settings.api_url, timeout=20, retry_handlers=[])
        try:
            if not secrets.bot_token:
                await check_app_token(client, secrets.app_token, settings)
                _nobody_yet(config, desk)
                return None
            identity = await identify(client)
            await check_app_token(client, secrets.app_token, settings)
            desk.checked(f"Slack takes the tokens and their scopes; the bot is @{identity.name}")
            place = await desk.pick(await _channels(client, identity.name, desk))
            greeter = await _met(client, settings, secrets, place, desk)
            return replace(greeter, workspace=identity.team) if settings.installs else greeter
        except SlackRefused as error:
            raise SecretRefused(error.variable, str(error)) from error
        except TRANSIENT as error:
            why = UNREACHABLE.get(code_of(error))
            if why is None:
                why = f"{type(error).__name__} {code_of(error)}: is it {settings.api_url}?"
            raise SetUpFailed(f"Slack: {why}") from error


def _settings(config: Config) -> Slack:
    return config.slack or Slack()


def _public(config: Config) -> str:
    """Where the page has its public name; '' without one."""
    return config.web.public_url if config.web is not None else ""


def _nobody_yet(config: Config, desk: Desk) -> None:
    """There is no workspace yet in which anybody could be greeted."""
    if _settings(config).mode == "socket":
        desk.checked("Slack takes the app's token")
    desk.say("Workspaces install the app once it runs; whoever may do so in theirs opens")
    desk.say(f"{_public(config)}/slack/install")


def _judge(secret: Secret, value: str) -> None:
    """Raises `SecretRefused`."""
    if not value or not value.startswith(secret.begins):
        raise SecretRefused(secret.variable, f"{secret.variable} is found under: {secret.where}.")
    if problem := unfit(value):
        raise SecretRefused(secret.variable, f"{secret.variable} {problem}.")


async def _channels(client: AsyncWebClient, name: str, desk: Desk) -> list[Place]:
    """Those that the bot is in; waits for an invitation where there are none. Raises `SetUpFailed`."""
    told = False
    try:
        async with asyncio.timeout(WAIT):
            while True:
                found = await client.users_conversations(types=ALL_KINDS, exclude_archived=True, limit=200)
                channels = [channel for channel in found["channels"] if channel.get("name")]
                if channels:
                    desk.checked(f"the bot is in {len(channels)} channel{'s' if len(channels) > 1 else ''}")
                    return [Place(str(one["id"]), f"#{one['name']}") for one in channels]
                if not told:
                    desk.say(f"Write `/invite @{name}` in a channel of Slack; I wait for that.")
                    told = True
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError as error:
        raise SetUpFailed(f"Nobody invited the bot: write `/invite @{name}` in a channel.") from error


async def _met(
    client: AsyncWebClient, settings: Slack, secrets: Secrets, place: Place, desk: Desk
) -> Greeter:
    """Raises `SetUpFailed`, or one of `errors.TRANSIENT`."""
    desk.say(
        f"Saying hello in {place.name}; answer it there, or react to it, within {WAIT / 60:.0f} minutes."
    )
    person, heard = await round_trip(settings, secrets, place.id)
    if not person or not heard:
        raise SetUpFailed(NO_EVENT if person else NOBODY)
    desk.checked("a person answered, and Slack told me so")
    try:
        profile = (await client.users_info(user=person))["user"]
    except SlackApiError:
        return Greeter(person, person)
    shown = (
        (profile.get("profile") or {}).get("display_name") or profile.get("real_name") or profile.get("name")
    )
    return Greeter(person, str(shown or person))


guide = SlackGuide()
