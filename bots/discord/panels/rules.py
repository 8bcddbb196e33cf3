"""The form of `bots.common.rules` as Discord shows it: a form has five fields there, and this one has them all. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from bots.common import rules
from bots.discord.panels.forms import Values
from host.ports.controls import ChannelRules

FORM = r"dovecote:rules:(-?\d{1,15})"  # with the version that it showed
MOST_CHOICES = 25  # of a menu


def form(now: ChannelRules, agents: Sequence[str], models: Sequence[str]) -> ui.Modal:
    shown = ui.Modal(title=rules.TITLE, custom_id=f"dovecote:rules:{now.version}")
    agent = _menu(rules.AGENT, rules.choices(agents, now.agent, MOST_CHOICES), now.agent)
    engage = _menu(rules.ENGAGE, rules.ENGAGES, now.engage)
    model = _menu(rules.MODEL, rules.choices(models, now.model, MOST_CHOICES), now.model)
    told: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id=rules.INSTRUCTIONS,
        style=discord.TextStyle.paragraph,
        required=False,
        max_length=rules.LONGEST_INSTRUCTIONS,
        default=now.instructions or None,
    )
    budget: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id=rules.BUDGET, required=False, max_length=12, default=rules.budget(now) or None
    )
    shown.add_item(ui.Label(text="Agent", component=agent))
    shown.add_item(ui.Label(text="It answers", component=engage))
    shown.add_item(ui.Label(text=rules.MODEL_LABEL, component=model))
    hint = rules.INSTRUCTIONS_HINT
    shown.add_item(ui.Label(text=rules.INSTRUCTIONS_LABEL, description=hint, component=told))
    hint = "Empty for no limit of its own"
    shown.add_item(ui.Label(text=rules.BUDGET_LABEL, description=hint, component=budget))
    return shown


def entered(form: re.Match[str], values: Values) -> ChannelRules:
    """Raises `rules.WrongInput`."""
    return rules.entered({name: values[name] for name in rules.FIELDS}, int(form[1]))


def _menu(id_: str, choices: dict[str, str], chosen: str) -> ui.Select[Any]:
    chosen = chosen if chosen in choices else rules.AS_CONFIGURED
    options = [
        discord.SelectOption(label=label, value=value, default=value == chosen)
        for value, label in choices.items()
    ]
    return ui.Select(custom_id=id_, options=options)
