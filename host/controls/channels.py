"""A channel's settings: what may be set, what is written down of it, and how what holds is told.

The configuration's file is the ceiling: a channel has what its agent may have there, or less.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from host.config import Config, provider
from host.governance import access, audit, narrowing, rules, words
from host.governance.languages import Languages
from host.intake.router import rule_of
from host.ports import money
from host.ports.controls import (
    LARGEST_BUDGET,
    LONGEST_INSTRUCTIONS,
    MOST_NAMED,
    NO_MODELS,
    NO_TOOLS,
    ChannelRules,
    Forbidden,
    Outdated,
)
from host.ports.events import Viewer
from host.registry.port import Statements
from host.runners.supervisor import Supervisor
from host.words import Sentence, called, clauses, dollars, joined, languages, listed, many, number, say
from sessiondb.options import EFFORTS
from sessiondb.records import Address

NO_VERSION = say("There is no such version of the channel's settings.")
KEPT = say("This channel's settings are kept by other owners: ask one of them, or whoever runs the host.")
MOST_TOLD = 10  # versions in a chat
ORDERS = say(
    "`config` takes `versions`, which lists what held before, or `revert 2`, which has version 2 hold again."
)
VERSIONS = frozenset(
    {"versions", "version", "history", "revert", "undo"}
)  # alone, and what each means is shown

_IDS = {"slack": re.compile(r"[UWS][A-Z0-9]{1,30}"), "discord": re.compile(r"[0-9]{1,20}")}
_ANY_ID = re.compile(r"[\w.-]{1,64}")
_REVERT = re.compile(r"(?:revert|undo)(?: to)?(?: version)? (?:v|#)?(\d{1,15})")

ENGAGES = {
    "mention": say("agents answer when they are mentioned"),
    "always": say("agents answer everything"),
    "pattern": say("agents answer what fits the configured pattern"),
    "off": say("agents are switched off"),
}

WORKS = {
    "": say("showing what it does in verbs"),
    "all": say("showing what it does with names of files and commands"),
    "none": say("showing of its work only that it goes on"),
}


async def ordered(supervisor: Supervisor, languages: Languages, body: str) -> str:
    """Another process of this machine has changed a channel."""
    in_force(supervisor, languages, Address(*map(str, json.loads(body))))
    return "in force"


def in_force(supervisor: Supervisor, languages: Languages, place: Address) -> None:
    """After a change's commit: nobody goes on by what held before."""
    languages.changed(place)
    supervisor.outdate(place)


def models(config: Config) -> tuple[str, ...]:
    """Of all agents."""
    return tuple(
        dict.fromkeys(model for agent in config.agents.values() for model in provider.choices(agent))
    )


def change(
    connection: Statements, config: Config, viewer: Viewer, place: Address, wanted: ChannelRules, now: int
) -> bool:
    """Whether anything is other than before: what is sent twice is one version. Raises `Forbidden`, `Outdated`."""
    before = rules.now_of(connection, place)
    if not _keeps(viewer, place, before):
        raise Forbidden(KEPT)
    check(config, place, wanted)
    if before == wanted:
        return False
    if wanted.version not in (-1, before.version):
        raise Outdated(_overtaken(connection, place), before)
    rules.change(connection, viewer, place, wanted, now)
    audit.record(connection, viewer, "channel_rules", recorded(wanted), now, place)
    return True


def revert(
    connection: Statements, config: Config, viewer: Viewer, place: Address, number: int, now: int
) -> bool:
    """What held at that version holds again, as a version of its own. Raises `Forbidden` also where that is not allowed
    any more."""
    found = rules.version(connection, place, number)
    if found is None:
        raise Forbidden(NO_VERSION)
    return change(connection, config, viewer, place, replace(found, version=-1), now)


def _keeps(viewer: Viewer, place: Address, held: ChannelRules) -> bool:
    """Whoever runs the host may: else nobody could, once those who are named are no owners any more."""
    here = access.same_people(place, viewer.address) and viewer.author.id in held.keepers
    return not held.keepers or viewer.address.channel_type == access.LOCAL or here


