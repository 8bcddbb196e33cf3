"""Whose budgets a call counts for, what is spent of each, and what is left. Functions for jobs on the registry.

A budget's name: 'all', 'agent NAME', 'channel ADDRESS', 'person PLATFORM:ID' (of Slack 'person slack:WORKSPACE/ID'),
'task ID'. A period is a day (20261231) or a month (20261200).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from host.config import Agent, Config
from host.governance import access, requests, rules, words
from host.ports import money
from host.registry import people, trials
from host.registry.port import Statements
from host.words import Sentence, as_it_is, laid_out, say
from sessiondb.records import Address

MICRO = 1_000_000  # millionths in a dollar
DAY, MONTH = "day", "month"
PERIODS = {DAY: say("today"), MONTH: say("this month")}


class Money(Protocol):
    """A section of the configuration that limits what is spent, in US dollars."""

    @property
    def budget_usd_per_day(self) -> float: ...

    @property
    def budget_usd_per_month(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Whose:
    """Who asks for a call; '' for a person or a task that there is not."""

    agent: str
    session_id: str
    user_id: str
    task_id: str


@dataclass(frozen=True, slots=True)
class Limit:
    """Amounts are in millionths of a dollar."""

    budget: str
    period: str  # DAY or MONTH
    since: int  # the day it begins with; for a month with no day, so that it stands for the month
    most: int  # with what owners allowed beyond it

    @property
    def kind(self) -> str:
        return self.budget.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Standing:
    limit: Limit
    used: int

    @property
    def left(self) -> int:
        return max(0, self.limit.most - self.used)

    @property
    def share_left(self) -> float:
        return self.left / self.limit.most if self.limit.most else 0.0


def of_call(connection: Statements, config: Config, whose: Whose, day: int) -> Iterator[Limit]:
    """Every limit that the call must keep: an agent that is gone from the configuration ends what it began."""

    for budget in [f"agent {whose.agent}", "all", *_shared(connection, whose)]:
        yield from _limits(budget, _of(connection, config, budget), day, _raised(connection))


def told(connection: Statements, config: Config, limit: Limit) -> Sentence:
    """For people: "agent Scribe for today"."""
    return say(
        "{whose} for {period}", whose=_named(connection, config, limit.budget), period=PERIODS[limit.period]
    )


def used(connection: Statements, limit: Limit, day: int) -> int:
    """Spent and set aside. A clock that was ahead once spends nothing of today's."""
    kind, _, name = limit.budget.partition(" ")
    spent = (
        "SELECT coalesce(sum(cost), 0) FROM spent_of WHERE budget = :budget AND day BETWEEN :since AND :day"
    )
    if kind in ("all", "agent"):
        spent = "SELECT coalesce(sum(cost), 0) FROM spent WHERE day BETWEEN :since AND :day AND (:name = '' OR agent = :name)"
    held = f"SELECT coalesce(sum(cost), 0) FROM reservations WHERE day BETWEEN :since AND :day AND {_SET_ASIDE[kind]}"
    bindings = {"since": limit.since, "day": day, "name": name, "budget": limit.budget}
    row = connection.execute(f"SELECT ({spent}) + ({held})", bindings).fetchone()
    return int(str(row[0])) if row else 0


def charge(connection: Statements, whose: Whose, day: int, cost: int) -> None:
    """Adds to what channel, person and task did cost, whether or not anything limits them today."""
    connection.executemany(_CHARGE, [(budget, day, cost) for budget in _shared(connection, whose)])


def of_viewer(
    connection: Statements, config: Config, place: Address, user_id: str, day: int
) -> Iterator[tuple[Sentence, Standing]]:
    """What is left to a person and in the channel they ask from, with whose it is in words."""
    for whose, budget in (
        (say("You"), f"person {access.person(place, user_id)}"),
        (say("This channel"), f"channel {place._replace(thread_id='')}"),
    ):
        for limit in _limits(budget, _of(connection, config, budget), day, _raised(connection)):
            told_of = laid_out("{whose}, {period}", whose=whose, period=PERIODS[limit.period])
            yield told_of, Standing(limit, used(connection, limit, day))


def standings(connection: Statements, config: Config, day: int) -> list[Standing]:
    """How every limit stands: of all agents, of each agent, and of whatever else something was spent for this month."""
    rows = connection.execute("SELECT budget, period, amount FROM raises").fetchall()
    more = {(str(budget), int(str(period))): int(str(amount)) for budget, period, amount in rows}
    return [
        Standing(limit, today if limit.period == DAY else month)
        for budget, (today, month) in _spent(connection, config, day).items()
        for limit in _limits(budget, _of(connection, config, budget), day, lambda *of: more.get(of, 0))
    ]


def least_left(of: Iterable[Standing]) -> Mapping[tuple[str, str], float]:
    """By kind and period, the share that is left where least is: from 1 to 0."""
    least: dict[tuple[str, str], float] = {}
    for one in of:
        key = (one.limit.kind, one.limit.period)
        least[key] = min(least.get(key, 1.0), one.share_left)
    return least


