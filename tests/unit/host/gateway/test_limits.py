"""Budgets by agent, channel, person, task, day and month: what counts for each, that nobody passes it, how much is left."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
import pytest_asyncio

from host.config import Config
from host.config.settings import Settings
from host.folders.disk import ThreadDisk
from host.gateway import limits
from host.gateway.budget import Budgets, Call, OverBudget, day_of
from host.gateway.limits import MICRO
from host.gateway.prices import Usage
from host.governance import rules
from host.governance.words import zone_of
from host.ports.controls import ChannelRules
from host.ports.events import Author, Viewer
from host.registry import db as registry_db
from host.registry import forgetting
from host.registry.db import HostDB, open_host_db
from host.registry.forgetting import Person
from host.registry.port import Statements
from host.registry.sessions import session_id, upsert
from sessiondb.records import Address

DAY = 86_400_000  # ms
NOON = 1_790_000_000_000  # 2026-09-21, in the middle of a month
GENERAL, RANDOM = Address("slack", "T1", "C1", "1"), Address("slack", "T1", "C2", "1")
ANA, BEN = "U1", "U2"


class Desk:
    """A registry with budgets over it; `now` is the clock. Amounts are in US dollars."""

    def __init__(self, db: HostDB) -> None:
        self.db = db
        self.now = NOON
        self.said = 0

    def limited(self, **sections: Any) -> None:
        sections.setdefault("model", {"budget_usd_per_day": math.inf})
        self.config = Config.model_validate(sections)
        self.budgets = Budgets(Settings(self.config), self.db, lambda: self.now, self._say)

    def _say(self) -> None:
        self.said += 1

    async def call(self, cost: float, **of: Any) -> Call:
        """One of Ana's in #general, unless it says otherwise."""
        place, agent = of.pop("place", GENERAL), of.pop("agent", "default")
        await self.db.write(lambda c: upsert(c, agent, place, "scope", self.now))
        known = {
            "user_id": ANA,
            "task_id": "",
            "model": "claude-opus-5-5",
            "place": place,
            "answers": "m1",
            **of,
        }
        return Call(session_id(agent, place), agent, cost=round(cost * MICRO), **known)

    async def spend(self, cost: float, **of: Any) -> None:
        call = await self.call(cost, **of)
        await self.budgets.settle(await self.budgets.reserve(call), Usage(), call.cost, estimated=False)

    async def refusal(self, cost: float, **of: Any) -> str:
        with pytest.raises(OverBudget) as over:
            await self.budgets.reserve(await self.call(cost, **of))
        return str(over.value)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        def job(connection: Statements) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        return await self.db.read(job)

    async def standing(self) -> dict[tuple[str, str], float]:
        day = day_of(self.now, zone_of("", "UTC"))
        found = await self.db.read(lambda c: limits.standings(c, self.config, day))
        return {(one.limit.budget, one.limit.period): one.left / MICRO for one in found}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)
    made = Desk(db)
    made.limited()
    yield made
    await db.close()
    disk.close()


BY_KIND = [
    ("channel", {"place": RANDOM}, "this channel"),
    ("person", {"user_id": BEN}, "`slack:T1/U1`"),
    ("task", {"task_id": "t2"}, "task 't1'"),
]


@pytest.mark.parametrize("period", ["day", "month"])
@pytest.mark.parametrize(("kind", "other", "words"), BY_KIND, ids=[kind for kind, _, _ in BY_KIND])
async def test_one_is_stopped_by_what_it_spent_and_no_other_of_its_kind(
    desk: Desk, kind: str, other: dict[str, Any], words: str, period: str
) -> None:
    desk.limited(budgets={kind: {f"budget_usd_per_{period}": 2.0}}, model={"budget_usd_per_day": math.inf})
    await desk.spend(1.5, task_id="t1")
    when = "today" if period == "day" else "this month"
    told = await desk.refusal(0.6, task_id="t1", place=replace_thread(GENERAL))
    assert told.startswith(f"the budget of {words} for {when} ($2.00) does not allow")
    await desk.spend(0.6, **{"task_id": "t1", **other})
    await desk.spend(0.5, task_id="t1")  # the rest fits
    desk.now += DAY
    if period == "day":
        await desk.spend(1.9, task_id="t1")
    else:
        assert "this month" in await desk.refusal(0.1, task_id="t1")
        desk.now += 30 * DAY
        await desk.spend(1.9, task_id="t1")


