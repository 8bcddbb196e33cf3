"""The variables that hold Discord's secrets."""

from __future__ import annotations

TOKEN = "DISCORD_BOT_TOKEN"  # noqa: S105 - the variable's name
CLIENT_SECRET = "DISCORD_CLIENT_SECRET"  # noqa: S105 - the variable's name
