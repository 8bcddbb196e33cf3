"""Texts that are slow to show: whoever writes them waits, and nobody beside them."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from host.app import Host
from host.delivery import collect, drawing, pace, service
from host.delivery.collect import Collector
from host.delivery.drawing import Drawing, Large
from host.delivery.pace import Pace
from host.delivery.portion import Collected
from host.governance.masking import Masks
from host.live import progress
from host.runners.launch.fake import FakeLauncher
from sessiondb import content
from sessiondb.signals import Progress
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.attacked import neighbour_is_served, two_sessions
from tests.support.attacks import Target, database, insert
from tests.support.hosting import config, serving
from tests.support.redteam import Seat, attack, walled

pytestmark = attack(Seat.CONTAINER, 15)

SLOW = "*a_b*c_" * 20  # short enough to be rendered on the spot
NO_WALL = 1_000_000


class SlowBot(MemoryBot):
    """Rendering such a text takes `each` s of a core, by a clock of its own."""

    def __init__(self, each: float) -> None:
        super().__init__()
        self.each = each
        self.used = 0.0

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        if getattr(operation, "text", "") == SLOW:
            self.used += self.each
        return super().render(operation, plain=plain, mentions=mentions)


def slow_texts(target: Target, count: int) -> None:
    with database(target) as connection, connection:
        for number in range(count):
            text = content.encode(content.Text(SLOW))
            insert(connection, target, 2 * number + 1, f"slow-{number}", content=text)


def visits(bot: SlowBot, monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], asyncio.Event]:
    """How long each visit to a session's files renders that has something to render; the event comes after the first."""
    taken: list[float] = []
    seen, loop = asyncio.Event(), asyncio.get_running_loop()
    original = Collector.collect

    def collected(self: Collector, *given: Any) -> Collected:
        began = bot.used
        done = original(self, *given)
        if bot.used > began:
            taken.append(bot.used - began)
            loop.call_soon_threadsafe(seen.set)
        return done

    monkeypatch.setattr(Collector, "collect", collected)
    monkeypatch.setattr(collect, "time", SimpleNamespace(thread_time=lambda: bot.used))
    return taken, seen


@walled
async def test_short_texts_that_are_slow_to_show_keep_a_thread_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """A page of them: all threads that serve sessions, and the interpreter, would be busy for the better part of a minute."""
    bot, launcher = SlowBot(0.03), FakeLauncher()
    if not standing:
        monkeypatch.setattr(collect, "ON_THE_SPOT", NO_WALL)
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot, launcher) as (_, _):
        target = await two_sessions(bot, launcher)
        taken, seen = visits(bot, monkeypatch)
        slow_texts(target, 100)
        async with asyncio.timeout(TIMEOUT):
            await seen.wait()
        await neighbour_is_served(bot, target)

    assert (max(taken) < 0.2) is standing  # a tenth, and one text


@walled
async def test_what_short_texts_take_to_show_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    bot, launcher = SlowBot(1_000.0), FakeLauncher()
    if not standing:
        monkeypatch.setattr(service, "of_a_visit", lambda _: 0)
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), bot, launcher) as (host, _):
        target = await two_sessions(bot, launcher)
        visits(bot, monkeypatch)
        slow_texts(target, 2)
        await bot.until(lambda: SLOW in bot.said("bad"))
        await neighbour_is_served(bot, target)
        assert (waits(host, target) > 0) is standing


def waits(host: Host, target: Target) -> float:
    return host.house.deliveries.pace.wait(target.folder.root.name)


def large(text: str, how: str) -> Large:
    bot = MemoryBot()
    bot.capabilities = replace(bot.capabilities, drawn_by=f"tests.support.rendering:{how}")
    return Large("row", bot, content.Text(text), ())


@walled
async def test_who_owes_more_than_is_waited_for_has_its_long_texts_shown_without_their_marks(
    monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """Nothing else would end it: it is waited with for a moment at a time, and renders for longer than that."""
    monkeypatch.setattr(pace, "LONGEST", 0.01)
    of = Pace(time.monotonic)
    of.read("hostile", 10**12)
    if not standing:
        monkeypatch.setattr(of, "wait", lambda _: 0.0)
    drawing_ = Drawing(of, processes=1, deadline=TIMEOUT)
    try:
        shown = {
            who: await drawing_.draw(large("long " * 2_000, "render_as_asked"), who)
            for who in ("hostile", "honest")
        }
    finally:
        await drawing_.close()

    assert shown["honest"].chunks == [{"text": "marked"}]
    assert (shown["hostile"].chunks == [{"text": "plain"}]) is standing


@walled
async def test_a_long_answer_waits_behind_no_longer_ones_of_many_others(
    monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(drawing, "GIVES_WAY", 10**15)
    drawing_ = Drawing(Pace(time.monotonic), processes=1, deadline=TIMEOUT)
    order: list[str] = []

    async def shown(who: str, length: int) -> None:
        await drawing_.draw(large("x" * length, "render_as_asked"), who)
        order.append(who)

    try:
        async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(shown(f"hostile-{number}", 190_000))
            group.create_task(shown("honest", 5_000))
    finally:
        await drawing_.close()

    assert (order.index("honest") == 1) is standing
    assert (order.index("honest") == 8) is not standing


async def shown_so_far(host: Host, target: Target, text: str) -> None:
    """The attacker's runner writes what is to be seen of its turn, and the host looks."""
    [session] = await host.house.scheduler.sessions([target.folder.root.name])
    life = await host.house.records.mailboxes.use(session, lambda writer: writer.value("incarnation"))
    Progress(life, target.message_id, "", text).write(target.folder.progress)
    await host.house.board._look(session)


@walled
async def test_what_is_shown_of_a_turn_is_searched_for_secrets_beside_those_who_serve_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """A quarter of a megabyte of marks took the loop of all 0.3 s, each time the file changed."""
    searched: list[threading.Thread] = []
    real = Masks.so_far

    def noted(self: Masks, agent: str, text: str) -> Any:
        searched.append(threading.current_thread())
        return real(self, agent, text)

    async def at_once(function: Callable[..., Any], *given: Any) -> Any:
        return function(*given)

    monkeypatch.setattr(Masks, "so_far", noted)
    launcher = FakeLauncher()
    async with serving(config(tmp_path), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        if not standing:
            monkeypatch.setattr("asyncio.to_thread", at_once)
        await shown_so_far(host, target, "*" * 1_000)

    assert bot.shown
    assert (threading.main_thread() not in searched) is standing


@walled
async def test_a_session_whose_progress_is_slow_to_search_is_looked_at_when_it_has_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    searches = itertools.count()  # two looks at this clock a search, which takes a second
    monkeypatch.setattr(progress, "time", SimpleNamespace(thread_time=lambda: float(next(searches))))
    launcher = FakeLauncher()
    async with serving(config(tmp_path), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        if not standing:
            monkeypatch.setattr(pace, "AT_ONCE", 10**12)
        bot.shown.clear()
        for number in range(5):
            await shown_so_far(host, target, f"{number} {'*' * 1_000}")
        await neighbour_is_served(bot, target)

    assert (len(bot.shown) < 5) is standing