def replace_thread(place: Address) -> Address:
    return place._replace(thread_id="2")


async def test_a_person_counts_wherever_they_ask_and_whichever_agent(desk: Desk) -> None:
    desk.limited(budgets={"person": {"budget_usd_per_day": 2.0}}, agents={"default": {}, "poet": {}})
    await desk.spend(1.0, place=RANDOM)
    await desk.spend(0.9, agent="poet")
    assert "for today" in await desk.refusal(0.2, place=Address("slack", "T1", "D7"))
    # Whoever has the same id on another platform is somebody else.
    await desk.spend(1.9, place=Address("discord", "9", "77"))


async def test_one_persons_own_limit_stands_in_place_of_each_persons(desk: Desk) -> None:
    desk.limited(
        budgets={
            "person": {"budget_usd_per_day": 1.0, "budget_usd_per_month": 5.0},
            "people": {"slack:U1": {"budget_usd_per_day": 4.0}, "slack:U2": {"budget_usd_per_day": 0}},
        }
    )
    await desk.spend(3.5)
    assert "($4.00)" in await desk.refusal(0.6)
    assert "($0.00)" in await desk.refusal(0.01, user_id=BEN)
    assert "($1.00)" in await desk.refusal(1.01, user_id="U3")
    desk.now += DAY
    assert "this month ($5.00)" in await desk.refusal(1.6)  # what it leaves out is as for each


async def test_one_channels_own_limit_stands_in_place_of_each_channels_and_an_owners_above_it(
    desk: Desk,
) -> None:
    own = {"slack/T1/C1": {"budget_usd_per_day": 3.0, "budget_usd_per_month": 4.0}, "slack/T1/C2": {}}
    desk.limited(budgets={"channel": {"budget_usd_per_day": 1.0}, "channels": own})
    await desk.spend(2.5)
    assert "today ($3.00)" in await desk.refusal(0.6)
    assert "today ($1.00)" in await desk.refusal(1.1, place=RANDOM)
    await desk.db.write(lambda c: rules.put(c, GENERAL, ChannelRules(budget_usd_per_day=20.0)))
    assert "this month ($4.00)" in await desk.refusal(1.6)
    desk.limited(budgets={"channels": {"slack/T1/C2": {"budget_usd_per_month": 7}}})
    await desk.spend(1.0, place=RANDOM)
    assert (await desk.standing())["channel slack/T1/C2/", "month"] == 6.0


async def test_calls_at_the_same_time_cannot_pass_a_limit_together(desk: Desk) -> None:
    limit = {"budget_usd_per_day": 1.0}
    for kind in ("channel", "person", "task"):
        desk.limited(budgets={kind: limit})
        calls = [
            await desk.call(0.3, task_id="t1", place=GENERAL._replace(thread_id=str(n))) for n in range(9)
        ]
        made = await asyncio.gather(*map(desk.budgets.reserve, calls), return_exceptions=True)
        kept = [one for one in made if isinstance(one, int)]
        assert len(kept) == 3, kind
        assert all(isinstance(one, (int, OverBudget)) for one in made)
        for reservation in kept:
            await desk.budgets.release(reservation)


async def test_what_a_crash_left_set_aside_is_charged_to_everybody_it_counts_for(desk: Desk) -> None:
    await desk.budgets.reserve(await desk.call(0.7, task_id="t1"))
    assert await desk.budgets.charge_unsettled() == 1
    assert sorted(await desk.rows("SELECT budget, cost FROM spent_of")) == [
        ("channel slack/T1/C1/", 700_000),
        ("person slack:T1/U1", 700_000),
        ("task t1", 700_000),
    ]


async def test_what_was_spent_before_there_was_a_limit_counts(desk: Desk) -> None:
    await desk.spend(1.5)
    desk.limited(budgets={"person": {"budget_usd_per_month": 1.0}})
    assert "this month" in await desk.refusal(0.01)