def check(config: Config, place: Address, wanted: ChannelRules) -> None:
    """Raises `Forbidden`."""
    budget = wanted.budget_usd_per_day
    if wanted.language and wanted.language not in languages():
        known = ", ".join(languages())
        raise Forbidden(
            say(
                "There is no language {name!r} here; known: {names}.",
                name=words.one_line(wanted.language),
                names=known,
            )
        )
    if wanted.work not in WORKS:
        raise Forbidden(say("Of a turn under way verbs can be shown, everything, or nothing."))
    if not place.platform_id:
        raise Forbidden(say("Ask for that in the channel that it is about."))
    if wanted.agent and wanted.agent not in config.agents:
        known = ", ".join(config.agents)
        raise Forbidden(
            say("There is no agent {name!r}; known: {names}.", name=words.one_line(wanted.agent), names=known)
        )
    if wanted.engage not in ("", "mention", "always", "off"):
        raise Forbidden(say("Agents can answer when mentioned, always, or be off."))
    if budget != -1 and not (math.isfinite(budget) and 0 <= budget <= LARGEST_BUDGET):
        raise Forbidden(say("A budget is between $0 and {most} a day.", most=f"${LARGEST_BUDGET:,.0f}"))
    if len(wanted.instructions) > LONGEST_INSTRUCTIONS:
        raise Forbidden(
            say(
                "Instructions have at most {most} characters; these have {count}.",
                most=number(LONGEST_INSTRUCTIONS),
                count=number(len(wanted.instructions)),
            )
        )
    rule = rule_of(place, config.routes, wanted)
    if rule is None and wanted.engage != "off" and wanted != ChannelRules():
        raise Forbidden(
            say("No route of the configuration covers this channel: choose an agent and when it answers.")
        )
    if wanted.model:
        offered = provider.choices(config.agents[rule.agent]) if rule and rule.agent in config.agents else ()
        if wanted.model not in offered:
            raise Forbidden(provider.not_offered(wanted.model, offered))
    _check_models(wanted, models(config))
    _check_tools(wanted, tools(config, place, wanted))
    _check_people(config, place, wanted)


def tools(config: Config, place: Address, decided: ChannelRules | None) -> tuple[str, ...]:
    """Of the agent that answers there."""
    rule = rule_of(place, config.routes, decided)
    found = config.agents.get(rule.agent) if rule is not None else None
    return () if found is None else narrowing.tools_of(found)


def _check_tools(wanted: ChannelRules, offered: Sequence[str]) -> None:
    if wanted.effort and wanted.effort not in EFFORTS:
        raise Forbidden(
            say(
                "There is no effort {name!r}; there are {names}.",
                name=words.one_line(wanted.effort),
                names=", ".join(EFFORTS),
            )
        )
    if NO_TOOLS in wanted.tools and len(wanted.tools) > 1:
        raise Forbidden(say("No tools at all, or some of them: choose one."))
    if unknown := [name for name in wanted.tools if name not in (NO_TOOLS, *offered)]:
        raise Forbidden(
            say(
                "The agent here has no tool {name!r}. It has: {names}.",
                name=words.one_line(unknown[0]),
                names=", ".join(offered) or say("none"),
            )
        )


def _check_models(wanted: ChannelRules, known: Sequence[str]) -> None:
    if NO_MODELS in wanted.models and len(wanted.models) > 1:
        raise Forbidden(say("No other model at all, or some of them: choose one."))
    if unknown := [name for name in wanted.models if name not in (NO_MODELS, *known)]:
        raise Forbidden(provider.not_offered(unknown[0], known))


def _check_people(config: Config, place: Address, wanted: ChannelRules) -> None:
    for people in (wanted.askers, wanted.keepers):
        if len(people) > MOST_NAMED:
            raise Forbidden(say("At most {most} people can be named.", most=MOST_NAMED))
        for who in people:
            if not _IDS.get(place.channel_type, _ANY_ID).fullmatch(who):
                raise Forbidden(
                    say(
                        "{id!r} is nobody's id on {platform}.",
                        id=words.one_line(who),
                        platform=place.channel_type,
                    )
                )
    for who in wanted.keepers:
        if not access.is_owner(config.access, place, who):
            raise Forbidden(
                say("{id!r} is no owner: of owners alone it can be said who may change a channel.", id=who)
            )


