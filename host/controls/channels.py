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
from host.intake.router import rule_of
from host.ports import money
from host.ports.controls import (
    LARGEST_BUDGET,
    LONGEST_INSTRUCTIONS,
    MOST_NAMED,
    NO_TOOLS,
    ChannelRules,
    Forbidden,
    Outdated,
)
from host.ports.events import Viewer
from host.registry.port import Statements
from host.runners.supervisor import Supervisor
from host.words import languages
from sessiondb.options import EFFORTS
from sessiondb.records import Address

NO_VERSION = "There is no such version of the channel's settings."
KEPT = "This channel's settings are kept by other owners: ask one of them, or whoever runs the host."
MOST_TOLD = 10  # versions in a chat
ORDERS = (
    "`config` alone says what holds, `config versions` what held, `config revert 2` has version 2 hold again."
)
VERSIONS = frozenset(
    {"versions", "version", "history", "revert", "undo"}
)  # alone, and what each means is shown

_IDS = {"slack": re.compile(r"[UW][A-Z0-9]{1,30}"), "discord": re.compile(r"[0-9]{1,20}")}
_ANY_ID = re.compile(r"[\w.-]{1,64}")
_REVERT = re.compile(r"(?:revert|undo)(?: to)?(?: version)? (?:v|#)?(\d{1,15})")

ENGAGES = {
    "mention": "agents answer when they are mentioned",
    "always": "agents answer everything",
    "pattern": "agents answer what fits the configured pattern",
    "off": "agents are switched off",
}

WORKS = {
    "": "showing what it does in verbs",
    "all": "showing what it does with names of files and commands",
    "none": "showing of its work only that it goes on",
}


async def ordered(supervisor: Supervisor, body: str) -> str:
    """Another process of this machine has changed a channel."""
    supervisor.outdate(Address(*map(str, json.loads(body))))
    return "in force"


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
    platform = viewer.address.channel_type
    here = platform == place.channel_type and viewer.author.id in held.keepers
    return not held.keepers or platform == access.LOCAL or here


def check(config: Config, place: Address, wanted: ChannelRules) -> None:
    """Raises `Forbidden`."""
    budget = wanted.budget_usd_per_day
    if wanted.language and wanted.language not in languages():
        known = ", ".join(languages())
        raise Forbidden(f"There is no language {words.one_line(wanted.language)!r} here; known: {known}.")
    if wanted.work not in WORKS:
        raise Forbidden("Of a turn under way verbs can be shown, everything, or nothing.")
    if not place.platform_id:
        raise Forbidden("Ask for that in the channel that it is about.")
    if wanted.agent and wanted.agent not in config.agents:
        known = ", ".join(config.agents)
        raise Forbidden(f"There is no agent {words.one_line(wanted.agent)!r}; known: {known}.")
    if wanted.engage not in ("", "mention", "always", "off"):
        raise Forbidden("Agents can answer when mentioned, always, or be off.")
    if budget != -1 and not (math.isfinite(budget) and 0 <= budget <= LARGEST_BUDGET):
        raise Forbidden(f"A budget is between $0 and ${LARGEST_BUDGET:,.0f} a day.")
    if len(wanted.instructions) > LONGEST_INSTRUCTIONS:
        raise Forbidden(
            f"Instructions have at most {LONGEST_INSTRUCTIONS:,} characters; these have {len(wanted.instructions):,}."
        )
    rule = rule_of(place, config.routes, wanted)
    if rule is None and wanted.engage != "off" and wanted != ChannelRules():
        raise Forbidden(
            "No route of the configuration covers this channel: choose an agent and when it answers."
        )
    if wanted.model:
        offered = provider.choices(config.agents[rule.agent]) if rule and rule.agent in config.agents else ()
        if wanted.model not in offered:
            raise Forbidden(provider.not_offered(wanted.model, offered))
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
            f"There is no effort {words.one_line(wanted.effort)!r}; there are {', '.join(EFFORTS)}."
        )
    if NO_TOOLS in wanted.tools and len(wanted.tools) > 1:
        raise Forbidden("No tools at all, or some of them: choose one.")
    if unknown := [name for name in wanted.tools if name not in (NO_TOOLS, *offered)]:
        raise Forbidden(
            f"The agent here has no tool {words.one_line(unknown[0])!r}. It has: {', '.join(offered) or 'none'}."
        )