async def test_an_owners_limit_of_a_channels_day_stands_above_the_configurations(desk: Desk) -> None:
    desk.limited(budgets={"channel": {"budget_usd_per_day": 9.0, "budget_usd_per_month": 3.0}})
    await desk.db.write(lambda c: rules.put(c, GENERAL, ChannelRules(budget_usd_per_day=1.0)))
    assert "today ($1.00)" in await desk.refusal(1.1)
    assert "this month ($3.00)" in await desk.refusal(3.1, place=RANDOM)
    await desk.spend(0.9)
    left = await desk.standing()
    assert left["channel slack/T1/C1/", "day"] == pytest.approx(0.1)
    assert left["channel slack/T1/C1/", "month"] == pytest.approx(2.1)


async def test_the_person_is_told_once_an_hour_and_the_owner_is_asked_for_whom(desk: Desk) -> None:
    desk.limited(
        budgets={"person": {"budget_usd_per_day": 1.0}},
        access={"owners": ["slack:U9"]},
        agents={"default": {}},
    )
    await desk.db.write(
        lambda c: c.execute(
            "INSERT INTO users (channel_type, workspace_id, user_id, name, seen_at)"
            " VALUES ('slack', 'T1', 'U1', '*Ana* <@U9>', 1)"
        )
    )
    for place in (GENERAL, RANDOM, GENERAL):
        assert "an owner has been asked" in await desk.refusal(1.5, place=place)
    told = "SELECT private_to, text FROM notices WHERE about LIKE '{}%'"
    [(_, line)] = await desk.rows(told.format("over-budget"))
    assert line == (
        "⚠️ I cannot go on: the budget of Ana U9 for today ($1.00) does not allow another request;"
        " an owner has been asked for more."
    )
    [(owner, question)] = await desk.rows(told.format("request"))
    assert owner == "U9"
    assert question.startswith("The budget of Ana U9 for today ($1.00) is used up")
    desk.now += 3_600_000
    await desk.refusal(1.5)
    assert len(await desk.rows(told.format("over-budget"))) == 2
    assert len(await desk.rows(told.format("request"))) == 1


async def test_what_an_owner_allows_more_counts_for_that_one_and_that_period(desk: Desk) -> None:
    desk.limited(budgets={"task": {"budget_usd_per_day": 1.0}})
    await desk.db.write(lambda c: c.execute("INSERT INTO raises VALUES ('task t1', 20260921, 2000000)"))
    await desk.spend(2.9, task_id="t1")
    assert "($3.00)" in await desk.refusal(0.2, task_id="t1")
    assert "($1.00)" in await desk.refusal(1.2, task_id="t2")
    desk.now += DAY
    assert "($1.00)" in await desk.refusal(1.2, task_id="t1")


async def test_least_left_is_told_by_kind_and_names_nobody(desk: Desk) -> None:
    day = day_of(desk.now, zone_of("", "UTC"))
    each = {"budget_usd_per_day": 4.0}
    desk.limited(
        model={"budget_usd_per_day": 10.0}, budgets={"person": each, "task": {"budget_usd_per_day": 0}}
    )
    await desk.spend(1.0)
    await desk.spend(3.0, user_id=BEN)
    found = await desk.db.read(lambda c: limits.standings(c, desk.config, day))
    assert limits.least_left(found) == {("all", "day"): 0.6, ("person", "day"): 0.25}
    desk.limited(budgets={"task": {"budget_usd_per_day": 0}})
    assert await desk.standing() == {}  # no task spent anything, and nothing else has a limit


async def test_a_viewer_hears_what_is_left_to_them_and_in_their_channel(desk: Desk) -> None:
    desk.limited(budgets={"person": {"budget_usd_per_day": 4.0}, "channel": {"budget_usd_per_month": 50.0}})
    await desk.spend(1.25)
    viewer = Viewer(Author(ANA), GENERAL, "public")
    day = day_of(desk.now, zone_of("", "UTC"))
    found = await desk.db.read(lambda c: list(limits.of_viewer(c, desk.config, viewer.address, ANA, day)))
    assert [(words, one.used, one.limit.most) for words, one in found] == [
        ("You, today", 1_250_000, 4 * MICRO),
        ("This channel, this month", 1_250_000, 50 * MICRO),
    ]