def place_of(connection: Statements, session_id: str) -> Address | None:
    """The channel whose purse a session spends from."""
    row = connection.execute(
        "SELECT channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?", (session_id,)
    ).fetchone()
    if row is None:
        return None
    return trials.judged_at(connection, Address(*map(str, row)))._replace(thread_id="")


def _shared(connection: Statements, whose: Whose) -> Iterator[str]:
    """The budgets that calls of several agents count for."""
    place = place_of(connection, whose.session_id)
    if place is not None:
        yield f"channel {place}"
        if whose.user_id:
            yield f"person {access.person(place, whose.user_id)}"
    if whose.task_id:
        yield f"task {whose.task_id}"


def _raised(connection: Statements) -> Callable[[str, int], int]:
    return lambda budget, period: requests.raised(connection, budget, period)


def _limits(budget: str, of: Money, day: int, raised: Callable[[str, int], int]) -> Iterator[Limit]:
    for period, most, since in (
        (DAY, of.budget_usd_per_day, day),
        (MONTH, of.budget_usd_per_month, day // 100 * 100),
    ):
        if most < math.inf:
            yield Limit(budget, period, since, money.millionths(most) + raised(budget, since))


def _of(connection: Statements, config: Config, budget: str) -> Money:
    kind, _, name = budget.partition(" ")
    if kind == "agent":
        return config.agents.get(name, Agent())
    if kind == "channel":
        return _of_channel(connection, config, Address(*name.rsplit("/", 3)))
    if kind == "person":
        return config.budgets.of_person(name)
    return config.budgets.task if kind == "task" else config.model


def _of_channel(connection: Statements, config: Config, place: Address) -> Money:
    """What an owner decided about a channel's day stands above what the configuration says of each."""
    decided = rules.budget_of(connection, place)
    each = config.budgets.of_channel("/".join(place[:3]))
    return each if decided < 0 else each.model_copy(update={"budget_usd_per_day": decided / MICRO})


def _is_limited(of: Money) -> bool:
    return min(of.budget_usd_per_day, of.budget_usd_per_month) < math.inf


def _spent(connection: Statements, config: Config, day: int) -> dict[str, tuple[int, int]]:
    """Today's and this month's sums, by budget; of channels, people and tasks only where any of them has a limit."""
    month, budgets = day // 100 * 100, config.budgets
    found = {"all": (0, 0)} | {f"agent {name}": (0, 0) for name in config.agents}
    for agent, today, whole in connection.execute(_OF_AGENTS, (day, month, day)).fetchall():
        found[f"agent {agent}"] = (int(today), int(whole))
        found["all"] = (found["all"][0] + int(today), found["all"][1] + int(whole))
    decided = connection.execute("SELECT 1 FROM channel_rules WHERE budget >= 0 LIMIT 1").fetchone()
    people = [budgets.person, *map(budgets.of_person, budgets.people)]
    channels = [budgets.channel, *map(budgets.of_channel, budgets.channels)]
    if decided or any(map(_is_limited, (*channels, *people, budgets.task))):
        rows = connection.execute(_OF_OTHERS, (day, month, day)).fetchall()
        found |= {str(budget): (int(today), int(whole)) for budget, today, whole in rows}
    return found


def _named(connection: Statements, config: Config, budget: str) -> Sentence:
    """For people: it stands in the line that they get."""
    kind, _, name = budget.partition(" ")
    if kind == "all":
        return say("all agents")
    if kind == "agent":
        return say("agent {name}", name=config.called(name))
    if kind == "channel":
        return say("this channel")
    if kind == "person":
        platform, _, user = name.partition(":")
        workspace, _, user = user.rpartition("/")
        return as_it_is(words.name(people.called(connection, platform, workspace, user)) or f"`{name}`")
    row = connection.execute(
        "SELECT task ->> '$.title' FROM task_copies WHERE task_id = ?", (name,)
    ).fetchone()
    return say("task {title}", title=words.name(str(row[0] or "")) if row else repr(name))


_SET_ASIDE = {
    "all": "TRUE",
    "agent": "agent = :name",
    "channel": "session_id IN (SELECT id FROM sessions WHERE 'channel ' || channel_type || '/' || workspace_id"
    " || '/' || platform_id || '/' = :budget AND sessions.id = session_id)",
    "person": "session_id IN (SELECT id FROM sessions WHERE sessions.id = session_id"
    " AND channel_type || ':' || CASE channel_type WHEN 'slack' THEN workspace_id || '/' ELSE '' END || user_id = :name)",
    "task": "task_id = :name",
}
_CHARGE = "INSERT INTO spent_of VALUES (?, ?, ?) ON CONFLICT (budget, day) DO UPDATE SET cost = spent_of.cost + excluded.cost"
_OF_AGENTS = (
    "SELECT agent, coalesce(sum(cost) FILTER (WHERE day = ?), 0), sum(cost) FROM spent WHERE day BETWEEN ? AND ?"
    " GROUP BY agent"
)
_OF_OTHERS = (
    "SELECT budget, coalesce(sum(cost) FILTER (WHERE day = ?), 0), sum(cost) FROM spent_of WHERE day BETWEEN ? AND ?"
    " GROUP BY budget"
)
