"""The Slack bot in the test's own loop, with a host that only writes down what it was given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bots.slack.bot import Secrets, SlackBot
from host.config import Access, Config, Slack
from host.config.schema import Agent
from host.ports.bot import Delivery
from sessiondb import Address, content
from tests.fakes.slack import FakeSlack
from tests.support.discording import Notebook, connected

PUBLIC = "https://dovecote.example.com"  # where the app is installed


@asynccontextmanager
async def online(
    slack: FakeSlack,
    folder: Path,
    access: Access | None = None,
    notebook: Notebook | None = None,
    agents: dict[str, Agent] | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[SlackBot, Notebook]]:
    """A bot that hears what happens."""
    made = Slack(api_url=slack.api_url, message_interval=0.01, **settings)
    app = slack.sign_ins
    secrets = Secrets(
        slack.bot_token, slack.app_token, slack.signing_secret, app.client_id, app.client_secret
    )
    config = Config(access=access or Access(), agents=agents or {"default": Agent()})
    bot, notebook = SlackBot(made, secrets, folder, config, PUBLIC), notebook or Notebook()
    async with connected(bot, notebook):
        yield bot, notebook
        assert slack.fetches == [], "no preview was made of what the app said"


def delivery(bot: SlackBot, operation: content.Operation, address: Address, **more: Any) -> Delivery:
    """The operation's only chunk."""
    [payload] = bot.render(operation)
    return Delivery(**{"key": "00ff00ff00ff00ff", "address": address, "payload": payload, **more})
