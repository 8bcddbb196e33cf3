"""Which secrets the bot takes, and where a person finds each: what `dovecote setup` asks for is what a start needs."""

from __future__ import annotations

from collections.abc import Mapping

from bots.slack.variables import APP_TOKEN, BOT_TOKEN, CLIENT_ID, CLIENT_SECRET, SIGNING_SECRET
from host.config import Slack
from host.config.environment import SEAL_KEY
from host.ports.setup import Secret

BOT = Secret(BOT_TOKEN, "OAuth & Permissions → copy the Bot User OAuth Token (xoxb-…)", begins="xoxb-")
APP = Secret(
    APP_TOKEN,
    "Basic Information → App-Level Tokens → generate one with connections:write (xapp-…)",
    begins="xapp-",
)
SIGNING = Secret(SIGNING_SECRET, "Basic Information → App Credentials → copy the Signing Secret")
INSTALLING = (  # a key that lies beside what it seals would not be worth much
    Secret(CLIENT_ID, "Basic Information → App Credentials → copy the Client ID"),
    Secret(CLIENT_SECRET, "Basic Information → App Credentials → copy the Client Secret"),
    Secret(SEAL_KEY, "openssl rand -base64 32, which makes one; keep it, for it opens the tokens in host.db"),
)


def needed(settings: Slack, environment: Mapping[str, str]) -> tuple[Secret, ...]:
    """Where workspaces may install the app, the bot need have no workspace of its own."""
    alone = settings.installs and not environment.get(BOT.variable)
    own = () if alone else (BOT,)
    return (*own, APP if settings.mode == "socket" else SIGNING, *(INSTALLING if settings.installs else ()))
