"""The form in which an owner says who answers in a channel, when, how and for how much: its fields, and what was entered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

from host.ports import money
from host.ports.controls import NO_MODELS, NO_TOOLS, SERVER, ChannelRules
from host.words import Sentence, called, languages, many, say
from sessiondb.options import EFFORTS

TITLE = say("Who answers here")
LIMITS_TITLE = say("What is allowed here")
SHOWN_TITLE = say("What is shown here")
AGENT, ENGAGE, MODEL, INSTRUCTIONS, BUDGET = FIELDS = ("agent", "engage", "model", "instructions", "budget")
EFFORT, TOOLS, SERVERS, ASKERS, KEEPERS = LIMITS = ("effort", "tools", "servers", "askers", "keepers")
WORK, BILL, LANGUAGE, MODELS = SHOWN = ("work", "bill", "language", "models")
MODELS_LABEL = say("Models people may choose")
MODELS_HINT = say("For one question, such as `!opus …`. None chosen: all that its agent has.")
NO_MODELS_LABEL = say("No other model")
WORK_LABEL = say("What is seen of its work")
WORK_HINT = say("While it goes on. Who writes with it alone sees all of it.")
BILL_LABEL = say("Below each answer")
LANGUAGE_LABEL = say("In which language I speak here")
LANGUAGE_HINT = say("My own words. The agent answers in the language that it is asked in.")
EFFORT_LABEL = say("How hard it thinks")
TOOLS_LABEL = say("Its tools")
TOOLS_HINT = say("Those alone that are chosen. None chosen: all that its configuration gives it.")
SERVERS_LABEL = say("Its MCP servers")
SERVERS_HINT = say("Those alone that are chosen, beside the tools above.")
ASKERS_LABEL = say("Who may ask")
ASKERS_HINT = say("Empty: whoever may talk to agents at all. Owners always may.")
GROUPS = "groups"  # of those who may ask, where a platform has them in a menu of their own
GROUPS_LABEL = say("Groups that may ask")
GROUPS_HINT = say("Beside the people above.")
KEEPERS_LABEL = say("Which owners may change this")
KEEPERS_HINT = say("Empty: every owner.")
NO_TOOLS_LABEL = say("No tools at all")
MODEL_LABEL = say("Model")
INSTRUCTIONS_LABEL = say("What it is told besides")
INSTRUCTIONS_HINT = say("For this channel alone, behind what its configuration says.")
BUDGET_LABEL = say("US dollars a day at most")
BUDGET_HINT = say("Empty for no limit of its own.")
AS_CONFIGURED = "as-configured"  # a choice of a menu cannot be empty
LONGEST_CHOICE = 75  # characters of a menu's option on Slack

ENGAGES = {
    AS_CONFIGURED: say("As configured"),
    "mention": say("When it is mentioned"),
    "always": say("To every message"),
    "off": say("Never"),
}
EFFORT_NAMES = {AS_CONFIGURED: say("As configured"), **{name: name for name in EFFORTS}}

WORKS = {
    AS_CONFIGURED: say("What it does, in verbs"),
    "all": say("Names of files and commands, too"),
    "none": say("Only that it works"),
}
BILLS = {AS_CONFIGURED: say("Nothing"), "yes": say("How long it took and what it cost")}


LANGUAGES = {AS_CONFIGURED: say("As configured"), **{name: called(name) for name in languages()}}


class WrongInput(Exception):
    """`.field` is where the form shows `.text`."""

    def __init__(self, field: str, text: Sentence) -> None:
        super().__init__(text)
        self.field = field
        self.text = text


def groups_hint(left: int) -> Sentence:
    """`left`: so many have no room in the menu."""
    if not left:
        return GROUPS_HINT
    return many(
        "Beside the people above. {count} more has no room here: the page takes ids.",
        "Beside the people above. {count} more have no room here: the page takes ids.",
        left,
    )


def choices(known: Sequence[str], chosen: str, most: int) -> dict[str, str]:
    """By value, at most so many; what holds is always among them, so that a form which is sent as it is changes nothing."""
    shown = dict.fromkeys((*filter(None, (chosen,)), *known))
    named = {name: name for name in shown if len(name) <= LONGEST_CHOICE}
    return {AS_CONFIGURED: ENGAGES[AS_CONFIGURED], **dict(list(named.items())[: most - 1])}


def budget(rules: ChannelRules) -> str:
    """As a person would write it."""
    return money.written(rules.budget_usd_per_day) if rules.budget_usd_per_day >= 0 else ""


def allowed(
    known: Sequence[str], held: Sequence[str], none: str = NO_TOOLS_LABEL
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The tools, or models, of a menu by value, and which of them are chosen. What holds and is there no more is left out: none
    of them is left then, never all."""
    labels = {name: name.removeprefix(SERVER) for name in known if len(name) <= LONGEST_CHOICE}
    chosen = tuple(name for name in held if name in labels)
    return {NO_TOOLS: none, **labels}, chosen or ((NO_TOOLS,) if held else ())


def entered(values: Mapping[str, str], version: int) -> ChannelRules:
    """Who answers and how. `version` is what the form showed. Raises `WrongInput`."""
    agent, engage, model = (_of_menu(values[name]) for name in (AGENT, ENGAGE, MODEL))
    if engage and engage not in ENGAGES:
        raise WrongInput(ENGAGE, say("Choose one of these."))
    chosen = ChannelRules(
        agent=agent,
        engage=cast(Literal["", "mention", "always", "off"], engage),
        budget_usd_per_day=_dollars(values[BUDGET]),
        model=model,
        instructions=values[INSTRUCTIONS].replace("\r\n", "\n").strip(),
    )
    return replace(chosen, version=version)


def limited(values: Mapping[str, str], rules: ChannelRules) -> ChannelRules:
    """The same rules with what is allowed; several of a menu stand a line each. Raises `WrongInput`."""
    chosen = [*values[TOOLS].splitlines(), *values.get(SERVERS, "").splitlines()]
    tools = tuple(dict.fromkeys(chosen))
    if NO_TOOLS in tools and len(tools) > 1:
        raise WrongInput(TOOLS, say("No tools at all, or some of them: choose one."))
    return replace(
        rules,
        effort=_of_menu(values[EFFORT]),
        tools=tools,
        askers=tuple(values[ASKERS].split()),
        keepers=tuple(values[KEEPERS].split()),
    )


def shown(values: Mapping[str, str], rules: ChannelRules) -> ChannelRules:
    """The same rules with what is shown. Raises `WrongInput`."""
    work, bill, language = (_of_menu(values[name]) for name in (WORK, BILL, LANGUAGE))
    models = tuple(dict.fromkeys(values[MODELS].splitlines()))
    if NO_MODELS in models and len(models) > 1:
        raise WrongInput(MODELS, say("No other model at all, or some of them: choose one."))
    for field, value, known in ((WORK, work, WORKS), (BILL, bill, BILLS), (LANGUAGE, language, LANGUAGES)):
        if value and value not in known:
            raise WrongInput(field, say("Choose one of these."))
    seen = cast(Literal["", "all", "none"], work)
    return replace(rules, work=seen, bill=bool(bill), language=language, models=models)


def _of_menu(value: str) -> str:
    return "" if value == AS_CONFIGURED else value


def _dollars(text: str) -> float:
    if not text.strip():
        return -1.0
    try:
        return money.entered(text)
    except money.NoAmount as error:
        raise WrongInput(BUDGET, error.text) from error
