"""A lane: what it commits, in which commits, and what an end leaves."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from host.delivery import lanes, room
from host.delivery.lanes import Lane
from host.mailbox.rows import Parcel
from host.ports.bot import Bots, Delivery, DeliveryError, Offline, Receipt, Rejected, Unknown, Unsent
from sessiondb import Address, Unavailable
from tests.fakes.platform import TIMEOUT, MemoryBot

PLACE = Address("memory", "w", "c")
NOW = 10_000
PAYLOAD = '{"chunk": {"text": "%s"}, "target": "", "answers": "", "files": "", "plain": %s}'


def parcel(number: int, state: str = "pending", due: int = 0, plain: str = "null") -> Parcel:
    text = PAYLOAD % (number, plain)
    return Parcel(f"o{number}", 0, number, f"k{number}", state, PLACE, text, next_attempt_at=due)


class Book:
    """A ledger that keeps its commits; `failing` of them fail first."""

    agent = "poet"
    files = "/here/files"

    def __init__(self) -> None:
        self.commits: list[list[tuple[str, str]]] = []
        self.failing = 0
        self.unreadable = False
        self.leading = True
        self.standing = True  # whether the answer stands that takes the place of another
        self.waits: list[int] = []  # until when something that people wait for was put off, ms
        self._changed = asyncio.Event()
        self.before_commit: Callable[[Sequence[Parcel]], Awaitable[None]] | None = None

    async def put(self, parcels: Sequence[Parcel]) -> None:
        if self.before_commit is not None:
            await self.before_commit(parcels)
        if self.failing:
            self.failing -= 1
            raise Unavailable(Path("host.db"), "busy")
        self.commits.append([(p.key, p.state) for p in parcels])
        self._changed.set()

    async def until(self, commits: int) -> None:
        async with asyncio.timeout(TIMEOUT):
            while len(self.commits) < commits:
                self._changed.clear()
                await self._changed.wait()

    async def target(self, message_id: str) -> str | None:
        return None

    async def asking(self, key: str, parcel: Parcel) -> None: ...

    async def bill(self, parcel: Parcel) -> str:
        if self.unreadable:
            raise Unavailable(Path("host.db"), "busy")
        return f"Took {parcel.seq} s"

    async def stands(self, parcel: Parcel, count: int) -> bool:
        return self.standing

    async def put_off(self, parcel: Parcel) -> None:
        self.waits.append(parcel.next_attempt_at)

    def leads(self) -> bool:
        return self.leading


class Bench:
    def __init__(self) -> None:
        self.bot, self.book = MemoryBot(), Book()
        self.idle = asyncio.Event()
        self.now = NOW
        bots = Bots({"memory": self.bot})
        chance = random.Random(1)
        self.lane = Lane(PLACE, self.book, bots, lambda: self.now, lambda _: self.idle.set(), chance)

    async def carried(self, *parcels: Parcel, **how: Any) -> list[list[tuple[str, str]]]:
        self.lane.add(parcels, **how)
        async with asyncio.timeout(TIMEOUT):
            await self.idle.wait()
        return self.book.commits


async def test_a_receipt_and_the_next_intent_are_one_commit() -> None:
    bench = Bench()
    assert await bench.carried(parcel(1), parcel(3), parcel(5)) == [
        [("k1", "sending")],
        [("k1", "sent"), ("k3", "sending")],
        [("k3", "sent"), ("k5", "sending")],
        [("k5", "sent")],
    ]
    assert bench.bot.said("c") == ["1", "3", "5"]


async def test_an_intent_that_came_with_the_reading_of_its_row_costs_no_commit() -> None:
    bench = Bench()
    assert await bench.carried(parcel(1, "sending"), parcel(3), intended=True) == [
        [("k1", "sent"), ("k3", "sending")],
        [("k3", "sent")],
    ]


async def test_what_is_not_due_is_not_intended() -> None:
    bench = Bench()
    assert await bench.carried(parcel(1), parcel(3, due=NOW + 5)) == [
        [("k1", "sending")],
        [("k1", "sent")],
        [("k3", "sending")],
        [("k3", "sent")],
    ]


async def test_what_is_held_back_waits_for_its_time_whoever_comes_online(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "LONGEST_SLEEP", 0.01)
    bench = Bench()
    bench.lane.add([parcel(1, due=NOW + 3_600_000)])
    for _ in range(5):
        bench.lane.nudge()
        await asyncio.sleep(0)
    assert bench.book.commits == []
    bench.now += 3_600_000  # the machine slept: the wall's clock says so, and the loop's does not
    async with asyncio.timeout(TIMEOUT):
        await bench.idle.wait()
    assert bench.bot.said("c") == ["1"]


async def test_what_is_tried_again_is_cut_short_by_a_bot_that_comes_online() -> None:
    bench = Bench()
    bench.bot.failures["c"].append(Unsent("429", 3_600.0))
    bench.lane.add([parcel(1)])
    await bench.book.until(2)
    while not bench.idle.is_set():
        bench.lane.nudge()
        await asyncio.sleep(0)
    assert bench.bot.said("c") == ["1"]


async def test_a_clock_that_is_set_while_a_wait_is_stored_changes_nothing_of_it() -> None:
    """It was computed by the clock as it was: set back by a day in that very commit, it lasted a day."""
    bench = Bench()
    bench.bot.failures["c"].append(Unsent("429", 0.01))

    async def set_back(parcels: Sequence[Parcel]) -> None:
        bench.now -= 86_400_000

    bench.book.before_commit = set_back
    await bench.carried(parcel(1))
    assert bench.bot.said("c") == ["1"]


async def test_a_clock_that_is_set_back_while_what_is_held_back_stands_in_line_makes_it_wait_no_longer() -> (
    None
):
    """Its turn came after the clock was set: it waited for a day, and with it all that was said after it."""
    bench = Bench()

    async def set_back(parcels: Sequence[Parcel]) -> None:
        bench.now -= 86_400_000
        bench.book.before_commit = None

    bench.book.before_commit = set_back
    await bench.carried(parcel(1), replace(parcel(3), next_attempt_at=bench.now + 10), parcel(5))
    assert bench.bot.said("c") == ["1", "3", "5"]


class Deaf(MemoryBot):
    """Its look-ups hang."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = asyncio.Event()

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        self.looks.set()
        await asyncio.Event().wait()
        return None


