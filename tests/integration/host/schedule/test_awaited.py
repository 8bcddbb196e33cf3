"""Tasks that wait for something in a channel: begun by it once, by whom may, and not by a burst or a bot."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from host.config.awaited import Awaited
from host.intake import beginning
from host.ports.controls import TaskOrder
from host.ports.events import Author, Viewer
from host.registry import awaiting
from host.registry.db import open_host_db
from host.registry.port import Statements
from sessiondb import Address
from tests.support.awaiting import BOB, reacted, until_it_waits, waiting
from tests.support.hosting import config, now_ms, serving
from tests.support.tasking import BERLIN, ask, call, in_thread, posts, settings


async def test_a_reaction_begins_it_once_however_often_it_is_told(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (host, bot):
        id_ = await waiting(host, bot, reaction=":ticket:")
        [view] = await host.controls.tasks(Viewer(BERLIN, Address("memory", "w", "C1"), "public"))
        assert view.when == "whenever somebody reacts with 🎫 in its channel"
        event = reacted("🎫")
        for _ in range(3):
            await bot.ingested(event)
        await bot.ingested(reacted("🎉", 2))
        await bot.ingested(reacted("🎫 (taken back)", 3))
        await bot.until(lambda: len(posts(bot, "C1")) == 1)
        assert "Bob (U2) reacted with 🎫 to message m1" in posts(bot, "C1")[0]
        assert "(that message cannot be read)" in posts(bot, "C1")[0]  # this platform quotes nothing
        home = Viewer(BERLIN, Address("memory", "w", "C1"), "public")
        await host.controls.order(home, id_, TaskOrder.PAUSE)
        await until_it_waits(host, id_, False)
        await bot.ingested(reacted("🎫", 4))
        await host.controls.order(home, id_, TaskOrder.RESUME)
        await until_it_waits(host, id_, True)
        await bot.ingested(dataclasses.replace(reacted("🎫", 5), at=1))  # of before it was resumed, told late
        await bot.ingested(reacted("🎫", 6))
        await bot.until(lambda: len(posts(bot, "C1")) == 2)
        assert "message m6" in posts(bot, "C1")[1]


async def test_a_file_and_words_begin_it_and_no_bot_does_and_none_who_may_not(tmp_path: Path) -> None:
    access = {"unknown": "deny", "users": ["memory:U1", "memory:U2"]}
    async with serving(config(tmp_path, access=access)) as (host, bot):
        await waiting(host, bot, file="csv", by=["U2"])
        await waiting(host, bot, words="deploy failed")
        table = bot.file("sales.csv", b"a,b")
        stranger, robot = Author("U9", "Eve"), Author("B1", "CI", is_bot=True)
        for author in (stranger, robot, BERLIN):  # Ada may not, for Bob alone is named
            await bot.say("C1", "", files=(table,), author=author, privacy="public", at=now_ms())
        for author in (stranger, robot):
            await bot.say("C1", "the deploy failed", author=author, privacy="public", at=now_ms())
        await bot.say("C1", "see", files=(table,), author=BOB, privacy="public", at=now_ms())
        await bot.say("C1", "The DEPLOY  failed.", author=BOB, privacy="public", at=now_ms())
        await bot.until(lambda: len(posts(bot, "C1")) == 2)
        words, file = sorted(posts(bot, "C1"), key=lambda text: "> see" in text)
        assert "> The DEPLOY  failed." in words
        assert "> see" in file
        assert len(list(tmp_path.glob("sessions/*/inbound/files/*/*-sales.csv"))) == 1


async def test_of_a_burst_the_first_begin_it_and_that_others_are_let_pass_is_said_once(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        id_ = await waiting(host, bot, file="*")
        burst = [
            bot.event("C1", "", files=(bot.file(f"{n}.txt", b""),), author=BOB, privacy="public", at=now_ms())
            for n in range(100)
        ]
        for event in burst:
            await bot.ingested(event)
        await bot.until(lambda: len(posts(bot, "C1")) == awaiting.MOST + 1)
        told = [text for text in posts(bot, "C1") if text.startswith("⏸️")]
        assert len(told) == 1
        assert "“Watch”" in told[0]

        def pass_by(connection: Statements) -> None:
            connection.execute("UPDATE awaited SET counted_from = 1 WHERE task_id = ?", (id_,))

        await host.house.records.db.write(pass_by)
        for event in burst:  # a history tells all of it again: what was let pass stays so
            await bot.ingested(event)
        await bot.say("C1", "", files=(bot.file("last.txt", b""),), author=BOB, privacy="public", at=now_ms())
        await bot.until(lambda: len(posts(bot, "C1")) == awaiting.MOST + 2)
        assert "90 more were let pass" in posts(bot, "C1")[-1]
        assert len(posts(bot, "C1")) == awaiting.MOST + 2


async def test_what_was_begun_and_not_stored_when_the_host_died_begins_once(tmp_path: Path) -> None:
    """The commit that decides about the event has it: whatever comes after, it runs, and told again it runs no second time."""
    async with serving(settings(tmp_path)) as (host, bot):
        await waiting(host, bot, reaction="🎫")
        event = reacted("🎫")
        config_ = host.house.service._settings.config

        def commit(connection: Statements) -> int:
            registry = host.house.records.sessions
            return len(beginning.begun(connection, config_, event, registry.one, now_ms()).runs)

        assert await host.house.records.db.write(commit) == 1  # and no more: here the host dies
    async with serving(settings(tmp_path)) as (host, bot):
        await bot.until(lambda: len(posts(bot, "C1")) == 1)
        assert "message m1" in posts(bot, "C1")[0]
        await bot.ingested(event)
        await bot.ingested(reacted("🎫", 2))
        await bot.until(lambda: len(posts(bot, "C1")) == 2)
        assert "message m2" in posts(bot, "C1")[1]


async def test_what_waits_has_no_time_that_could_be_changed_and_its_words_can_be(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (host, bot):
        id_ = await waiting(host, bot, words="deploy failed")
        for change in ({"cron": "0 9 * * *"}, {"at": "2099-01-01 10:00"}, {"punctual": True}):
            told = await ask(
                bot, "C1", call("update_task", task_id=id_, **change), **in_thread("C1", f"u{change}")
            )
            assert "there is no task" in told or "has no time" in told
        here = f"t{ {'words': 'deploy failed'} }"
        told = await ask(bot, "C1", call("update_task", task_id=id_, cron="@daily"), **in_thread("C1", here))
        assert "waits for something and has no time" in told
        told = await ask(bot, "C1", call("update_task", task_id=id_, title="Other"), **in_thread("C1", here))
        assert "“Other”: whenever somebody writes “deploy failed” in its channel" in told
        told = await ask(bot, "C1", call("list_tasks"), **in_thread("C1", here))
        assert "whenever somebody writes" in told


async def test_what_cannot_be_waited_for_is_refused_within_the_call(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (_, bot):
        for wrong, why in (
            ({"reaction": "two words"}, "not one emoji"),
            ({"file": "?"}, "not how files"),
            ({"words": "|"}, "no words to wait for"),
            ({"words": "a", "cron": "@daily"}, "give either"),
            ({"reaction": ":eyes:", "file": "*"}, "give either"),
            ({"reaction": ":eyes:", "destination": "announcements"}, "posts there and nowhere else"),
            ({"reaction": ":eyes:", "zone": "Mars"}, "not an IANA time zone"),
        ):
            wish = {"title": "W", "prompt": "p", **wrong}
            told = await ask(bot, "C1", call("schedule_task", **wish), **in_thread("C1", f"t{why}"))
            assert why in told


async def test_what_the_file_declares_waits_as_long_as_the_file_says_so(tmp_path: Path) -> None:
    to = {"platform": "memory", "workspace": "w", "channel": "C1"}
    task = {"name": "case", "prompt": "a case", "to": to, "reaction": ":ticket:", "by": ["memory:U2"]}
    for wanted, emoji in (({**task}, "🎫"), ({**task, "reaction": ":bug:"}, "🐛")):
        async with serving(config(tmp_path, tasks=[wanted])) as (host, bot):
            [id_] = await host.house.records.db.read(_file_tasks)
            await until_it_waits(host, id_, True)
            await bot.ingested(reacted(emoji, 1, BERLIN))  # Ada is not named
            await bot.ingested(reacted("🐝", 2))
            await bot.ingested(reacted(emoji, 3))
            await bot.until(lambda: len(posts(bot, "C1")) == 1)
            assert f"reacted with {emoji} to message m3" in posts(bot, "C1")[0]
    async with serving(config(tmp_path)) as (host, bot):
        await until_it_waits(host, id_, False)
        await bot.ingested(reacted("🐛", 4))
        await ask(bot, "C2", "hello")
        assert posts(bot, "C1") == []


def _file_tasks(connection: Statements) -> list[str]:
    rows = connection.execute(
        "SELECT task_id FROM due WHERE task_id >= 'file-' AND task_id < 'file.'"
    ).fetchall()
    return [str(id_) for (id_,) in rows]


async def test_who_alone_may_begin_it_and_is_forgotten_leaves_it_to_nobody(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        alone = await waiting(host, bot, reaction=":ticket:", by=["U2"])
        shared = await waiting(host, bot, reaction=":bug:", by=["U2", "U3"])
        await bot.say("C1", "hello", author=BOB, privacy="public", mentioned=True)
        told = await host.house.ordered.forgetting.ordered(json.dumps({"person": "memory:U2", "by": "ann"}))
        assert told.startswith("forgotten")
        await until_it_waits(host, alone, False)
        await until_it_waits(host, shared, True)
        await bot.ingested(reacted("🎫", 1))
        await bot.ingested(reacted("🐛", 2))  # who comes back under that id is not named any more
        await bot.ingested(reacted("🐛", 3, Author("U3", "Cy")))
        await bot.until(lambda: any("message m3" in text for text in posts(bot, "C1")))
        assert not any("message m1" in text or "message m2" in text for text in posts(bot, "C1"))


def test_runs_are_counted_within_ten_minutes_and_a_clock_that_is_set_back_begins_anew(tmp_path: Path) -> None:
    connection = open_host_db(tmp_path / "host.db")
    wish = Awaited("reaction", "🎫", Address("memory", "w", "C1"), 5, ("U2",))
    awaiting.keep(connection, "s1", [("t1", wish), ("t2", wish)])
    awaiting.keep(connection, "s2", [("t1", wish)])  # another session's task stays its own
    assert [(one.task_id, one.session_id) for one in awaiting.at(connection, wish.place)] == [
        ("t1", "s1"),
        ("t2", "s1"),
    ]
    counted = [awaiting.count(connection, "t1", 1_000 + number) for number in range(awaiting.MOST + 2)]
    assert [one.begins for one in counted] == [True] * awaiting.MOST + [False, False]
    assert [one.passed for one in counted[-2:]] == [1, 2]
    awaiting.keep(connection, "s1", [("t1", wish)])  # a look changes no count
    assert not awaiting.count(connection, "t1", 2_000).begins
    later = awaiting.count(connection, "t1", 1_000 + awaiting.WITHIN)
    assert (later.begins, later.passed) == (True, 3)
    assert awaiting.count(connection, "t1", 1_001 + awaiting.WITHIN).passed == 0
    assert awaiting.count(connection, "t1", 3).begins
    awaiting.keep(connection, "s1", [])
    assert awaiting.at(connection, wish.place) == []
    connection.close()