def told(config: Config, place: Address, wanted: ChannelRules) -> Sentence:
    """One line, for people."""
    rule = rule_of(place, config.routes, wanted)
    if rule is None:
        return say("In this channel there is no agent.")
    parts = [say("agent {name}", name=config.called(rule.agent)), ENGAGES[rule.engage]]
    if wanted.model:
        parts.append(say("by {model}", model=wanted.model))
    if wanted.effort:
        parts.append(say("with {effort} effort", effort=wanted.effort))
    if wanted.tools:
        parts.append(_tools_told(wanted.tools))
    if wanted.askers:
        askers = len(wanted.askers)
        parts.append(
            many("asked by {count} person or group alone", "asked by {count} people or groups alone", askers)
        )
    if wanted.keepers:
        keepers = len(wanted.keepers)
        parts.append(many("changed by {count} owner alone", "changed by {count} owners alone", keepers))
    if wanted.work:
        parts.append(WORKS[wanted.work])
    if wanted.bill:
        parts.append(say("with time and cost below each answer"))
    if wanted.budget_usd_per_day >= 0:
        most = dollars(money.millionths(wanted.budget_usd_per_day))
        parts.append(say("at most {amount} a day", amount=most))
    if wanted.instructions:
        parts.append(say("with instructions of its own"))
    parts += _models_told(wanted.models)
    if wanted.language:
        parts.append(say("in which I speak {language}", language=called(wanted.language)))
    return say("In this channel: {settings}.", settings=clauses(parts))


def _models_told(models: Sequence[str]) -> list[Sentence]:
    if models == (NO_MODELS,):
        return [say("by no other model")]
    return [say("where people may choose {models}", models=listed(models))] if models else []


def recorded(wanted: ChannelRules) -> str:
    """The whole of what holds from now on; the words of instructions stand in the version."""
    budget = "" if wanted.budget_usd_per_day < 0 else money.written(wanted.budget_usd_per_day)
    said = f"agent={wanted.agent or '-'} engage={wanted.engage or '-'} budget={budget or '-'}"
    for name in ("model", "effort", "work", "language"):
        said += f" {name}={value}" if (value := getattr(wanted, name)) else ""
    for name in ("tools", "askers", "keepers", "models"):
        said += f" {name}={','.join(value)}" if (value := getattr(wanted, name)) else ""
    said += " bill=yes" if wanted.bill else ""
    return said + (f" instructions={len(wanted.instructions)}" if wanted.instructions else "")


def _tools_told(tools: Sequence[str]) -> Sentence:
    if tools == (NO_TOOLS,):
        return say("without tools")
    return say("with no tools but {names}", names=", ".join(tools))


def meant(text: str) -> int | None:
    """The version that is to hold again, None for those that there are to be shown. Raises `Forbidden`."""
    said = " ".join(text.casefold().split())
    if found := _REVERT.fullmatch(said):
        return int(found[1])
    if said in VERSIONS:
        return None
    raise Forbidden(ORDERS)


def latest(connection: Statements, place: Address, zone: ZoneInfo) -> Sentence:
    """The latest versions, Markdown."""
    found = rules.versions(connection, place)
    if not found:
        return say("Nobody has changed anything here; what holds is the configuration's.")
    lines = [
        say(
            "- **{version}**, {time} by {person}: `{settings}`",
            version=one.after.version,
            time=words.moment(one.at, zone),
            person=words.name(one.name) or one.user or say("somebody"),
            settings=recorded(one.after).replace("`", ""),
        )
        for one in found[:MOST_TOLD]
    ]
    back = say("`config revert {version}` takes the last change back.", version=found[0].before.version)
    return joined("\n", [*lines, say("- **0**: as configured"), "", back])


def _overtaken(connection: Statements, place: Address) -> Sentence:
    [last, *_] = rules.versions(connection, place)
    return say(
        "{person} has changed this channel in the meantime, so nothing of yours is set yet. Now: {settings}.",
        person=words.name(last.name) or last.user or say("Somebody"),
        settings=recorded(last.after),
    )
