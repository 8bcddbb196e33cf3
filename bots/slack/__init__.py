"""Slack: a bot over slack-bolt, in Socket Mode or over signed HTTP.

Nothing of its library is imported before somebody asks for it: that takes a quarter of a second and 30 MB.
"""

from __future__ import annotations

from bots.slack.variables import BOT_TOKEN
from host.config import tidied
from host.ports.bot import Bot, Surroundings


def make(surroundings: Surroundings) -> Bot | None:
    """Asked for by a `[slack]` section or by SLACK_BOT_TOKEN alone."""
    if surroundings.config.slack is None and not tidied(surroundings.environment).get(BOT_TOKEN):
        return None
    from bots.slack.making import made

    return made(surroundings)
