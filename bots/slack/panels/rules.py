"""The form of `bots.common.rules` as Slack shows it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bots.common import rules
from bots.common.rules import (
    AGENT,
    ASKERS,
    BILL,
    BUDGET,
    EFFORT,
    ENGAGE,
    GROUPS,
    INSTRUCTIONS,
    KEEPERS,
    LANGUAGE,
    MODEL,
    MODELS,
    TOOLS,
    WORK,
)
from bots.common.shapes import mapping
from bots.slack.client.directory import GROUP
from bots.slack.panels import panels
from host.ports.controls import LONGEST_INSTRUCTIONS, ChannelRules
from host.words import say

Json = dict[str, Any]

MODAL = "dovecote-rules"
MOST_CHOICES = 100  # of a menu
MENUS = (AGENT, ENGAGE, MODEL, EFFORT, WORK, BILL, LANGUAGE)


@dataclass(frozen=True, slots=True)
class Offered:
    """What there is to choose from."""

    agents: Sequence[str]
    models: Sequence[str]
    tools: Sequence[str]
    groups: Mapping[str, str]  # names of user groups by id: no menu of Slack's own offers them


@dataclass(frozen=True, slots=True)
class Opened:
    """What the form is about, as it travels in the form itself: it outlives any restart."""

    channel: str
    version: int

    def encode(self) -> str:
        return json.dumps([self.channel, self.version])

    @classmethod
    def decode(cls, text: str) -> Opened:
        channel, version = json.loads(text)
        return cls(str(channel), int(version))


def modal(channel: str, now: ChannelRules, offered: Offered, note: str = "") -> Json:
    """`note` stands above it."""
    agent = _menu(AGENT, rules.choices(offered.agents, now.agent, MOST_CHOICES), now.agent)
    model = _menu(MODEL, rules.choices(offered.models, now.model, MOST_CHOICES), now.model)
    told = _words(INSTRUCTIONS, now.instructions, LONGEST_INSTRUCTIONS) | {"multiline": True}
    return {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": Opened(channel, now.version).encode(),
        "title": _plain(rules.TITLE),
        "submit": _plain(say("Save")),
        "close": _plain(say("Cancel")),
        "blocks": [
            *([panels.section(panels.escaped(note))] if note else []),
            _input(AGENT, say("Agent"), agent),
            _input(ENGAGE, say("It answers"), _menu(ENGAGE, rules.ENGAGES, now.engage)),
            _input(MODEL, rules.MODEL_LABEL, model),
            _input(INSTRUCTIONS, rules.INSTRUCTIONS_LABEL, told, rules.INSTRUCTIONS_HINT, optional=True),
            _input(
                BUDGET,
                rules.BUDGET_LABEL,
                _words(BUDGET, rules.budget(now), 12),
                rules.BUDGET_HINT,
                optional=True,
            ),
            _input(EFFORT, rules.EFFORT_LABEL, _menu(EFFORT, rules.EFFORT_NAMES, now.effort)),
            _input(TOOLS, rules.TOOLS_LABEL, _tools(offered.tools, now), rules.TOOLS_HINT, optional=True),
            _input(ASKERS, rules.ASKERS_LABEL, _people(ASKERS, now.askers), rules.ASKERS_HINT, optional=True),
            *_groups(offered.groups, now.askers),
            _input(
                KEEPERS, rules.KEEPERS_LABEL, _people(KEEPERS, now.keepers), rules.KEEPERS_HINT, optional=True
            ),
            _input(WORK, rules.WORK_LABEL, _menu(WORK, rules.WORKS, now.work), rules.WORK_HINT),
            _input(BILL, rules.BILL_LABEL, _menu(BILL, rules.BILLS, "yes" if now.bill else "")),
            _input(
                MODELS, rules.MODELS_LABEL, _models(offered.models, now), rules.MODELS_HINT, optional=True
            ),
            _input(
                LANGUAGE,
                rules.LANGUAGE_LABEL,
                _menu(LANGUAGE, rules.LANGUAGES, now.language),
                rules.LANGUAGE_HINT,
            ),
        ],
    }


def submitted(view: Json) -> ChannelRules:
    """Raises `rules.WrongInput`, and `KeyError` where a field is missing: what nobody sent is not to become what holds."""
    values = {block: mapping(mapping(fields).get(block)) for block, fields in view["state"]["values"].items()}
    own = [one for one in (*rules.FIELDS, *rules.LIMITS, *rules.SHOWN) if one != rules.SERVERS]
    if missing := [name for name in own if not values.get(name)]:
        raise KeyError(*missing)
    fields = {name: values[name] for name in own} | {GROUPS: values.get(GROUPS, {})}
    menus = {name: mapping(fields[name].get("selected_option")) for name in MENUS}
    chosen = {name: str(option.get("value") or rules.AS_CONFIGURED) for name, option in menus.items()}
    typed = {name: str(fields[name].get("value") or "") for name in (INSTRUCTIONS, BUDGET)}
    people = {name: fields[name].get("selected_users") or [] for name in (ASKERS, KEEPERS)}
    several = {
        name: [str(option["value"]) for option in fields[name].get("selected_options") or []]
        for name in (TOOLS, MODELS, GROUPS)
    }
    people[ASKERS] = [*people[ASKERS], *several.pop(GROUPS)]
    lists = {name: "\n".join(map(str, listed)) for name, listed in (people | several).items()}
    opened = Opened.decode(str(view["private_metadata"]))
    return rules.shown(
        chosen | lists, rules.limited(chosen | lists, rules.entered(chosen | typed, opened.version))
    )


def _menu(action: str, choices: Mapping[str, str], chosen: str) -> Json:
    options = {value: {"text": _plain(label), "value": value} for value, label in choices.items()}
    return {
        "type": "static_select",
        "action_id": action,
        "options": list(options.values()),
        "initial_option": options.get(chosen, options[rules.AS_CONFIGURED]),
    }


def _tools(known: Sequence[str], now: ChannelRules) -> Json:
    return _several(TOOLS, *rules.allowed(known[: MOST_CHOICES - 1], now.tools))


def _models(known: Sequence[str], now: ChannelRules) -> Json:
    return _several(MODELS, *rules.allowed(known[: MOST_CHOICES - 1], now.models, rules.NO_MODELS_LABEL))


def _several(action: str, choices: Mapping[str, str], chosen: Sequence[str]) -> Json:
    options = {value: {"text": _plain(label), "value": value} for value, label in choices.items()}
    menu: Json = {"type": "multi_static_select", "action_id": action, "options": list(options.values())}
    return menu | ({"initial_options": [options[value] for value in chosen]} if chosen else {})


def _people(action: str, chosen: Sequence[str]) -> Json:
    menu: Json = {"type": "multi_users_select", "action_id": action}
    people = [one for one in chosen if not one.startswith(GROUP)]
    return menu | ({"initial_users": people} if people else {})


def _groups(known: Mapping[str, str], askers: Sequence[str]) -> list[Json]:
    """Those that hold come first, also where Slack does not tell of them now: what is not shown would be taken off. No menu where
    there are none."""
    chosen = [one for one in askers if one.startswith(GROUP)]
    names = {one: known.get(one, one) for one in (*chosen, *known)}
    choices = {one: names[one][: rules.LONGEST_CHOICE] for one in list(names)[:MOST_CHOICES]}
    if not choices:
        return []
    menu = _several(GROUPS, choices, chosen)
    hint = rules.groups_hint(len(names) - len(choices))
    return [_input(GROUPS, rules.GROUPS_LABEL, menu, hint, optional=True)]


def _words(action: str, now: str, most: int) -> Json:
    element: Json = {"type": "plain_text_input", "action_id": action, "max_length": most}
    return element | ({"initial_value": now} if now else {})


def _input(block: str, label: str, element: Json, hint: str = "", *, optional: bool = False) -> Json:
    return {
        "type": "input",
        "block_id": block,
        "label": _plain(label),
        "element": element,
        "optional": optional,
        **({"hint": _plain(hint)} if hint else {}),
    }


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}
