"""The form of `bots.common.rules` as Discord shows it: in three, for one has five fields there. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import discord
from discord import ui

from bots.common import rules
from bots.discord.panels.forms import Values
from host.ports.controls import LONGEST_INSTRUCTIONS, MOST_NAMED, NO_TOOLS, SERVER, ChannelRules
from host.words import say

FORM = r"dovecote:rules:(-?\d{1,15})"  # with the version that it showed
LIMITS_FORM = r"dovecote:limits:(-?\d{1,15})"
SHOWN_FORM = r"dovecote:shown:(-?\d{1,15})"
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
        max_length=LONGEST_INSTRUCTIONS,
        default=now.instructions or None,
    )
    budget: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id=rules.BUDGET, required=False, max_length=12, default=rules.budget(now) or None
    )
    shown.add_item(ui.Label(text=say("Agent"), component=agent))
    shown.add_item(ui.Label(text=say("It answers"), component=engage))
    shown.add_item(ui.Label(text=rules.MODEL_LABEL, component=model))
    hint = rules.INSTRUCTIONS_HINT
    shown.add_item(ui.Label(text=rules.INSTRUCTIONS_LABEL, description=hint, component=told))
    shown.add_item(ui.Label(text=rules.BUDGET_LABEL, description=rules.BUDGET_HINT, component=budget))
    return shown


def limits(now: ChannelRules, tools: Sequence[str], roles: Collection[str]) -> ui.Modal:
    """`roles` are the server's, by id: of what was chosen before, Discord wants to be told what it is."""
    shown = ui.Modal(title=rules.LIMITS_TITLE, custom_id=f"dovecote:limits:{now.version}")
    effort = _menu(rules.EFFORT, rules.EFFORT_NAMES, now.effort)
    shown.add_item(ui.Label(text=rules.EFFORT_LABEL, component=effort))
    servers = [name for name in tools if name.startswith(SERVER)]
    own = [name for name in tools if name not in servers]
    choices, chosen = rules.allowed(own, now.tools)
    if any(name in servers for name in now.tools) and NO_TOOLS in chosen:
        chosen = ()  # some of a server's are left
    menu = _several(rules.TOOLS, choices, chosen)
    shown.add_item(ui.Label(text=rules.TOOLS_LABEL, description=rules.TOOLS_HINT, component=menu))
    if servers:
        named = {name: name.removeprefix(SERVER) for name in servers}
        menu = _several(rules.SERVERS, named, [name for name in now.tools if name in servers])
        shown.add_item(ui.Label(text=rules.SERVERS_LABEL, description=rules.SERVERS_HINT, component=menu))
    for field, label, hint, ids in (
        (rules.ASKERS, rules.ASKERS_LABEL, rules.ASKERS_HINT, now.askers),
        (rules.KEEPERS, rules.KEEPERS_LABEL, rules.KEEPERS_HINT, now.keepers),
    ):
        shown.add_item(ui.Label(text=label, description=hint, component=_people(field, ids, roles)))
    return shown


def shown(now: ChannelRules, models: Sequence[str]) -> ui.Modal:
    form = ui.Modal(title=rules.SHOWN_TITLE, custom_id=f"dovecote:shown:{now.version}")
    work = _menu(rules.WORK, rules.WORKS, now.work)
    form.add_item(ui.Label(text=rules.WORK_LABEL, description=rules.WORK_HINT, component=work))
    bill = _menu(rules.BILL, rules.BILLS, "yes" if now.bill else "")
    form.add_item(ui.Label(text=rules.BILL_LABEL, component=bill))
    language = _menu(rules.LANGUAGE, rules.LANGUAGES, now.language)
    form.add_item(ui.Label(text=rules.LANGUAGE_LABEL, description=rules.LANGUAGE_HINT, component=language))
    menu = _several(rules.MODELS, *rules.allowed(models, now.models, rules.NO_MODELS_LABEL))
    form.add_item(ui.Label(text=rules.MODELS_LABEL, description=rules.MODELS_HINT, component=menu))
    return form


def entered(form: re.Match[str], values: Values, held: ChannelRules) -> ChannelRules:
    """What `held` becomes; the form asks for a part of it. Raises `rules.WrongInput`."""
    if form.re.pattern == LIMITS_FORM:
        return rules.limited(values, held)
    if form.re.pattern == SHOWN_FORM:
        return rules.shown(values, held)
    own = rules.entered({name: values[name] for name in rules.FIELDS}, held.version)
    asked = {
        name: getattr(own, name)
        for name in ("agent", "engage", "budget_usd_per_day", "model", "instructions")
    }
    return replace(held, **asked)


def _menu(id_: str, choices: Mapping[str, str], chosen: str) -> ui.Select[Any]:
    chosen = chosen if chosen in choices else rules.AS_CONFIGURED
    options = [
        discord.SelectOption(label=label, value=value, default=value == chosen)
        for value, label in choices.items()
    ]
    return ui.Select(custom_id=id_, options=options)


def _several(id_: str, choices: dict[str, str], chosen: Sequence[str]) -> ui.Select[Any]:
    """What is chosen comes first: what a menu has no room for would be sent back as not chosen."""
    shown = sorted(choices, key=lambda value: value not in chosen)[:MOST_CHOICES]
    options = [
        discord.SelectOption(label=choices[value], value=value, default=value in chosen) for value in shown
    ]
    return ui.Select(custom_id=id_, options=options, required=False, min_values=0, max_values=len(options))


def _people(
    id_: str, chosen: Sequence[str], roles: Collection[str]
) -> ui.UserSelect[Any] | ui.MentionableSelect[Any]:
    """Roles may ask, too; owners are people."""
    kinds = discord.SelectDefaultValueType
    shown = [
        discord.SelectDefaultValue(id=int(one), type=kinds.role if one in roles else kinds.user)
        for one in chosen
        if one.isdecimal()
    ]
    kind = ui.UserSelect if id_ == rules.KEEPERS else ui.MentionableSelect
    return kind(custom_id=id_, default_values=shown, required=False, min_values=0, max_values=MOST_NAMED)
