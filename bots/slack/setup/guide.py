"""`dovecote setup slack`: the manifest's link, live checks with a remedy each, and a real round trip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.bot import Secrets
from bots.slack.client.errors import TRANSIENT, code_of
from bots.slack.client.transport import PATH
from bots.slack.reading.backfill import ALL_KINDS
from bots.slack.setup import manifest
from bots.slack.setup.preflight import SlackRefused, identify
from bots.slack.setup.round_trip import WAIT, round_trip
from host.config import Config, Slack, tidied, unfit

UNREACHABLE = {
    "channel_not_found": "there is no such channel for the bot. Give its id (C…), and write `/invite` there.",
    "not_in_channel": "the bot is not in this channel: write `/invite` there.",
    "is_archived": "the channel is archived.",
    "missing_scope": "a scope is missing: paste the manifest again and install the app again.",
}
NO_EVENT = (
    "a person answered, but Slack sent no event about it: is `dovecote up` running and took it? Otherwise switch Event"
    " Subscriptions on and subscribe to the bot events of the manifest"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, whether it is well, and what to do if it is not."""

    what: str
    well: bool
    remedy: str = ""


OUR_URL = f"https://YOUR-HOST{PATH}"  # to be replaced in Slack's form, without Socket Mode
WHERE = {
    "SLACK_BOT_TOKEN": "OAuth & Permissions → copy the Bot User OAuth Token (xoxb-…)",
    "SLACK_APP_TOKEN": "Basic Information → App-Level Tokens → generate one with connections:write (xapp-…)",
    "SLACK_SIGNING_SECRET": "Basic Information → App Credentials → copy the Signing Secret",
}


def needed(settings: Slack) -> dict[str, str]:
    """The variables, and how their values begin."""
    if settings.mode == "socket":
        return {"SLACK_BOT_TOKEN": "xoxb-", "SLACK_APP_TOKEN": "xapp-"}
    return {"SLACK_BOT_TOKEN": "xoxb-", "SLACK_SIGNING_SECRET": ""}


def first_steps(settings: Slack) -> list[str]:
    first = "Open this link; it fills in the whole app. Choose the workspace, then Create and Install:"
    if settings.mode == "http":
        first = (
            "Open this link; it fills in the whole app. Replace YOUR-HOST by the name under which Slack reaches the"
            " proxy in front of this machine, then Create and Install:"
        )
    link = manifest.link(url="" if settings.mode == "socket" else OUR_URL)
    steps = [f"{WHERE[name]} into {name}." for name in needed(settings)]
    numbered = [f"{number}. {step}" for number, step in enumerate([*steps, "Run this command again."], 2)]
    return [f"1. {first}", link, *numbered]


async def check(settings: Slack, environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Checks in order, and ends after the first that makes the others pointless."""
    environment = tidied(environment)
    token, app_token = environment.get("SLACK_BOT_TOKEN", ""), environment.get("SLACK_APP_TOKEN", "")
    for name, prefix in needed(settings).items():
        value = environment.get(name, "")
        if not value or not value.startswith(prefix):
            yield Finding(name, False, f"{WHERE[name]} and set the variable to it.")
            return
        if problem := unfit(value):
            yield Finding(name, False, f"It {problem}.")
            return
        yield Finding(name, True)
    client = AsyncWebClient(token, base_url=settings.api_url, timeout=20, retry_handlers=[])
    try:
        identity = await identify(client, app_token, settings)
    except SlackRefused as error:
        yield Finding("Slack accepts the tokens and their scopes", False, str(error))
        return
    except TRANSIENT as error:
        yield Finding(
            "Slack can be reached",
            False,
            f"{type(error).__name__} {code_of(error)}: is it {settings.api_url}?",
        )
        return
    yield Finding(f"Slack accepts the tokens; the bot is @{identity.name}", True)
    try:
        found = await client.users_conversations(types=ALL_KINDS, limit=200)
    except SlackApiError as error:
        yield Finding("the bot's channels can be listed", False, f"Slack says {code_of(error)}.")
        return
    places = [channel for channel in found["channels"] if not channel.get("is_im")]
    yield Finding(
        f"the bot is in {len(places)} channels",
        bool(places),
        "" if places else f"Write `/invite @{identity.name}` in a channel.",
    )


async def guide(
    config: Config, environment: Mapping[str, str], say: Callable[[str], None], channel: str
) -> bool:
    """What `dovecote setup slack` does; true when everything is well."""
    settings, environment = config.slack or Slack(), tidied(environment)
    if not environment.get("SLACK_BOT_TOKEN"):
        for line in first_steps(settings):
            say(line)
        return False
    async for finding in check(settings, environment):
        say(f"{'✓' if finding.well else '✗'} {finding.what}{f': {finding.remedy}' if finding.remedy else ''}")
        if not finding.well:
            return False
    if not channel:
        say("Add --channel C… (a channel's id) for a greeting and a real round trip.")
        return True
    say(f"Posting a greeting; answer it or react to it within {WAIT / 60:.0f} minutes…")
    secrets = Secrets(
        environment["SLACK_BOT_TOKEN"],
        environment.get("SLACK_APP_TOKEN", ""),
        environment.get("SLACK_SIGNING_SECRET", ""),
    )
    try:
        answered, heard = await round_trip(settings, secrets, channel)
    except TRANSIENT as error:
        code = code_of(error)
        remedy = UNREACHABLE.get(code, f"Slack says {code or type(error).__name__}.")
        say(f"✗ the greeting could not be posted or read: {remedy}")
        return False
    if answered and heard:
        say("✓ a person answered, and Slack told me so")
    else:
        say(f"✗ {NO_EVENT}" if answered else "✗ nobody answered in time")
    return answered and heard


def run(config: Config, environment: Mapping[str, str], say: Callable[[str], None], channel: str) -> bool:
    """The entry point."""
    return asyncio.run(guide(config, environment, say, channel))
