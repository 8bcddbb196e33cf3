"""The form in which an owner says who answers in a channel, when, how and for how much: its fields, and what was entered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

from host.ports.controls import ChannelRules

TITLE = "Who answers here"
AGENT, ENGAGE, MODEL, INSTRUCTIONS, BUDGET = FIELDS = ("agent", "engage", "model", "instructions", "budget")
MODEL_LABEL = "Model"
INSTRUCTIONS_LABEL = "What it is told besides"
INSTRUCTIONS_HINT = "For this channel alone, behind what its configuration says."
BUDGET_LABEL = "US dollars a day at most"
AS_CONFIGURED = "as-configured"  # a choice of a menu cannot be empty
LARGEST_BUDGET = 1_000_000.0  # US dollars a day
LONGEST_INSTRUCTIONS = 3_000  # characters; Slack's field takes no more
LONGEST_CHOICE = 75  # characters of a menu's option on Slack

ENGAGES = {
    AS_CONFIGURED: "As configured",
    "mention": "When it is mentioned",
    "always": "To every message",
    "off": "Never",
}


class WrongInput(Exception):
    """`.field` is where the form shows the text."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def choices(known: Sequence[str], chosen: str, most: int) -> dict[str, str]:
    """By value, at most so many; what holds is always among them, so that a form which is sent as it is changes nothing."""
    shown = dict.fromkeys((*filter(None, (chosen,)), *known))
    named = {name: name for name in shown if len(name) <= LONGEST_CHOICE}
    return {AS_CONFIGURED: ENGAGES[AS_CONFIGURED], **dict(list(named.items())[: most - 1])}


def budget(rules: ChannelRules) -> str:
    """As a person would write it."""
    return f"{rules.budget_usd_per_day:g}" if rules.budget_usd_per_day >= 0 else ""


def entered(values: Mapping[str, str], version: int) -> ChannelRules:
    """`version` is what the form showed. Raises `WrongInput`."""
    agent, engage, model = (values[name] for name in (AGENT, ENGAGE, MODEL))
    if engage not in ENGAGES:
        raise WrongInput(ENGAGE, "Choose one of these.")
    chosen = ChannelRules(
        agent="" if agent == AS_CONFIGURED else agent,
        engage=cast(Literal["", "mention", "always", "off"], "" if engage == AS_CONFIGURED else engage),
        budget_usd_per_day=_dollars(values[BUDGET]),
        model="" if model == AS_CONFIGURED else model,
        instructions=values[INSTRUCTIONS].replace("\r\n", "\n").strip(),
    )
    return replace(chosen, version=version)


def _dollars(text: str) -> float:
    text = text.strip().removeprefix("$").replace(",", ".")
    if not text:
        return -1.0
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < LARGEST_BUDGET:
        raise WrongInput(BUDGET, "A number of dollars, such as 2.50.")
    return amount
