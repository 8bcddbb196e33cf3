"""Discord as a platform. A token in the environment asks for it, and nothing of its library is imported before."""

from __future__ import annotations

import logging

from bots.discord.variables import CLIENT_SECRET, TOKEN
from host.config import tidied, unfit
from host.ports.bot import Bot, BotConfigError, Surroundings

log = logging.getLogger(__name__)


def make(surroundings: Surroundings) -> Bot | None:
    environment = tidied(surroundings.environment)
    token = environment.get(TOKEN, "")
    if problem := unfit(token):
        raise BotConfigError(f"Discord: {TOKEN} {problem}.")
    if token:
        from bots.discord.bot import DiscordBot

        secret = environment.get(CLIENT_SECRET, "")
        return DiscordBot(surroundings.config, surroundings.data, token, client_secret=secret)
    if "discord" in surroundings.config.model_fields_set:
        log.warning(
            "[discord] is configured, but %s is not set: Discord stays off",
            TOKEN,
            extra={"action": "no_token"},
        )
    return None
