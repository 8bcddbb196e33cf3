"""The bot of the configuration and the secrets beside it."""

from __future__ import annotations

from bots.slack.bot import Secrets, SlackBot
from bots.slack.setup import secrets as wanted
from bots.slack.variables import APP_TOKEN, BOT_TOKEN, CLIENT_ID, CLIENT_SECRET, SIGNING_SECRET
from host.config import Slack, tidied, unfit
from host.config.environment import SEAL_KEY
from host.ports.bot import BotConfigError, Surroundings


def made(surroundings: Surroundings) -> SlackBot:
    """Raises `BotConfigError` with what is missing and where it is to be found."""
    environment = tidied(surroundings.environment)
    settings = surroundings.config.slack or Slack()
    names = (BOT_TOKEN, APP_TOKEN, SIGNING_SECRET, CLIENT_ID, CLIENT_SECRET)
    secrets = Secrets(*(environment.get(name, "") for name in names))
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
