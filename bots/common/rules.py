"""The form in which an owner says who answers in a channel, when, and for how much: its fields, and what was entered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from host.ports.controls import ChannelRules

TITLE = "Who answers here"
AGENT, ENGAGE, BUDGET = "agent", "engage", "budget"
BUDGET_LABEL = "US dollars a day at most"
AS_CONFIGURED = "as-configured"  # a choice of a menu cannot be empty
LARGEST_BUDGET = 1_000_000.0  # US dollars a day

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


def agents(known: Sequence[str], most: int) -> dict[str, str]:
    """The choices by value, at most so many."""
    return {AS_CONFIGURED: ENGAGES[AS_CONFIGURED], **{name: name for name in known[: most - 1]}}


def budget(rules: ChannelRules) -> str:
    """As a person would write it."""
    return f"{rules.budget_usd_per_day:g}" if rules.budget_usd_per_day >= 0 else ""


def entered(agent: str, engage: str, dollars: str) -> ChannelRules:
    """Raises `WrongInput`."""
    if engage not in ENGAGES:
        raise WrongInput(ENGAGE, "Choose one of these.")
    return ChannelRules(
        agent="" if agent == AS_CONFIGURED else agent,
        engage=cast(Literal["", "mention", "always", "off"], "" if engage == AS_CONFIGURED else engage),
        budget_usd_per_day=_dollars(dollars),
    )


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
