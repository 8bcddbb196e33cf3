"""What owners decided about channels, kept in host.db over the configuration's routes: what holds, and every version of it.

Functions for jobs on the connection.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Literal, cast

from host.ports.controls import ChannelRules
from host.ports.events import Viewer
from host.registry.port import Statements
from sessiondb.records import Address

MICRO = 1_000_000  # millionths in a dollar
MOST_SHOWN = 50  # versions of a channel

Engage = Literal["", "mention", "always", "off"]


@dataclass(frozen=True, slots=True)
class Version:
    """One change of a channel's settings; `after.version` is its number."""

    at: int  # ms UTC
    user: str  # platform:id, '' of whom was forgotten
    name: str
    before: ChannelRules
    after: ChannelRules


def of_channel(connection: Statements, address: Address) -> ChannelRules | None:
    """None where no owner decided anything."""
    row = connection.execute(_HOLDS, address[:3]).fetchone()
    if row is None:
        return None
    agent, engage, budget, model, instructions, effort, *lists = map(str, row)
    dollars = int(budget) / MICRO if int(budget) >= 0 else -1.0
    found = ChannelRules(agent, cast(Engage, engage), dollars, model, instructions, effort)
    tools, askers, keepers = (tuple(filter(None, one.split("\n"))) for one in lists)
    return replace(found, tools=tools, askers=askers, keepers=keepers, version=latest(connection, address))


def now_of(connection: Statements, address: Address) -> ChannelRules:
    """With the number of the version that holds, also where that is as configured."""
    return of_channel(connection, address) or ChannelRules(version=latest(connection, address))


def latest(connection: Statements, address: Address) -> int:
    """0 where nothing was ever decided."""
    [(number,)] = connection.execute(_LATEST, address[:3]).fetchall()
    return int(str(number))


def versions(connection: Statements, address: Address) -> list[Version]:
    """The latest first."""
    return [
        Version(int(str(at)), str(user), str(name), _read(before), _read(after))
        for at, user, name, before, after in connection.execute(_VERSIONS, (*address[:3], MOST_SHOWN))
    ]


def version(connection: Statements, address: Address, number: int) -> ChannelRules | None:
    """What held from then on."""
    if number == 0:
        return ChannelRules()
    row = connection.execute(_ONE, (*address[:3], number)).fetchone()
    return None if row is None else _read(row[0])


def budget_of(connection: Statements, address: Address) -> int:
    """What agents may spend in the channel each day, in millionths of a dollar; -1 when there is no limit."""
    decided = of_channel(connection, address)
    return -1 if decided is None or decided.budget_usd_per_day < 0 else _micro(decided.budget_usd_per_day)


def put(connection: Statements, address: Address, rules: ChannelRules) -> None:
    if rules == ChannelRules():
        connection.execute(
            "DELETE FROM channel_rules WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?",
            address[:3],
        )
        return
    budget = _micro(rules.budget_usd_per_day) if rules.budget_usd_per_day >= 0 else -1
    connection.execute(
        "INSERT OR REPLACE INTO channel_rules"
        " (channel_type, workspace_id, platform_id, agent, engage, budget, model, instructions, effort, tools, askers,"
        " keepers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *address[:3],
            rules.agent,
            rules.engage,
            budget,
            rules.model,
            rules.instructions,
            rules.effort,
            *("\n".join(names) for names in (rules.tools, rules.askers, rules.keepers)),
        ),
    )


def change(connection: Statements, viewer: Viewer, address: Address, rules: ChannelRules, now: int) -> int:
    """One version more; its number."""
    before = now_of(connection, address)
    put(connection, address, rules)
    number = before.version + 1
    user = f"{viewer.address.channel_type}:{viewer.author.id}"
    connection.execute(
        "INSERT INTO channel_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*address[:3], number, now, user, viewer.author.name, _written(before), _written(rules, number)),
    )
    return number


def _written(rules: ChannelRules, number: int | None = None) -> str:
    budget = _micro(rules.budget_usd_per_day) if rules.budget_usd_per_day >= 0 else -1
    version = rules.version if number is None else number
    lists = (rules.tools, rules.askers, rules.keepers)
    return json.dumps(
        [version, rules.agent, rules.engage, budget, rules.model, rules.instructions, rules.effort, *lists]
    )


def _read(text: object) -> ChannelRules:
    """An older one ends before the effort."""
    version, agent, engage, budget, model, instructions, *more = json.loads(str(text))
    effort, *lists = more or ("", (), (), ())
    dollars = int(budget) / MICRO if int(budget) >= 0 else -1.0
    found = ChannelRules(agent, cast(Engage, engage), dollars, model, instructions, effort)
    tools, askers, keepers = map(tuple, lists)
    return replace(found, tools=tools, askers=askers, keepers=keepers, version=int(version))


def _micro(dollars: float) -> int:
    return round(dollars * MICRO)


_THERE = "channel_type = ? AND workspace_id = ? AND platform_id = ?"
_HOLDS = (
    "SELECT agent, engage, budget, model, instructions, effort, tools, askers, keepers FROM channel_rules"
    f" WHERE {_THERE}"
)
_LATEST = f"SELECT coalesce(max(version), 0) FROM channel_versions WHERE {_THERE}"
_VERSIONS = (
    f"SELECT at, user, name, before, after FROM channel_versions WHERE {_THERE} ORDER BY version DESC LIMIT ?"
)
_ONE = f"SELECT after FROM channel_versions WHERE {_THERE} AND version = ?"
