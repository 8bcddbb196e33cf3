"""Tasks without an agent: buttons and the command line on a running host, and what the configuration declares."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from host.config import Config
from host.ports.controls import Forbidden, TaskOrder
from host.ports.events import Author, Privacy, Viewer
from host.registry import sessions
from host.registry.port import Statements
from host.registry.sessions import session_id
from host.schedule import desk
from sessiondb import Address
from tests.support.browsing import WEB, browsing
from tests.support.hosting import config, serving
from tests.support.tasking import BERLIN, ask, call, in_thread, posts, settings, task_id

BOB = Author("U2", "Bob", zone="America/New_York")


def viewer(author: Author, channel: str, privacy: Privacy = "public") -> Viewer:
    return Viewer(author, Address("memory", "w", channel), privacy)


async def test_people_see_tasks_in_their_own_zone_and_may_order_what_is_theirs(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (host, bot):
        asked = call("schedule_task", title="News", prompt="news", cron="0 9 * * *", destination="channel")
        id_ = task_id(await ask(bot, "C1", asked, **in_thread("C1", "t1")))
        ada, bob = viewer(BERLIN, "C1"), viewer(BOB, "C1")
        [view] = await host.controls.tasks(ada)
        assert (view.id, view.title, view.address) == (id_, "News", Address("memory", "w", "C1"))
        assert "09:00 Europe/Berlin" in view.next_words
        assert [len(view.then_at), view.then_words.count(", 09:00"), view.then_words.count("Berlin")] == [
            4,
            4,
            0,
        ]
        assert view.next_at < view.then_at[0] < view.then_at[3]
        [his] = await host.controls.tasks(bob)
        assert "America/New_York" in his.next_words
        assert his.orders == (TaskOrder.PAUSE,)
        with pytest.raises(Forbidden, match="Only whoever asked"):
            await host.controls.order(bob, id_, TaskOrder.CANCEL)
        assert "Paused" in await host.controls.order(bob, id_, TaskOrder.PAUSE)
        assert "Resumed" in await host.controls.order(ada, id_, TaskOrder.RESUME)
        await host.controls.order(ada, id_, TaskOrder.RUN)
        await bot.until(lambda: posts(bot, "C1") == ["news"])
        assert "Cancelled" in await host.controls.order(ada, id_, TaskOrder.CANCEL)
        assert not await host.controls.tasks(ada)
        with pytest.raises(Forbidden, match="no such task"):
            await host.controls.order(ada, id_, TaskOrder.RUN)


async def test_a_task_of_direct_messages_is_nobody_elses_to_see(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (host, bot):
        id_ = task_id(await ask(bot, "D1", call("schedule_task", title="Mine", prompt="p", cron="0 9 * * *")))
        assert [view.id for view in await host.controls.tasks(viewer(BERLIN, "D1", "dm"))] == [id_]
        assert not await host.controls.tasks(viewer(BOB, "C1"))
        with pytest.raises(Forbidden, match="no such task"):
            await host.controls.order(viewer(BOB, "C1"), id_, TaskOrder.PAUSE)


async def test_a_thousand_tasks_are_listed_without_a_look_into_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the last looks copied them; a file is opened for what is changing, and one that cannot be read costs itself."""
    places = [
        Address("memory", "w", f"c{number}") for number in range(999)
    ]  # with the one below as many as are shown

    def job(connection: Statements) -> None:
        for number, place in enumerate(places):
            id_ = sessions.upsert(connection, "default", place, "x", 1)
            row = [f"t{number}", f"Task {number}", "p", "0 9 * * *", "", "UTC", "", "run_once", "[]", "active", 2**41 + number,
                   0, 0, "", "U1", "agent", id_, *place, 1, 1]  # fmt: skip
            connection.execute(
                "INSERT INTO due VALUES (?, ?, ?, ?)", (f"t{number}", id_, id_, 2**41 + number)
            )
            copy = json.dumps(row) if number != 7 else "{"
            connection.execute("INSERT INTO task_copies VALUES (?, ?, ?)", (f"t{number}", id_, copy))

    public = {"public_url": "https://dovecote.example.com"}
    made = config(tmp_path, access={"owners": ["memory:U9"]}, web={**WEB, **public})
    async with serving(made) as (host, bot), browsing(host, tmp_path) as browser:
        id_ = task_id(await ask(bot, "C1", call("schedule_task", title="Mine", prompt="p", cron="0 9 * * *")))
        await host.house.records.db.write(job)
        listed = await host.controls.tasks(viewer(Author("U9"), "nowhere"))
        assert listed[0].id == id_
        assert [view.title for view in listed[1:]] == [f"Task {n}" for n in range(999) if n != 7][
            : len(listed) - 1
        ]
        assert len(listed) >= 997
        unread = [session_id("default", place) for place in places]
        assert not any((tmp_path / "sessions" / id_).exists() for id_ in unread)
        assert "Paused" in await host.controls.order(viewer(Author("U9"), "nowhere"), id_, TaskOrder.PAUSE)
        [mine] = [
            view for view in await host.controls.tasks(viewer(Author("U9"), "nowhere")) if view.id == id_
        ]
        assert mine.paused  # what was ordered a moment ago is seen, whatever the copy says

        monkeypatch.setattr(desk, "MOST_TASKS", 300)  # as with more of them
        owner = viewer(Author("U9"), "c950")
        listed = await host.controls.tasks(owner)
        assert listed[0].title == "Task 950", "those of the place come first, however late they are due"
        assert (len(listed) + listed.left, listed.left) == (999, 700)
        assert listed.rest(15) == "and 984 more: https://dovecote.example.com/tasks lists them all"
        shown: list[str] = []
        path = "/tasks"
        while path:
            page = await browser.get(path)
            assert "999 tasks" in page.shown or "1000 tasks" in page.shown  # one of which cannot be read
            shown += [part.partition('"')[0] for part in page.text.split('<p><a href="/tasks/')[1:]]
            on = page.text.partition('rel="next"')[0].rpartition('<a href="')[2].partition('"')[0]
            path = f"/tasks{unescape(on)}" if 'rel="next"' in page.text else ""
        assert len(shown) == len(set(shown))
        assert set(shown) == {id_, *(f"t{n}" for n in range(999) if n != 7)}


def declared(data: Path, *tasks: dict[str, Any]) -> Config:
    place = {"platform": "memory", "workspace": "w", "channel": "C1"}
    return config(
        data, tasks=[{"prompt": "p", "to": place, **task} for task in tasks], access={"owners": ["memory:U1"]}
    )


async def test_what_the_file_declares_is_there_and_what_it_no_longer_declares_is_gone(tmp_path: Path) -> None:
    owner = viewer(BERLIN, "C1")
    nine, ten = {"name": "nine", "cron": "0 9 * * *"}, {"name": "ten", "cron": "0 10 * * *"}
    async with serving(declared(tmp_path, nine, ten)) as (host, _):
        found = await host.controls.tasks(owner)
        assert len(found) == 2
        assert all(TaskOrder.CANCEL not in view.orders for view in found)
        with pytest.raises(Forbidden, match="configuration file"):
            await host.controls.order(owner, found[0].id, TaskOrder.CANCEL)
        await host.controls.order(owner, found[0].id, TaskOrder.PAUSE)
        paused = found[0].title
    half_past = {"name": paused, "cron": "30 9 * * *"}
    async with serving(declared(tmp_path, half_past)) as (host, _):
        [left] = await host.controls.tasks(owner)
        assert left.paused  # a person's pause outlives a change of the file
        assert left.when.startswith("at 09:30")
