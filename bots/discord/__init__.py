"""Discord as a platform. A token in the environment asks for it."""

from __future__ import annotations

import logging

from bots.discord.bot import TOKEN, DiscordBot
from bots.discord.client.signins import CLIENT_SECRET
from host.config import tidied, unfit
from host.ports.bot import Bot, BotConfigError, Surroundings

__all__ = ["TOKEN", "DiscordBot", "make"]

log = logging.getLogger(__name__)


def make(surroundings: Surroundings) -> Bot | None:
    environment = tidied(surroundings.environment)
    token = environment.get(TOKEN, "")
    if problem := unfit(token):
        raise BotConfigError(f"Discord: {TOKEN} {problem}.")
    if token:
        secret = environment.get(CLIENT_SECRET, "")
        return DiscordBot(surroundings.config, surroundings.data, token, client_secret=secret)
    if "discord" in surroundings.config.model_fields_set:
        log.warning(
            "[discord] is configured, but %s is not set: Discord stays off",
            TOKEN,
            extra={"action": "no_token"},
        )
    return None
