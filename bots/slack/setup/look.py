"""A look at Slack for the doctor: tokens and scopes, where the bot is, owners, routes. Posts and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common import answering, faces
from bots.slack.client.errors import TRANSIENT, code_of
from bots.slack.reading.backfill import ALL_KINDS
from bots.slack.sending import faces as customizing
from bots.slack.setup.preflight import check_app_token, identify
from host.config import Config, Slack
from host.ports import unreachable
from host.ports.findings import Finding

WHAT = "Slack"
SETTING = "slack.api_url"
MOST_OWNERS = 10  # that are looked up
UNKNOWN = ("user_not_found", "user_not_visible", "users_not_found")


async def look(client: AsyncWebClient, app_token: str, settings: Slack, config: Config) -> list[Finding]:
    """Raises `SlackRefused`. Ends after the first that makes the others pointless."""
    try:
        identity = await identify(client)
        await check_app_token(client, app_token, settings)
        channels = await _channels(client)
    except TRANSIENT as error:
        return [_unreachable(error, settings)]
    found = [Finding(WHAT, True, f"@{identity.name}, with every scope, in {len(channels)} channels")]
    if not channels:
        remedy = f"Write `/invite @{identity.name}` in a channel; direct messages work without"
        found.append(Finding("Slack's channels", False, "the bot is in none", remedy))
    if faces.of(config) and identity.scopes and customizing.SCOPE not in identity.scopes:
        seen = "agents have names or pictures of their own, which the app may not use"
        found.append(Finding("Slack's faces", False, seen, customizing.REMEDY))
    found += _routes(config, channels, identity.team, identity.name)
    return [*found, *[finding async for finding in _owners(client, config, identity.team)]]


async def app(app_token: str, settings: Slack) -> list[Finding]:
    """Where no workspace is the bot's own. Raises `SlackRefused`."""
    client = AsyncWebClient(base_url=settings.api_url, timeout=20, retry_handlers=[])
    try:
        await check_app_token(client, app_token, settings)
    except TRANSIENT as error:
        return [_unreachable(error, settings)]
    return [Finding(WHAT, True, "the app's token is good")] if settings.mode == "socket" else []


def _unreachable(error: Exception, settings: Slack) -> Finding:
    if code := code_of(error):
        remedy = "Wait, and look at status.slack.com: it is tried again by itself"
        return Finding(WHAT, False, f"Slack answers {code!r}", remedy)
    if isinstance(error, SlackApiError):  # an answer, but none of Slack's
        error = unreachable.Odd("does not answer as Slack does")
    words = unreachable.because(error, settings.api_url, SETTING)
    return Finding(WHAT, False, words.problem, words.remedy)


async def _channels(client: AsyncWebClient) -> set[str]:
    """Those that the bot is in, but for direct messages: they are there without it."""
    found: set[str] = set()
    cursor = ""
    while True:
        page = await client.users_conversations(
            types=ALL_KINDS, exclude_archived=True, limit=200, cursor=cursor
        )
        found |= {str(channel["id"]) for channel in page["channels"] if not channel.get("is_im")}
        cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            return found


def _routes(config: Config, channels: set[str], team: str, bot: str) -> Iterator[Finding]:
    for number, route in enumerate(config.routes, 1):
        if route.platform != "slack" or route.engage == "off" or route.channel == "*":
            continue
        if route.workspace not in ("*", team):
            seen = f"number {number} is for workspace {route.workspace}, and the bot is in {team}"
            yield Finding("Route", False, seen, "Correct or remove it")
        elif route.channel not in channels and not route.channel.startswith("D"):
            seen = f"number {number} is for channel {route.channel} of Slack, where the bot is not"
            yield Finding(
                "Route", False, seen, f"Write `/invite @{bot}` there, or correct the channel's id (C…)"
            )


async def _owners(client: AsyncWebClient, config: Config, team: str) -> AsyncIterator[Finding]:
    for owner in sorted(answering.ids_on("slack", config.access.owners, team))[:MOST_OWNERS]:
        try:
            person = (await client.users_info(user=owner))["user"]
        except SlackApiError as error:
            if code_of(error) not in UNKNOWN:
                raise
            person = None
        if person is None or person.get("deleted"):
            seen = f"slack:{owner} is {'nobody there' if person is None else 'deactivated there'}"
            yield Finding(
                "Owners", False, seen, "Correct access.owners: a profile's ⋮ menu copies the member's id"
            )
