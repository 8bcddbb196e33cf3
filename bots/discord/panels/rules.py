"""The form of `bots.common.rules` as Discord shows it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from bots.common import rules
from bots.discord.panels.forms import Values
from host.ports.controls import ChannelRules

FORM = "dovecote:rules"
MOST_CHOICES = 25  # of a menu


def form(now: ChannelRules, agents: Sequence[str]) -> ui.Modal:
    shown = ui.Modal(title=rules.TITLE, custom_id=FORM)
    agent = _menu(rules.AGENT, rules.agents(agents, MOST_CHOICES), now.agent)
    engage = _menu(rules.ENGAGE, rules.ENGAGES, now.engage)
    budget: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id=rules.BUDGET, required=False, max_length=12, default=rules.budget(now) or None
    )
    shown.add_item(ui.Label(text="Agent", component=agent))
    shown.add_item(ui.Label(text="It answers", component=engage))
    hint = "Empty for no limit of its own"
    shown.add_item(ui.Label(text=rules.BUDGET_LABEL, description=hint, component=budget))
    return shown


def entered(values: Values) -> ChannelRules:
    """Raises `rules.WrongInput`."""
    return rules.entered(values[rules.AGENT], values[rules.ENGAGE], values[rules.BUDGET])


def _menu(id_: str, choices: dict[str, str], chosen: str) -> ui.Select[Any]:
    chosen = chosen if chosen in choices else rules.AS_CONFIGURED
    options = [
        discord.SelectOption(label=label, value=value, default=value == chosen)
        for value, label in choices.items()
    ]
    return ui.Select(custom_id=id_, options=options)
