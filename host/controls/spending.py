"""What models cost, for people: an owner of everything sees all of it, others what the conversations they may see did cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from host.config import Config
from host.gateway import limits
from host.governance.sight import Sight
from host.ports import money
from host.ports.controls import Opinions, Spent
from host.ports.events import Viewer
from host.registry import judgements
from host.registry.port import Statements
from host.words import Sentence, dollars, joined, laid_out, number, say
from sessiondb.records import Address

NO_LIMIT = -1

_CHANNEL = "channel_type = ?1 AND workspace_id = ?2 AND platform_id = ?3"
_THREAD = f"SELECT id FROM sessions WHERE {_CHANNEL} AND thread_id = ?4 AND thread_id <> ''"
_HERE = (  # a thread may be a conversation of its own or a part of its channel's
    f"SELECT coalesce(sum(cost), 0), coalesce(sum(tokens), 0) FROM spent_by_session WHERE {_CHANNEL} AND day = ?5"
    f" AND (NOT EXISTS ({_THREAD}) OR session_id IN ({_THREAD}))"
)


def of(connection: Statements, config: Config, viewer: Viewer, sight: Sight, day: int) -> Spent:
    """`day` is today's number (20261231) in the host's zone."""
    month = day // 100 * 100
    where, scopes = sight.where("spent_by_session")
    seen_from, _ = sight.where("s")
    today, tokens = _row(
        connection,
        f"SELECT coalesce(sum(cost), 0), coalesce(sum(tokens), 0) FROM spent_by_session WHERE day = ? AND {where}",
        (day, *scopes),
    )
    # An owner's month is in the small table of sums; that of few conversations in the few rows of theirs.
    table = "spent" if sight.everything else "spent_by_session"
    by_agent = connection.execute(
        f"SELECT agent, sum(cost) FROM {table} WHERE day BETWEEN ? AND ? AND {where}"  # not what a clock that was ahead spent
        " GROUP BY agent ORDER BY sum(cost) DESC, agent",
        (month, day, *scopes),
    ).fetchall()
    this_month = sum(int(str(cost)) for _, cost in by_agent)
    place = viewer.address
    here_today, _ = _row(connection, _HERE, (*place, day))
    spent = Spent(
        today=today,
        this_month=this_month,
        limit_today=limit(config.model.budget_usd_per_day) if sight.everything else NO_LIMIT,
        limit_this_month=limit(config.model.budget_usd_per_month) if sight.everything else NO_LIMIT,
        tokens_today=tokens,
        here_today=here_today,
        by_agent=tuple((str(agent), int(str(cost))) for agent, cost in by_agent),
        opinions=tuple(
            Opinions(*one) for one in judgements.counts(connection, (month, day), seen_from, scopes)
        ),
    )
    left = [
        laid_out("**{whose}:** {amount}", whose=whose, amount=_of(one.used, one.limit.most))
        for whose, one in limits.of_viewer(connection, config, place, viewer.author.id, day)
    ]
    return _worded(spent, config, sight, left, place)


def _worded(spent: Spent, config: Config, sight: Sight, left: Sequence[Sentence], place: Address) -> Spent:
    agents = config.agents
    lines = [
        say(
            "**Today:** {amount}, {tokens} tokens",
            amount=_of(spent.today, spent.limit_today),
            tokens=number(spent.tokens_today),
        ),
        say("**This month:** {amount}", amount=_of(spent.this_month, spent.limit_this_month)),
        say("**In this thread, today:** {amount}", amount=dollars(spent.here_today))
        if place.thread_id
        else say("**Here, today:** {amount}", amount=dollars(spent.here_today)),
    ]
    lines += left
    here = joined("\n", lines[2:])
    for agent, cost in spent.by_agent:
        most = limit(agents[agent].budget_usd_per_month) if sight.everything and agent in agents else NO_LIMIT
        lines.append(
            say("- {agent}: {amount} this month", agent=config.called(agent), amount=_of(cost, most))
        )
    lines += [say("- {opinions} this month", opinions=opinion(one)) for one in called(config, spent).opinions]
    if not sight.everything:
        lines.append(say("*Counted are the conversations that you may see.*"))
    return replace(spent, text=joined("\n", lines), here=here)


def called(config: Config, spent: Spent) -> Spent:
    """With agents as people see them."""
    return replace(
        spent, opinions=tuple(replace(one, agent=config.called(one.agent)) for one in spent.opinions)
    )


def opinion(of: Opinions) -> str:
    """The counts of one agent with one model, one line."""
    model = f" ({of.model})" if of.model else ""
    return f"{of.agent}{model}: 👍 {of.good:,} · 👎 {of.bad:,}"


def _of(cost: int, limit: int) -> Sentence:
    if limit < 0:
        return dollars(cost)
    return say("{amount} of {limit}", amount=dollars(cost), limit=dollars(limit))


def limit(budget: float) -> int:
    return NO_LIMIT if math.isinf(budget) else money.millionths(budget)


def _row(connection: Statements, sql: str, bindings: Sequence[object]) -> tuple[int, int]:
    row = connection.execute(sql, tuple(bindings)).fetchone()
    return (int(str(row[0])), int(str(row[1]))) if row else (0, 0)
