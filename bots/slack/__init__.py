"""Slack: a bot over slack-bolt, in Socket Mode or over signed HTTP."""

from __future__ import annotations

from bots.slack.bot import Secrets, SlackBot
from bots.slack.client.signins import CLIENT_ID, CLIENT_SECRET
from bots.slack.setup import secrets as wanted
from bots.slack.setup.preflight import SlackRefused
from host.config import Slack, tidied, unfit
from host.config.environment import SEAL_KEY
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
    web = surroundings.config.web
    public_url = web.public_url if web is not None else ""
    needed = {one.variable: environment.get(one.variable, "") for one in wanted.needed(settings, environment)}
    missing = [name for name, value in needed.items() if not value]
    if settings.installs and not public_url:
        missing.append("web.public_url")
    if missing:
        remedy = (
            "docs/slack.md says where to find it"
            if settings.installs
            else "`dovecote setup slack` says where to find it"
        )
        raise BotConfigError(f"Slack: {' and '.join(missing)} not set. {remedy}.")
    for name, value in needed.items():
        if name != SEAL_KEY and (problem := unfit(value)):
            raise BotConfigError(f"Slack: {name} {problem}.")
    return SlackBot(settings, secrets, surroundings.data, surroundings.config, public_url)
