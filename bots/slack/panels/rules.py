"""The form of `bots.common.rules` as Slack shows it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bots.common import rules
from bots.common.rules import AGENT, BUDGET, ENGAGE
from host.ports.controls import ChannelRules

Json = dict[str, Any]

MODAL = "dovecote-rules"
MOST_CHOICES = 100  # of a menu


def modal(channel: str, now: ChannelRules, agents: Sequence[str]) -> Json:
    budget: Json = {"type": "plain_text_input", "action_id": BUDGET, "max_length": 12}
    if rules.budget(now):
        budget["initial_value"] = rules.budget(now)
    label = f"{rules.BUDGET_LABEL}; empty for no limit of its own"
    return {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": channel,
        "title": _plain(rules.TITLE),
        "submit": _plain("Save"),
        "close": _plain("Cancel"),
        "blocks": [
            _input(AGENT, "Agent", _menu(AGENT, rules.agents(agents, MOST_CHOICES), now.agent)),
            _input(ENGAGE, "It answers", _menu(ENGAGE, rules.ENGAGES, now.engage)),
            _input(BUDGET, label, budget, optional=True),
        ],
    }


def submitted(view: Json) -> ChannelRules:
    """Raises `rules.WrongInput`."""
    values = view["state"]["values"]
    return rules.entered(
        str(values[AGENT][AGENT]["selected_option"]["value"]),
        str(values[ENGAGE][ENGAGE]["selected_option"]["value"]),
        values[BUDGET][BUDGET].get("value") or "",
    )


def _menu(action: str, choices: dict[str, str], chosen: str) -> Json:
    options = {value: {"text": _plain(label), "value": value} for value, label in choices.items()}
    return {
        "type": "static_select",
        "action_id": action,
        "options": list(options.values()),
        "initial_option": options.get(chosen, options[rules.AS_CONFIGURED]),
    }


def _input(block: str, label: str, element: Json, *, optional: bool = False) -> Json:
    return {
        "type": "input",
        "block_id": block,
        "label": _plain(label),
        "element": element,
        "optional": optional,
    }


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}
