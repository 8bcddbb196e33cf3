"""The form of `bots.common.rules` as Slack shows it. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bots.common import rules
from bots.common.rules import AGENT, BUDGET, ENGAGE, INSTRUCTIONS, MODEL
from bots.slack.panels import panels
from host.ports.controls import ChannelRules

Json = dict[str, Any]

MODAL = "dovecote-rules"
MOST_CHOICES = 100  # of a menu


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


def modal(
    channel: str, now: ChannelRules, agents: Sequence[str], models: Sequence[str], note: str = ""
) -> Json:
    """`note` stands above it."""
    label = f"{rules.BUDGET_LABEL}; empty for no limit of its own"
    agent = _menu(AGENT, rules.choices(agents, now.agent, MOST_CHOICES), now.agent)
    model = _menu(MODEL, rules.choices(models, now.model, MOST_CHOICES), now.model)
    told = _words(INSTRUCTIONS, now.instructions, rules.LONGEST_INSTRUCTIONS) | {"multiline": True}
    return {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": Opened(channel, now.version).encode(),
        "title": _plain(rules.TITLE),
        "submit": _plain("Save"),
        "close": _plain("Cancel"),
        "blocks": [
            *([panels.section(panels.escaped(note))] if note else []),
            _input(AGENT, "Agent", agent),
            _input(ENGAGE, "It answers", _menu(ENGAGE, rules.ENGAGES, now.engage)),
            _input(MODEL, rules.MODEL_LABEL, model),
            _input(INSTRUCTIONS, rules.INSTRUCTIONS_LABEL, told, rules.INSTRUCTIONS_HINT, optional=True),
            _input(BUDGET, label, _words(BUDGET, rules.budget(now), 12), optional=True),
        ],
    }


def submitted(view: Json) -> ChannelRules:
    """Raises `rules.WrongInput`."""
    values = view["state"]["values"]
    chosen = {name: str(values[name][name]["selected_option"]["value"]) for name in (AGENT, ENGAGE, MODEL)}
    typed = {name: str(values[name][name].get("value") or "") for name in (INSTRUCTIONS, BUDGET)}
    return rules.entered(chosen | typed, Opened.decode(str(view["private_metadata"])).version)


def _menu(action: str, choices: dict[str, str], chosen: str) -> Json:
    options = {value: {"text": _plain(label), "value": value} for value, label in choices.items()}
    return {
        "type": "static_select",
        "action_id": action,
        "options": list(options.values()),
        "initial_option": options.get(chosen, options[rules.AS_CONFIGURED]),
    }


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
