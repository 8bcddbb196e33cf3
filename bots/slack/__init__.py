"""Slack: a bot over slack-bolt, in Socket Mode or over signed HTTP."""

from __future__ import annotations

from bots.slack.bot import Secrets, SlackBot
from bots.slack.client.signins import CLIENT_ID, CLIENT_SECRET
from bots.slack.setup.preflight import SlackRefused
from host.config import Slack, tidied, unfit
from host.ports.bot import Bot, BotConfigError, Surroundings

__all__ = ["Secrets", "SlackBot", "SlackRefused", "make"]


def make(surroundings: Surroundings) -> Bot | None:
    """Asked for by a `[slack]` section or by SLACK_BOT_TOKEN alone."""
    environment = tidied(surroundings.environment)
    settings = surroundings.config.slack
    token = environment.get("SLACK_BOT_TOKEN", "")
    if settings is None and not token:
        return None
    settings = settings or Slack()
    names = ("SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", CLIENT_ID, CLIENT_SECRET)
    secrets = Secrets(token, *(environment.get(name, "") for name in names))
    needed = {"SLACK_BOT_TOKEN": secrets.bot_token}
    if settings.mode == "socket":
        needed["SLACK_APP_TOKEN"] = secrets.app_token
    else:
        needed["SLACK_SIGNING_SECRET"] = secrets.signing_secret
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise BotConfigError(
            f"Slack: {' and '.join(missing)} not set. `dovecote setup slack` says where to find it."
        )
    for name, value in needed.items():
        if problem := unfit(value):
            raise BotConfigError(f"Slack: {name} {problem}.")
    return SlackBot(settings, secrets, surroundings.data, surroundings.config.access)