async def test_what_was_intended_before_its_node_was_stopped_is_not_sent_after_it() -> None:
    """Another serves by now, and has looked it up."""
    bench = Bench()

    async def stopped(parcels: Sequence[Parcel]) -> None:
        bench.book.leading = False

    bench.book.before_commit = stopped
    bench.lane.add([parcel(1)])
    await bench.book.until(2)
    await bench.lane.stop(0.0)
    assert bench.book.commits == [[("k1", "sending")], [("k1", "pending")]]
    assert bench.bot.said("c") == []


async def test_a_look_up_that_hangs_holds_up_no_stop_and_is_left_to_the_next_start() -> None:
    bench, deaf = Bench(), Deaf()
    bots = Bots({"memory": deaf})
    lane = Lane(PLACE, bench.book, bots, lambda: bench.now, lambda _: bench.idle.set(), random.Random(1))
    lane.add([parcel(1, "unknown"), parcel(3)])
    async with asyncio.timeout(TIMEOUT):
        await deaf.looks.wait()
        await lane.stop(3_600.0)
    assert bench.book.commits == [], "nothing is known of it yet, so it is looked up again"
    assert not deaf.sent


async def test_a_lane_that_waits_for_hours_stops_at_once() -> None:
    bench = Bench()
    bench.lane.add([parcel(1, due=NOW + 3_600_000)])
    await asyncio.sleep(0)
    async with asyncio.timeout(TIMEOUT):
        await bench.lane.stop(3_600.0)  # a grace that a send under way would get
    assert bench.book.commits == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unsent("429"), "unsent"),
        (Rejected("no"), "rejected"),
        (Offline("gone"), "offline"),
        (Unknown("?"), "unknown"),
    ],
)
async def test_an_attempt_that_fails_is_counted_by_its_kind(error: DeliveryError, kind: str) -> None:
    def counted() -> float:
        labels = {"platform": "memory", "kind": kind}
        return REGISTRY.get_sample_value("dovecote_delivery_failures_total", labels) or 0.0

    bench, before = Bench(), counted()
    bench.bot.failures["c"].append(error)
    bench.lane.add([parcel(1)])
    await bench.book.until(2)
    await bench.lane.stop(0)
    assert counted() == before + 1


