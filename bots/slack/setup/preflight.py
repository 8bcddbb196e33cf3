"""Before the first socket: do the tokens work? A wrong app token would make the SDK try for ever without a word."""

from __future__ import annotations

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client.errors import code_of
from bots.slack.reading.events import Identity
from bots.slack.setup.manifest import SCOPES
from host.config import Slack
from host.ports.bot import BotConfigError

REMEDIES = {
    "invalid_auth": "Copy the token again; it must belong to this Slack.",
    "not_authed": "The token is empty.",
    "account_inactive": "The app was removed from the workspace: install it again and copy the new token.",
    "token_revoked": "The token was revoked: install the app again and copy the new token.",
    "token_expired": "The token has expired: switch token rotation off for this app, or renew it.",
    "not_allowed_token_type": "This is another kind of token: SLACK_BOT_TOKEN starts with xoxb-, SLACK_APP_TOKEN with xapp-.",
    "missing_scope": "Give the token the scope that is named, then install the app again.",
    "socket_mode_not_enabled": "Switch Socket Mode on in the app's settings.",
}


class SlackRefused(BotConfigError):
    """Slack does not accept a token; `.variable` holds it, the text ends with what to do."""

    def __init__(self, variable: str, code: str, remedy: str) -> None:
        super().__init__(f"Slack refuses {variable}: {code}. {remedy}")
        self.variable = variable
        self.code = code


async def identify(client: AsyncWebClient, whose: str = "") -> Identity:
    """Whom the bot token speaks for. Raises `SlackRefused`, or one of `errors.TRANSIENT` when Slack cannot be asked."""
    whose = whose or "SLACK_BOT_TOKEN"
    try:
        answer = await client.auth_test()
    except SlackApiError as error:
        raise _refused(whose, error) from error
    granted = str(answer.headers.get("x-oauth-scopes") or answer.headers.get("X-OAuth-Scopes") or "")
    scopes = frozenset(filter(None, (scope.strip() for scope in granted.split(","))))
    missing = set(SCOPES) - scopes
    if granted and missing:
        raise SlackRefused(
            whose,
            f"the scopes {', '.join(sorted(missing))} are missing",
            "Add them under OAuth & Permissions (or paste the manifest again) and install the app again.",
        )
    whole = str(answer.get("enterprise_id") or "") if answer.get("is_enterprise_install") else ""
    me = str(answer["user_id"]), str(answer["bot_id"]), str(answer["user"])
    return Identity(str(answer.get("team_id") or ""), *me, scopes, whole)


async def check_app_token(client: AsyncWebClient, app_token: str, settings: Slack) -> None:
    """Where sockets are to be opened. Raises as `identify`."""
    if settings.mode != "socket":
        return
    try:
        await client.apps_connections_open(app_token=app_token)
    except SlackApiError as error:
        raise _refused("SLACK_APP_TOKEN", error) from error


def _refused(variable: str, error: SlackApiError) -> Exception:
    code = code_of(error)
    if not code or code in ("ratelimited", "internal_error", "fatal_error", "service_unavailable"):
        return error
    return SlackRefused(variable, code, REMEDIES.get(code, "Look the word up in Slack's documentation."))
