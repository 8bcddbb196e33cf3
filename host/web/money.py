"""What models cost: a month by day, and one day by agent, channel, person, task and model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from host.config import Config
from host.controls.naming import Names
from host.gateway import limits
from host.gateway.limits import Limit
from host.governance import words
from host.registry.port import Statements
from host.web.gate import Visitor
from host.web.page import Page
from host.web.places import Shown, place_of, where
from sessiondb.records import Address

DAYS = 30
MOST_SHOWN = 20  # bars of one plot; the rest is one more
HIGH = 120  # units of the plot that its highest bar has
REST = "all others"


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    cost: int  # millionths of a dollar
    tall: float  # of `HIGH`
    day: int = 0


@dataclass(frozen=True, slots=True)
class Plot:
    title: str
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Budget:
    words: str
    used: int  # millionths of a dollar
    most: int
    wide: float  # of `HIGH`


class Money:
    def __init__(self, page: Page) -> None:
        self._page = page
        page.shows("/costs", self._show)

    async def _show(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        zone = words.zone_of("", self._page.config.host.zone)
        today = datetime.fromtimestamp(self._page.now() / 1000, zone).date()
        days = [int(f"{today - timedelta(days=ago):%Y%m%d}") for ago in range(DAYS - 1, -1, -1)]
        asked = request.query.get("day", "")
        day = next((day for day in days if str(day) == asked), days[-1])
        plots = await self._page.books.read(lambda registry: [_by_day(registry, days), *_of(registry, day)])
        spent, config = await self._page.spent(visitor), self._page.config
        budgets = await self._page.books.read(lambda registry: _budgets(registry, config, days[-1]))
        values = {"days": plots[0], "plots": plots[1:], "day": _words(day), "spent": spent, "high": HIGH}
        values["budgets"] = budgets
        return self._page.html("costs.html", visitor, values)


def _budgets(registry: Statements, config: Config, today: int) -> list[Budget]:
    """Those of which least is left first."""
    found = sorted(limits.standings(registry, config, today), key=lambda one: one.share_left)
    return [
        Budget(
            _budget(registry, config, one.limit),
            one.used,
            one.limit.most,
            round(min(1.0, one.used / one.limit.most) * HIGH, 1) if one.limit.most else float(HIGH),
        )
        for one in found[:MOST_SHOWN]
    ]


def _budget(registry: Statements, config: Config, limit: Limit) -> str:
    """A private channel's name and a task's title are their people's."""
    period = limits.PERIODS[limit.period]
    _, _, name = limit.budget.partition(" ")
    if limit.kind == "channel":
        platform, workspace, channel = [*name.split("/"), "", ""][:3]
        return f"{where(registry, Address(platform, workspace, channel))} for {period}"
    if limit.kind == "task":
        return f"task {name} for {period}"
    return limits.told(registry, config, limit)


def _by_day(registry: Statements, days: list[int]) -> Plot:
    sql = "SELECT day, sum(cost) FROM spent WHERE day BETWEEN ? AND ? GROUP BY day"
    found = {int(day): int(cost) for day, cost in registry.execute(sql, (days[0], days[-1])).fetchall()}
    return Plot("by day", _bars([(_words(day), found.get(day, 0), day) for day in days]))


def _of(registry: Statements, day: int) -> list[Plot]:
    calls = registry.execute(_CALLS, (day,)).fetchall()
    people = {(user, session): _person(registry, str(user), str(session)) for user, _, _, session, _ in calls}
    return [
        _plot("by agent", registry.execute(_BY_AGENT, (day,)).fetchall()),
        _plot("by channel", _channels(registry, day)),
        _plot("by person", [(people[user, session], cost) for user, _, _, session, cost in calls]),
        _plot("by task", [(task, cost) for _, task, _, _, cost in calls if task]),
        _plot("by model", [(model, cost) for _, _, model, _, cost in calls]),
    ]


def _person(registry: Statements, user: str, session_id: str) -> str:
    of = "SELECT channel_type, workspace_id FROM sessions WHERE id = ?"
    platform, workspace = registry.execute(of, (session_id,)).fetchone() or ("", "")
    return Names(registry).person(str(platform), user, str(workspace)) or "nobody"


def _channels(registry: Statements, day: int) -> list[tuple[str, int]]:
    found = registry.execute(_BY_CHANNEL, (day,)).fetchall()
    return [
        (place_of(registry, Shown(Address(*map(str, place)), str(scope))), cost)
        for *place, scope, cost in found
    ]


def _plot(title: str, rows: Iterable[tuple[object, int]]) -> Plot:
    """The most expensive first; those beyond the plot together."""
    summed: dict[str, int] = {}
    for label, cost in rows:
        summed[str(label)] = summed.get(str(label), 0) + int(cost)
    ordered = sorted(summed.items(), key=lambda item: (-item[1], item[0]))
    if rest := sum(cost for _, cost in ordered[MOST_SHOWN:]):
        ordered[MOST_SHOWN:] = [(REST, rest)]
    return Plot(title, _bars([(words.one_line(label) or "none", cost, 0) for label, cost in ordered]))


def _bars(rows: list[tuple[str, int, int]]) -> list[Bar]:
    most = max((cost for _, cost, _ in rows), default=0)
    return [Bar(label, cost, round(HIGH * cost / most, 1) if most else 0.0, day) for label, cost, day in rows]


def _words(day: int) -> str:
    return f"{day // 10_000}-{day // 100 % 100:02}-{day % 100:02}"


_BY_AGENT = "SELECT agent, cost FROM spent WHERE day = ?"
_BY_CHANNEL = (
    "SELECT channel_type, workspace_id, platform_id, scope, sum(cost) FROM spent_by_session WHERE day = ?"
    " GROUP BY channel_type, workspace_id, platform_id, scope"
)
# One walk over the day's calls, however many ways they are shown.
_CALLS = (
    "SELECT user_id, task_id, model, min(session_id), sum(cost) FROM usage WHERE day = ?"
    " GROUP BY user_id, task_id, model"
)