async def test_who_is_forgotten_leaves_no_budget_behind(desk: Desk) -> None:
    desk.limited(budgets={"person": {"budget_usd_per_day": 1.0}}, access={"owners": ["slack:U9"]})
    await desk.spend(0.9)
    await desk.refusal(0.5)
    raised = "INSERT INTO raises VALUES (?, 20260921, 1)"
    of = [("person slack:U1",), ("person slack:T1/U1",), ("person slack:T1/U11",)]
    await desk.db.write(lambda c: c.executemany(raised, of))
    await desk.db.write(lambda c: forgetting.erase(c, Person("slack", ANA, "T1"), "mark"))
    assert await desk.rows("SELECT budget FROM spent_of") == [("channel slack/T1/C1/",)]
    assert await desk.rows("SELECT budget FROM raises") == [("person slack:T1/U11",)]
    assert await desk.rows("SELECT id FROM requests") == []


async def test_a_person_is_counted_for_in_their_own_workspace_and_told_of_nobody_elses(desk: Desk) -> None:
    """In another the same id is somebody else's; the configuration may name them with their workspace, or wherever they are."""
    there = GENERAL._replace(workspace_id="T2")
    desk.limited(
        budgets={
            "people": {"slack:U1": {"budget_usd_per_day": 1.0}, "slack:T2/U1": {"budget_usd_per_day": 3.0}},
        },
        access={"owners": ["slack:U9"]},
    )
    await desk.spend(0.9)
    assert "for today" in await desk.refusal(0.5)
    await desk.spend(2.5, place=there)
    assert "for today" in await desk.refusal(1.0, place=there)
    day = day_of(desk.now, zone_of("", "UTC"))

    def both(connection: Statements) -> list[tuple[int, int]]:
        found = [list(limits.of_viewer(connection, desk.config, at, ANA, day)) for at in (GENERAL, there)]
        return [(one.used, one.limit.most) for [(_, one)] in found]

    assert await desk.db.read(both) == [(900_000, MICRO), (2_500_000, 3 * MICRO)]
    told = await desk.rows("SELECT workspace_id FROM notices WHERE about GLOB 'over-budget:*' ORDER BY 1")
    assert told == [("T1",), ("T2",)], "each hears of their own, in the same hour"


def test_the_sums_of_earlier_versions_are_made_of_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "host.db"
    monkeypatch.setattr(registry_db, "VERSION", 10)
    old = open_host_db(path)
    upsert(old, "default", GENERAL, "scope", NOON)
    upsert(old, "default", GENERAL._replace(thread_id="2"), "scope", NOON)
    one, two = session_id("default", GENERAL), session_id("default", GENERAL._replace(thread_id="2"))
    known = "INSERT INTO users (channel_type, workspace_id, user_id, seen_at) VALUES ('slack', ?, ?, ?)"
    old.executemany(known, [("T0", ANA, 1), ("T1", ANA, 2)])
    usage = "INSERT INTO usage VALUES (?, ?, 'default', ?, ?, 'm', 20260921, 1, 0, 0, 0, 0, 0, ?, 0)"
    made = [(1, one, ANA, "", 5), (2, two, ANA, "t1", 7), (3, "gone", BEN, "", 9), (4, one, "U7", "", 2)]
    old.executemany(usage, made)
    spent = "INSERT INTO spent_by_session VALUES (?, 20260921, 'default', 'scope', 'slack', 'T1', 'C1', ?, 0)"
    old.executemany(spent, [(one, 5), (two, 7)])
    old.close()
    monkeypatch.undo()

    found: apsw.Connection = open_host_db(path)
    rows = found.execute("SELECT budget, day, cost FROM spent_of ORDER BY budget").fetchall()
    found.close()
    assert rows == [
        ("channel slack/T1/C1/", 20260921, 12),
        ("person slack:T1/U1", 20260921, 12),
        ("person slack:U7", 20260921, 2),
        ("task t1", 20260921, 7),
    ]


async def test_a_call_of_nobody_in_a_session_that_is_gone_counts_for_its_agent_alone(desk: Desk) -> None:
    desk.limited(budgets={kind: {"budget_usd_per_day": 0} for kind in ("channel", "person", "task")})
    call = replace(await desk.call(1.0), session_id="gone", user_id="", task_id="")
    await desk.budgets.settle(await desk.budgets.reserve(call), Usage(), 5, estimated=False)
    assert await desk.rows("SELECT * FROM spent_of") == []
    assert await desk.rows("SELECT agent, cost FROM spent") == [("default", 5)]
