"""What owners decided about channels, kept in host.db over the configuration's routes: what holds, and every version of it.

Functions for jobs on the connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from host.config import Route
from host.governance import access
from host.ports import money
from host.ports.controls import ChannelRules
from host.ports.events import Viewer
from host.registry.port import Statements
from sessiondb.records import Address

MOST_SHOWN = 50  # versions of a channel

Engage = Literal["", "mention", "always", "off"]
Work = Literal["", "all", "none"]


@dataclass(frozen=True, slots=True)
class Version:
    """One change of a channel's settings; `after.version` is its number."""

    at: int  # ms UTC
    user: str  # platform:id, '' of whom was forgotten
    name: str
    before: ChannelRules
    after: ChannelRules


def fits(rule: Route, address: Address) -> bool:
    pairs = (
        (rule.platform, address.channel_type),
        (rule.workspace, address.workspace_id),
        (rule.channel, address.platform_id),
    )
    return all(want in ("*", have) for want, have in pairs)


def of_channel(connection: Statements, address: Address) -> ChannelRules | None:
    """None where no owner decided anything."""
    row = connection.execute(_HOLDS, address[:3]).fetchone()
    if row is None:
        return None
    *said, tools, askers, keepers, work, bill, language, models = map(str, row)
    lists = (filter(None, one.split("\n")) for one in (tools, askers, keepers))
    return _made(said, lists, (work, bill, language, models), latest(connection, address))


def askers(connection: Statements, workspace: Address) -> frozenset[str]:
    """Of all its channels."""
    found = connection.execute(_ASKERS, workspace[:2]).fetchall()
    return frozenset(one for (listed,) in found for one in str(listed).split("\n") if one)


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
    return (
        -1
        if decided is None or decided.budget_usd_per_day < 0
        else money.millionths(decided.budget_usd_per_day)
    )


def put(connection: Statements, address: Address, rules: ChannelRules) -> None:
    if rules == ChannelRules():
        connection.execute(
            "DELETE FROM channel_rules WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?",
            address[:3],
        )
        return
    connection.execute(
        "INSERT INTO channel_rules"
        " (channel_type, workspace_id, platform_id, agent, engage, budget, model, instructions, effort, tools, askers,"
        " keepers, work, bill, language, models) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (channel_type, workspace_id, platform_id) DO UPDATE SET agent = excluded.agent,"
        " engage = excluded.engage, budget = excluded.budget, model = excluded.model,"
        " instructions = excluded.instructions, effort = excluded.effort, tools = excluded.tools,"
        " askers = excluded.askers, keepers = excluded.keepers, work = excluded.work, bill = excluded.bill,"
        " language = excluded.language, models = excluded.models",
        (*address[:3], *_said(rules), *map("\n".join, _lists(rules)), *_shown(rules)),
    )


def change(connection: Statements, viewer: Viewer, address: Address, rules: ChannelRules, now: int) -> int:
    """One version more; its number."""
    before = now_of(connection, address)
    put(connection, address, rules)
    number = before.version + 1
    user = access.person(viewer.address, viewer.author.id)
    connection.execute(
        "INSERT INTO channel_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*address[:3], number, now, user, viewer.author.name, _written(before), _written(rules, number)),
    )
    return number


def _written(rules: ChannelRules, number: int | None = None) -> str:
    version = rules.version if number is None else number
    return json.dumps([version, *_said(rules), *_lists(rules), *_shown(rules)])


def _read(text: object) -> ChannelRules:
    """An older one ends before the effort, before what is shown, before the language, or before the models."""
    version, agent, engage, budget, model, instructions, *more = json.loads(str(text))
    effort, tools, askers, keepers, *shown = more or ("", (), (), ())
    said = (agent, engage, budget, model, instructions, effort)
    return _made(said, (tools, askers, keepers), (*shown, *_UNSAID[len(shown) :]), int(version))


def _said(rules: ChannelRules) -> tuple[str | int, ...]:
    """As it is stored: the budget in millionths, -1 for none."""
    budget = money.millionths(rules.budget_usd_per_day) if rules.budget_usd_per_day >= 0 else -1
    return rules.agent, rules.engage, budget, rules.model, rules.instructions, rules.effort


def _lists(rules: ChannelRules) -> tuple[tuple[str, ...], ...]:
    return rules.tools, rules.askers, rules.keepers


def _shown(rules: ChannelRules) -> tuple[str, int, str, str]:
    return rules.work, int(rules.bill), rules.language, "\n".join(rules.models)


def _made(
    said: Sequence[Any], lists: Iterable[Iterable[str]], shown: Sequence[Any], version: int
) -> ChannelRules:
    """Of what `_said`, `_lists` and `_shown` gave."""
    agent, engage, budget, model, instructions, effort = said
    dollars = int(budget) / money.MICRO if int(budget) >= 0 else -1.0
    tools, askers, keepers = map(tuple, lists)
    own = ChannelRules(agent, engage, dollars, model, instructions, effort, tools, askers, keepers)
    work, bill, language, models = shown
    own = replace(own, work=work, bill=bool(int(bill)), language=language, version=version)
    return replace(own, models=tuple(filter(None, str(models).split("\n"))))


_UNSAID = _shown(ChannelRules())
_THERE = "channel_type = ? AND workspace_id = ? AND platform_id = ?"
_HOLDS = (
    "SELECT agent, engage, budget, model, instructions, effort, tools, askers, keepers, work, bill, language, models"
    f" FROM channel_rules WHERE {_THERE}"
)
_ASKERS = "SELECT askers FROM channel_rules WHERE channel_type = ? AND workspace_id = ? AND askers <> ''"
_LATEST = f"SELECT coalesce(max(version), 0) FROM channel_versions WHERE {_THERE}"
_VERSIONS = (
    f"SELECT at, user, name, before, after FROM channel_versions WHERE {_THERE} ORDER BY version DESC LIMIT ?"
)
_ONE = f"SELECT after FROM channel_versions WHERE {_THERE} AND version = ?"
