"""A channel's settings: what may be set, what is written down of it, and how what holds is told.

The configuration's file is the ceiling: a channel has what its agent may have there, or less.
"""

from __future__ import annotations

import json
import logging
import math

from host.config import Config, provider
from host.governance import audit, rules, words
from host.intake.router import rule_of
from host.ports.controls import ChannelRules, Forbidden, Outdated
from host.ports.events import Viewer
from host.registry.port import Statements
from host.runners.supervisor import Supervisor
from sessiondb import SessionError
from sessiondb.records import Address

log = logging.getLogger(__name__)

LARGEST_BUDGET = 1_000_000.0  # US dollars a day
LONGEST_INSTRUCTIONS = 3_000  # characters; Slack's field takes no more
NO_VERSION = "There is no such version of the channel's settings."

ENGAGES = {
    "mention": "agents answer when they are mentioned",
    "always": "agents answer everything",
    "pattern": "agents answer what fits the configured pattern",
    "off": "agents are switched off",
}


async def take_effect(supervisor: Supervisor, place: Address) -> None:
    """After the commit: no turn begins by what held before, and one that is under way ends as it began."""
    for session in supervisor.lives.outdate(place):
        try:
            await supervisor.retire(session)
        except SessionError as error:  # looked at again when it is written to
            log.debug("Session %s: %s", session.id, error)


async def ordered(supervisor: Supervisor, body: str) -> str:
    """Another process of this machine has changed a channel."""
    await take_effect(supervisor, Address(*map(str, json.loads(body))))
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
    check(config, place, wanted)
    before = rules.now_of(connection, place)
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
    again = ChannelRules(found.agent, found.engage, found.budget_usd_per_day, found.model, found.instructions)
    return change(connection, config, viewer, place, again, now)


def check(config: Config, place: Address, wanted: ChannelRules) -> None:
    """Raises `Forbidden`."""
    budget = wanted.budget_usd_per_day
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


def told(config: Config, place: Address, wanted: ChannelRules) -> str:
    """One line, for people."""
    rule = rule_of(place, config.routes, wanted)
    if rule is None:
        return "In this channel there is no agent."
    parts = [f"agent {rule.agent!r}", ENGAGES[rule.engage]]
    if wanted.model:
        parts.append(f"by {wanted.model}")
    if wanted.budget_usd_per_day >= 0:
        parts.append(f"at most ${wanted.budget_usd_per_day:,.2f} a day")
    if wanted.instructions:
        parts.append("with instructions of its own")
    return f"In this channel: {', '.join(parts)}."


def recorded(wanted: ChannelRules) -> str:
    """The whole of what holds from now on; the words of instructions stand in the version."""
    budget = "" if wanted.budget_usd_per_day < 0 else f"{wanted.budget_usd_per_day:g}"
    said = f"agent={wanted.agent or '-'} engage={wanted.engage or '-'} budget={budget or '-'}"
    said += f" model={wanted.model}" if wanted.model else ""
    return said + (f" instructions={len(wanted.instructions)}" if wanted.instructions else "")


def _overtaken(connection: Statements, place: Address) -> str:
    [last, *_] = rules.versions(connection, place)
    who = words.name(last.name) or last.user or "Somebody"
    return f"{who} has changed this channel in the meantime, so nothing of yours is set yet. Now: {recorded(last.after)}."
