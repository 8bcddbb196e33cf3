"""`dovecote setup slack`: the manifest's link, live checks with a remedy each, and a real round trip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack import manifest
from bots.slack.backfill import ALL_KINDS
from bots.slack.bot import Secrets
from bots.slack.errors import TRANSIENT, code_of
from bots.slack.preflight import SlackRefused, identify
from bots.slack.round_trip import WAIT, round_trip
from host.config import Config, Slack

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


def first_steps() -> list[str]:
    return [
        "1. Open this link; it fills in the whole app. Choose the workspace, then Create and Install:",
        manifest.link(),
        "2. OAuth & Permissions → copy the Bot User OAuth Token (xoxb-…) into SLACK_BOT_TOKEN.",
        "3. Basic Information → App-Level Tokens → generate one with connections:write (xapp-…) into SLACK_APP_TOKEN.",
        "4. Run this command again.",
    ]


async def check(settings: Slack, environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Checks in order, and ends after the first that makes the others pointless."""
    token, app_token = environment.get("SLACK_BOT_TOKEN", ""), environment.get("SLACK_APP_TOKEN", "")
    needed = {"SLACK_BOT_TOKEN": (token, "xoxb-")}
    if settings.mode == "socket":
        needed["SLACK_APP_TOKEN"] = (app_token, "xapp-")
    for name, (value, prefix) in needed.items():
        if not value.startswith(prefix):
            yield Finding(name, False, f"Set it to the token that starts with {prefix}.")
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
    settings = config.slack or Slack()
    if not environment.get("SLACK_BOT_TOKEN"):
        for line in first_steps():
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
        say(f"✗ the greeting could not be posted or read: {code_of(error) or type(error).__name__}")
        return False
    if answered and heard:
        say("✓ a person answered, and Slack told me so")
    else:
        say(f"✗ {NO_EVENT}" if answered else "✗ nobody answered in time")
    return answered and heard


def run(config: Config, environment: Mapping[str, str], say: Callable[[str], None], channel: str) -> bool:
    """The entry point."""
    return asyncio.run(guide(config, environment, say, channel))
