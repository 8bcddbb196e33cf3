"""The form in which an owner says who answers in a channel, when, and for how much. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

from host.controls.port import ChannelRules

Json = dict[str, Any]

MODAL = "dovecote-rules"
AGENT, ENGAGE, BUDGET = "agent", "engage", "budget"
AS_CONFIGURED = "as-configured"
MOST_AGENTS = 99  # beside "as configured"; a menu has 100 options

_ENGAGE = {
    AS_CONFIGURED: "As configured",
    "mention": "When it is mentioned",
    "always": "To every message",
    "off": "Never",
}


class WrongInput(Exception):
    """`.block` is where the form shows the text."""

    def __init__(self, block: str, text: str) -> None:
        super().__init__(text)
        self.block = block


def modal(channel: str, now: ChannelRules, agents: Sequence[str]) -> Json:
    choices = {AS_CONFIGURED: "As configured", **{name: name for name in agents[:MOST_AGENTS]}}
    budget: Json = {"type": "plain_text_input", "action_id": BUDGET, "max_length": 12}
    if now.budget_usd_per_day >= 0:
        budget["initial_value"] = f"{now.budget_usd_per_day:g}"
    return {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": channel,
        "title": _plain("Who answers here"),
        "submit": _plain("Save"),
        "close": _plain("Cancel"),
        "blocks": [
            _input(AGENT, "Agent", _menu(AGENT, choices, now.agent)),
            _input(ENGAGE, "It answers", _menu(ENGAGE, _ENGAGE, now.engage)),
            _input(BUDGET, "US dollars a day at most; empty for no limit of its own", budget, optional=True),
        ],
    }


def submitted(view: Json) -> ChannelRules:
    """Raises `WrongInput`."""
    values = view["state"]["values"]
    agent = str(values[AGENT][AGENT]["selected_option"]["value"])
    engage = str(values[ENGAGE][ENGAGE]["selected_option"]["value"])
    if engage not in _ENGAGE:
        raise WrongInput(ENGAGE, "Choose one of these.")
    return ChannelRules(
        agent="" if agent == AS_CONFIGURED else agent,
        engage=cast(Literal["", "mention", "always", "off"], "" if engage == AS_CONFIGURED else engage),
        budget_usd_per_day=_dollars(values[BUDGET][BUDGET].get("value") or ""),
    )


def _dollars(text: str) -> float:
    text = text.strip().removeprefix("$").replace(",", ".")
    if not text:
        return -1.0
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < 1_000_000:
        raise WrongInput(BUDGET, "A number of dollars, such as 2.50.")
    return amount


def _menu(action: str, choices: dict[str, str], chosen: str) -> Json:
    options = {value: {"text": _plain(label), "value": value} for value, label in choices.items()}
    return {
        "type": "static_select",
        "action_id": action,
        "options": list(options.values()),
        "initial_option": options.get(chosen, options[AS_CONFIGURED]),
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
