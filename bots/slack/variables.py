"""The variables that hold Slack's secrets."""

from __future__ import annotations

BOT_TOKEN = "SLACK_BOT_TOKEN"  # noqa: S105 - the variable's name
APP_TOKEN = "SLACK_APP_TOKEN"  # noqa: S105 - the variable's name
SIGNING_SECRET = "SLACK_SIGNING_SECRET"  # noqa: S105 - the variable's name
CLIENT_ID, CLIENT_SECRET = "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"
