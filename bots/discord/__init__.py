"""Discord as a platform. Asked for by a token in the environment; a `[discord]` section without one is an error."""

from __future__ import annotations

from bots.discord.bot import DiscordBot
from host.bots import Bot, BotConfigError, Surroundings

__all__ = ["TOKEN", "DiscordBot", "make"]

TOKEN = "DISCORD_BOT_TOKEN"  # noqa: S105 - the variable's name


def make(surroundings: Surroundings) -> Bot | None:
    token = surroundings.environment.get(TOKEN, "")
    if not token:
        if surroundings.config.discord is None:
            return None
        raise BotConfigError(f"[discord] is configured, but {TOKEN} is not set: run `dovecote setup discord`")
    return DiscordBot(surroundings.config, surroundings.data, token)
