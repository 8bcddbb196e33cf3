"""What models cost: today and this month, and per conversation, from the records of the gateway."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

from host.cli import listing
from host.cli.owners import operator
from host.config import Config
from host.controls import spending
from host.controls.naming import Names
from host.gateway import limits
from host.gateway.budget import day_of
from host.gateway.limits import Standing
from host.governance import words
from host.governance.sight import Sight
from host.ports.controls import Spent
from host.registry.port import Statements
from host.words import dollars
from sessiondb.records import Address

_SUMS = (
    "SELECT u.session_id, u.agent, s.channel_type, s.workspace_id, s.platform_id, s.thread_id, s.scope, count(*),"
    " sum(u.input_tokens), sum(u.cache_write_tokens), sum(u.cache_read_tokens), sum(u.output_tokens),"
    " sum(u.cost), max(u.estimated)"
    " FROM usage u LEFT JOIN sessions s ON s.id = u.session_id"
    " GROUP BY u.session_id ORDER BY max(u.made_at) DESC LIMIT ?"
)
MOST_BUDGETS = 20  # shown to people
NOTHING = "No model was paid for yet."


def show_sums(config: Config, *, as_json: bool) -> None:
    """Today and this month, against the budgets."""
    with listing.records(Path(config.data)) as registry:
        if registry is None:
            spent, left = None, []
        else:
            day = day_of(time.time_ns() // 1_000_000, words.zone_of("", config.host.zone))
            spent = spending.of(registry, config, operator(), Sight(True, ()), day)
            left = sorted(limits.standings(registry, config, day), key=lambda one: one.share_left)
            named = [_whose(registry, one.limit.budget) for one in left]
    if as_json:
        listing.say_json({**_for_programs(spent), "budgets": [_budget(one) for one in left]})
    elif spent is None:
        listing.say(NOTHING)
    else:
        _shown(config, spent)
        _show_budgets(list(zip(named, left, strict=True)))


def _show_budgets(found: Sequence[tuple[str, Standing]]) -> None:
    """Those of which least is left first; all agents' and each agent's stand above already."""
    rows = [
        [whose, one.limit.period, dollars(one.used), dollars(one.limit.most), dollars(one.left)]
        for whose, one in found
        if one.limit.kind not in ("all", "agent")
    ]
    if rows:
        listing.table(
            ["budget of", "period", "spent", "limit", "left"],
            rows[:MOST_BUDGETS],
            right=["spent", "limit", "left"],
        )
    if len(rows) > MOST_BUDGETS:
        listing.say(f"{len(rows) - MOST_BUDGETS} more have more left: --json lists them all", "dim")


def _whose(registry: Statements, budget: str) -> str:
    kind, _, name = budget.partition(" ")
    if kind == "channel":
        return Names(registry).place(Address(*name.rsplit("/", 3)), "")
    if kind == "person":
        return Names(registry).person(*name.split(":", 1)) or name
    return budget


def _budget(one: Standing) -> dict[str, object]:
    return {
        "budget": one.limit.budget,
        "period": one.limit.period,
        "spent_usd": one.used / limits.MICRO,
        "limit_usd": one.limit.most / limits.MICRO,
        "left_usd": one.left / limits.MICRO,
    }


def _shown(config: Config, spent: Spent) -> None:
    rows = [
        ["today", _of(spent.today, spent.limit_today), f"{spent.tokens_today:,} tokens"],
        ["this month", _of(spent.this_month, spent.limit_this_month), ""],
    ]
    for agent, cost in spent.by_agent:
        settings = config.agents.get(agent)
        limit = -1 if settings is None else spending.limit(settings.budget_usd_per_month)
        rows.append([f"this month, {agent}", _of(cost, limit), ""])
    listing.table(["when", "cost", "tokens"], rows)
    for one in spent.opinions:
        listing.say(f"this month, {spending.opinion(one)}")


def _of(cost: int, limit: int) -> str:
    return f"{dollars(cost)} of {dollars(limit)}" if limit >= 0 else dollars(cost)


def _for_programs(spent: Spent | None) -> dict[str, object]:
    """US dollars; a limit that is not set is null."""
    if spent is None:
        return {"today_usd": 0.0, "this_month_usd": 0.0, "tokens_today": 0, "agents": {}, "feedback": []}
    return {
        "today_usd": spent.today / 1_000_000,
        "this_month_usd": spent.this_month / 1_000_000,
        "limit_today_usd": None if spent.limit_today < 0 else spent.limit_today / 1_000_000,
        "limit_this_month_usd": None if spent.limit_this_month < 0 else spent.limit_this_month / 1_000_000,
        "tokens_today": spent.tokens_today,
        "agents": {agent: cost / 1_000_000 for agent, cost in spent.by_agent},
        "feedback": [dataclasses.asdict(one) for one in spent.opinions],
    }


def show(config: Config, *, most: int, as_json: bool) -> None:
    """The latest `most` conversations that a model was paid for; -1 shows all. Raises `sessiondb.SessionError`."""
    with listing.records(Path(config.data)) as registry:
        rows = registry.execute(_SUMS, (most,)).fetchall() if registry is not None else []
        names = Names(registry) if registry is not None else None
        places = [_place(names, row[2:7]) for row in rows if names is not None]
    found = [
        (str(row[0]), place, [int(str(count)) for count in row[7:13]], bool(row[13]))
        for row, place in zip(rows, places, strict=True)
    ]
    if as_json:
        listing.say_json([_paid(*one) for one in found])
        return
    if not found:
        listing.say(NOTHING)
        return
    short = listing.shortened([id_ for id_, *_ in found], [id_ for id_, *_ in found])
    shown = [
        [
            short[id_],
            place,
            f"{counts[0]:,}",
            *(_thousands(count) for count in counts[1:5]),
            ("about " if estimated else "") + dollars(counts[5]),
        ]
        for id_, place, counts, estimated in found
    ]
    columns = ["calls", "input", "cached", "read", "output", "cost"]
    listing.table(["session", "where", *columns], shown, right=columns)
    listing.say("tokens; cached: written to the prompt cache, read: from it", "dim")


def _place(names: Names, columns: tuple[object, ...]) -> str:
    *place, scope = ("" if column is None else str(column) for column in columns)
    return names.place(Address(*place), scope) if place[0] else "(gone)"


def _paid(id_: str, place: str, counts: list[int], estimated: bool) -> dict[str, object]:
    calls, fresh, written, read, output, cost = counts
    return {
        "session": id_,
        "where": place,
        "calls": calls,
        "input_tokens": fresh,
        "cache_write_tokens": written,
        "cache_read_tokens": read,
        "output_tokens": output,
        "cost_usd": cost / 1_000_000,
        "estimated": estimated,
    }


def _thousands(tokens: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 10_000)):
        if tokens >= size:
            return f"{tokens / (size if unit == 'M' else 1_000):.1f}{unit}"
    return f"{tokens:,}"