async def test_what_an_earlier_life_may_have_sent_is_looked_up_and_never_intended_anew() -> None:
    bench = Bench()
    bench.bot.capabilities = bench.bot.capabilities.__class__(lookup=True, flight=0.0)
    bench.lane.add([parcel(1), parcel(3, "sending")])
    await bench.book.until(3)
    assert bench.book.commits == [[("k1", "sending")], [("k1", "sent")], [("k3", "unknown")]]
    await bench.lane.stop(0)


async def test_what_is_refused_for_good_lets_the_next_one_be_intended() -> None:
    bench = Bench()
    bench.bot.failures["c"].append(Rejected("no"))
    assert (await bench.carried(parcel(1), parcel(3)))[1] == [("k1", "failed"), ("k3", "sending")]
    assert bench.bot.said("c") == ["3"]


async def test_a_chunk_that_breaks_us_is_given_up_and_holds_up_nothing_behind_it() -> None:
    bench = Bench()
    odd = replace(parcel(1), payload='{"chunk"')
    assert await bench.carried(odd, parcel(3)) == [
        [("k1", "sending")],
        [("k1", "failed")],
        [("k3", "sending")],
        [("k3", "sent")],
    ]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, []), (5.0, []), (19.9, []), (20.0, [NOW + 20_000]), (300.0, [NOW + 300_000])]
)
async def test_a_wait_that_the_platform_asks_for_is_told_when_it_is_long_and_only_then(
    seconds: float, told: list[int]
) -> None:
    bench = Bench()
    bench.bot.failures["c"].append(Unsent("429", seconds))
    bench.lane.add([parcel(1)])
    await bench.book.until(2)
    await bench.lane.stop(0)
    assert bench.book.commits[1] == [("k1", "pending")]
    assert bench.book.waits == told


async def test_what_goes_again_as_plain_text_lets_nothing_pass() -> None:
    bench = Bench()
    bench.bot.failures["c"].append(Rejected("no", plain_may_work=True))
    commits = await bench.carried(parcel(1, plain='{"text": "plain"}'), parcel(3))
    assert commits[:3] == [[("k1", "sending")], [("k1", "pending")], [("k1", "sending")]]
    assert bench.bot.said("c") == ["plain", "3"]


async def test_an_end_leaves_what_was_not_begun_as_unsent() -> None:
    bench = Bench()
    bench.bot.gates["c"] = asyncio.Event()
    reached = asyncio.Event()
    bench.bot.on_send = lambda _: reached.set()
    bench.lane.add([parcel(1), parcel(3)])
    await bench.book.until(1)
    stopping = asyncio.create_task(bench.lane.stop(TIMEOUT))
    await asyncio.sleep(0)
    bench.bot.gates["c"].set()
    async with asyncio.timeout(TIMEOUT):
        await stopping
    assert reached.is_set()
    assert bench.book.commits == [[("k1", "sending")], [("k1", "sent")]]
    assert not bench.idle.is_set()