def _check_people(config: Config, place: Address, wanted: ChannelRules) -> None:
    for listed in (wanted.askers, wanted.keepers):
        if len(listed) > MOST_NAMED:
            raise Forbidden(f"At most {MOST_NAMED} people can be named.")
        for who in listed:
            if not _IDS.get(place.channel_type, _ANY_ID).fullmatch(who):
                raise Forbidden(f"{words.one_line(who)!r} is nobody's id on {place.channel_type}.")
    for who in wanted.keepers:
        if not access.is_owner(config.access, place, who):
            raise Forbidden(f"{who!r} is no owner: of owners alone it can be said who may change a channel.")


def told(config: Config, place: Address, wanted: ChannelRules) -> str:
    """One line, for people."""
    rule = rule_of(place, config.routes, wanted)
    if rule is None:
        return "In this channel there is no agent."
    parts = [f"agent {rule.agent!r}", ENGAGES[rule.engage]]
    if wanted.model:
        parts.append(f"by {wanted.model}")
    if wanted.effort:
        parts.append(f"with {wanted.effort} effort")
    if wanted.tools:
        parts.append(_tools_told(wanted.tools))
    if wanted.askers:
        parts.append(f"asked by {_many(len(wanted.askers), 'person or group', 'people or groups')} alone")
    if wanted.keepers:
        parts.append(f"changed by {_many(len(wanted.keepers), 'owner', 'owners')} alone")
    if wanted.work:
        parts.append(WORKS[wanted.work])
    if wanted.bill:
        parts.append("with time and cost below each answer")
    if wanted.budget_usd_per_day >= 0:
        parts.append(f"at most ${wanted.budget_usd_per_day:,.2f} a day")
    if wanted.instructions:
        parts.append("with instructions of its own")
    return f"In this channel: {', '.join(parts)}."


def recorded(wanted: ChannelRules) -> str:
    """The whole of what holds from now on; the words of instructions stand in the version."""
    budget = "" if wanted.budget_usd_per_day < 0 else money.written(wanted.budget_usd_per_day)
    said = f"agent={wanted.agent or '-'} engage={wanted.engage or '-'} budget={budget or '-'}"
    for name in ("model", "effort", "work", "language"):
        said += f" {name}={value}" if (value := getattr(wanted, name)) else ""
    for name in ("tools", "askers", "keepers"):
        said += f" {name}={','.join(value)}" if (value := getattr(wanted, name)) else ""
    said += " bill=yes" if wanted.bill else ""
    return said + (f" instructions={len(wanted.instructions)}" if wanted.instructions else "")


def _tools_told(tools: Sequence[str]) -> str:
    if tools == (NO_TOOLS,):
        return "without tools"
    return f"with no tools but {', '.join(tools)}"


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def meant(text: str) -> int | None:
    """The version that is to hold again, None for those that there are to be shown. Raises `Forbidden`."""
    said = " ".join(text.casefold().split())
    if found := _REVERT.fullmatch(said):
        return int(found[1])
    if said in VERSIONS:
        return None
    raise Forbidden(ORDERS)


def listed(connection: Statements, place: Address, zone: ZoneInfo) -> str:
    """The latest versions, Markdown."""
    found = rules.versions(connection, place)
    if not found:
        return "Nobody has changed anything here; what holds is the configuration's."
    lines = [
        f"- **{one.after.version}**, {words.moment(one.at, zone)} by {words.name(one.name) or one.user or 'somebody'}:"
        f" `{recorded(one.after).replace('`', '')}`"
        for one in found[:MOST_TOLD]
    ]
    back = f"`config revert {found[0].before.version}` takes the last change back."
    return "\n".join([*lines, "- **0**: as configured", "", back])


def _overtaken(connection: Statements, place: Address) -> str:
    [last, *_] = rules.versions(connection, place)
    who = words.name(last.name) or last.user or "Somebody"
    return f"{who} has changed this channel in the meantime, so nothing of yours is set yet. Now: {recorded(last.after)}."
