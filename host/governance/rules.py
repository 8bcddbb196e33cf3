"""What owners decided about channels, kept in host.db over the configuration's routes. Functions for jobs on the connection."""

from __future__ import annotations

from typing import Literal, cast

from host.ports.controls import ChannelRules
from host.registry.port import Statements
from sessiondb.records import Address

MICRO = 1_000_000  # millionths in a dollar

Engage = Literal["", "mention", "always", "off"]


def of_channel(connection: Statements, address: Address) -> ChannelRules | None:
    """None where no owner decided anything."""
    row = connection.execute(
        "SELECT agent, engage, budget FROM channel_rules WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?",
        address[:3],
    ).fetchone()
    if row is None:
        return None
    agent, engage, budget = str(row[0]), cast(Engage, str(row[1])), int(str(row[2]))
    return ChannelRules(agent, engage, budget / MICRO if budget >= 0 else -1.0)


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
        "INSERT OR REPLACE INTO channel_rules VALUES (?, ?, ?, ?, ?, ?)",
        (*address[:3], rules.agent, rules.engage, budget),
    )


def _micro(dollars: float) -> int:
    return round(dollars * MICRO)