async def test_a_commit_that_fails_is_tried_until_it_is_durable_and_nothing_is_sent_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("host.delivery.lanes.LEDGER_PAUSE", 0.0)
    bench = Bench()
    bench.book.failing = 3
    seen: list[int] = []

    async def note(_: Sequence[Parcel]) -> None:
        seen.append(len(bench.bot.sent))

    bench.book.before_commit = note
    await bench.carried(parcel(1), parcel(3))
    assert seen == [0, 0, 0, 0, 1, 2]


@pytest.mark.parametrize("readable", [True, False])
async def test_the_end_of_an_answer_says_what_it_took_and_goes_without_that_rather_than_not_at_all(
    *, readable: bool
) -> None:
    bench = Bench()
    bench.book.unreadable = not readable
    ends = [replace(one, payload=one.payload[:-1] + ', "closes": true}') for one in (parcel(3), parcel(5))]
    await bench.carried(parcel(1), *ends)
    bills = [(delivery.key, delivery.bill) for delivery in bench.bot.sent]
    assert bills[:2] == [("k1", ""), ("k3", "Took 3 s" if readable else "")]


async def test_a_lane_weighs_what_it_has_and_nothing_once_it_is_sent() -> None:
    bench = Bench()
    first, second = parcel(1), parcel(3)
    bench.bot.failures["c"].append(Unsent("429", 300))
    bench.lane.add([first, second])
    assert bench.lane.weight == room.weight(first) + room.weight(second)
    await bench.book.until(2)  # the first one failed for now: it is as heavy as it was
    await bench.lane.stop(0)
    assert bench.lane.weight == room.weight(first) + room.weight(second)
    assert bench.lane.length == 2


async def test_nothing_is_left_of_the_weight_of_what_went_another_way() -> None:
    bench = Bench()
    bench.bot.failures["c"] += [Rejected("no"), Rejected("no", plain_may_work=True)]
    await bench.carried(parcel(1), parcel(3, plain='{"text": "plain"}'), parcel(5))
    assert bench.lane.weight == 0


# ── an answer that gives way ─────────────────────────────────────────────────────────────────────────────


def removal(number: int, state: str = "pending") -> Parcel:
    kept = json.dumps({"removes": f"p-old{number}", "after": 1})
    return Parcel("o1", number, 1, f"r{number}", state, PLACE, kept)


async def test_an_old_answer_goes_after_the_new_one_with_intents_and_receipts() -> None:
    bench = Bench()
    assert await bench.carried(parcel(1), removal(1), removal(2)) == [
        [("k1", "sending")],
        [("k1", "sent"), ("r1", "sending")],
        [("r1", "sent"), ("r2", "sending")],
        [("r2", "sent")],
    ]
    assert bench.bot.said("c") == ["1"]
    assert bench.bot.removed == ["p-old1", "p-old2"]


async def test_an_old_answer_stays_where_the_new_one_does_not_stand() -> None:
    bench = Bench()
    bench.book.standing = False
    [*_, last] = await bench.carried(removal(1))
    assert last == [("r1", "failed")]
    assert bench.bot.removed == []


@pytest.mark.parametrize("state", ["sending", "unknown"])
async def test_a_removal_that_a_death_interrupted_is_made_again_without_a_look(state: str) -> None:
    """However often it is made, the message is gone."""
    bench = Bench()
    bench.bot.capabilities = bench.bot.capabilities.__class__(lookup=True, flight=0.0)
    commits = await bench.carried(removal(1, state))
    assert commits[-1] == [("r1", "sent")]
    assert bench.bot.removed == ["p-old1"]
    assert bench.bot.sent == []


async def test_a_removal_that_a_platform_puts_off_is_tried_again() -> None:
    bench = Bench()
    bench.bot.failures["remove c"].append(Unsent("slow down"))
    commits = await bench.carried(removal(1))
    assert commits[-1] == [("r1", "sent")]
    assert bench.bot.removed == ["p-old1"]
