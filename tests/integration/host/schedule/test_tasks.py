"""Tasks through a real host and real runners: asked for, posted, replied to, changed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from host.config import Config
from host.folders import share
from host.mailbox.inbound import InboundWriter
from host.ports.bot import Delivery, HostBusy, Receipt
from host.ports.events import Author, Verdict
from host.schedule.service import Scheduler
from sessiondb import SessionFolder
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, now_ms, serving
from tests.support.postgres import Server
from tests.support.tasking import ELSEWHERE, ask, call, in_thread, posts, scheduled, settings, task_id

NEWS = {"title": "News", "prompt": "the news", "destination": "announcements"}


async def test_the_answer_names_the_next_times_in_the_zone_of_whoever_asked(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (_, bot):
        text = await ask(
            bot, "D1", call("schedule_task", title="Stand-up", prompt="summarise", cron="0 9 * * 1-5")
        )
        assert "at 09:00 from Monday to Friday (Europe/Berlin)" in text
        assert text.count("09:00 Europe/Berlin") == 5
        listed = await ask(bot, "D1", call("list_tasks"))
        assert task_id(text) in listed


async def test_who_has_told_no_zone_is_answered_in_the_hosts(tmp_path: Path) -> None:
    wish = call("schedule_task", title="Stand-up", prompt="summarise", cron="0 9 * * *")
    async with serving(settings(tmp_path)) as (_, bot):
        text = await ask(bot, "D1", wish, author=Author("U7", "Zoe"))
        assert "(UTC)" in text


async def test_a_task_posts_where_it_was_asked_for_and_lists_its_receipts(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (_, bot):
        text = await scheduled(bot, "D1", {"title": "Once", "prompt": "tick"})
        await bot.until(lambda: bot.said("D1")[-1] == "tick")
        [folder] = [SessionFolder(path) for path in (tmp_path / "sessions").iterdir()]
        writer = InboundWriter(folder.inbound_db, now_ms)
        [run] = writer.tasks.occurrences(task_id(text), 5)
        writer.close()
        assert run.message_id
        assert run.due_at


async def test_a_reply_under_a_post_in_a_channel_goes_on_with_the_tasks_conversation(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (_, bot):
        await scheduled(bot, "C1", NEWS, **in_thread("C1", "t1"))
        await bot.until(lambda: posts(bot, "C9") == ["the news"])
        reply = await bot.say("C9", "go on", **in_thread("C9", posted(bot)))
        assert reply.verdict is Verdict.STORED
        await bot.until(lambda: posts(bot, "C9", posted(bot)) == ["go on"])
        homes = sorted(path.name for path in (tmp_path / "sessions").iterdir())
        assert len(homes) == 2  # the thread that asked, and the task's own


async def test_a_reply_outside_a_thread_belongs_to_the_post_it_is_to(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (_, bot):
        await scheduled(bot, "C1", NEWS, **in_thread("C1", "t1"))
        await bot.until(lambda: posts(bot, "C9") == ["the news"])
        reply = await bot.say("C9", "go on", privacy="public", replies_to=posted(bot))
        assert reply.verdict is Verdict.STORED
        await bot.until(lambda: posts(bot, "C9", posted(bot)) == ["go on"])
        among_people = await bot.say("C1", "as she said", privacy="public", replies_to="t1")
        assert among_people.verdict is Verdict.IGNORED


class SlowAnswers(MemoryBot):
    """What is sent to a channel stands at once; the host hears of it when `answer` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()
        self.stands = asyncio.Event()

    async def send(self, delivery: Delivery) -> Receipt:
        receipt = await super().send(delivery)
        if delivery.address.platform_id == "C9" and not delivery.address.thread_id:
            self.stands.set()
            await self.answer.wait()
        return receipt


async def test_a_reply_that_comes_before_the_posts_receipt_goes_on_with_it_too(tmp_path: Path) -> None:
    async with serving(settings(tmp_path), SlowAnswers()) as (host, bot):
        assert isinstance(bot, SlowAnswers)
        await scheduled(bot, "C1", NEWS, **in_thread("C1", "t1"))
        async with asyncio.timeout(TIMEOUT):
            await bot.stands.wait()
        reply = bot.event("C9", "already?", **in_thread("C9", posted(bot)))
        with pytest.raises(HostBusy):  # it is not taken: the platform delivers it again
            await host.ingest(reply)
        again = asyncio.create_task(host.ingest(reply))
        bot.answer.set()
        assert (await again).verdict is Verdict.STORED
        await bot.until(lambda: posts(bot, "C9", posted(bot)) == ["already?"])
        assert posts(bot, "C9") == ["the news"]


async def test_a_reply_that_comes_to_another_node_before_the_posts_receipt_goes_on_with_it_too(
    postgres: Server, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / share.MARK).touch()
    cluster = {"database": postgres.database(), "workspaces": str(tmp_path / "shared")}
    agents = {"default": {"destinations": ELSEWHERE}}
    ada, bobs = (config(tmp_path / name, agents=agents, cluster=cluster) for name in ("ada", "bob"))
    async with serving(ada, SlowAnswers()) as (_, bot), serving(bobs) as (bob, _):
        assert isinstance(bot, SlowAnswers)
        await scheduled(bot, "C1", NEWS, **in_thread("C1", "t1"))
        async with asyncio.timeout(TIMEOUT):
            await bot.stands.wait()
        among_people = bot.event("C9", "by the way", **in_thread("C9", "t9"))
        reply = bot.event("C9", "already?", **in_thread("C9", posted(bot)))
        with pytest.raises(HostBusy):
            await bob.ingest(reply)
        again = asyncio.create_task(bob.ingest(reply))
        bot.answer.set()
        assert (await again).verdict is Verdict.STORED
        assert (await bob.ingest(among_people)).verdict is Verdict.IGNORED
        await bot.until(lambda: posts(bot, "C9", posted(bot)) == ["already?"])
    assert posts(bot, "C9") == ["the news"]


async def test_what_an_agent_changes_of_a_task_is_in_the_database_before_it_says_so(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Scheduler) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Scheduler, "fire", never)  # as where the node goes before its timer comes to it
    url, kept = postgres.database(), "SELECT task FROM task_copies"
    async with serving(config(tmp_path, agents={"default": {}}, cluster={"database": url})) as (_, bot):
        id_ = task_id(await ask(bot, "D1", call("schedule_task", title="T", prompt="tock", cron="0 9 * * *")))
        await ask(bot, "D1", call("update_task", task_id=id_, prompt="tick"))
        assert "tick" in postgres.says(url, kept)
        await ask(bot, "D1", call("pause_task", task_id=id_))
        assert "paused" in postgres.says(url, kept)


def posted(bot: MemoryBot) -> str:
    """The platform's id of the only post in the other channel."""
    [key] = [d.key for d in bot.sent if d.address.platform_id == "C9" and not d.address.thread_id]
    return f"p-{key}"


async def test_bad_wishes_are_refused_in_words_and_nothing_is_scheduled(tmp_path: Path) -> None:
    async with serving(settings(tmp_path, shortest_task_interval=300)) as (_, bot):
        common = {"title": "T", "prompt": "p"}
        refused = {
            "no day fits": {"cron": "0 0 31 6 *"},
            "is past": {"at": "2001-01-01 09:00"},
            "within the years": {"at": "9999-12-31 23:59", "zone": "America/New_York"},
            "not an IANA": {"cron": "0 9 * * *", "zone": "Mars/Olympus"},
            "every 5 minutes at most": {"cron": "* * * * *"},
            "either cron or at": {},
            "unknown destination": {"cron": "0 9 * * *", "destination": "secret-room"},
            "where the agent has a shell": {"cron": "0 9 * * *", "script": "true"},
        }
        for reason, wish in refused.items():
            text = await ask(bot, "D1", call("schedule_task", **common, **wish))
            assert reason in text or "no cron expression" in text, (reason, text)
        for order in ("pause_task", "cancel_task", "run_task_now"):
            assert "there is no task" in await ask(bot, "D1", call(order, task_id="t123456789"))
        assert "There are no tasks" in await ask(bot, "D1", call("list_tasks"))


async def test_an_agent_may_ask_for_so_many_tasks_and_no_more_wherever_they_post(tmp_path: Path) -> None:
    async with serving(settings(tmp_path, most_tasks=2)) as (_, bot):
        common = {"title": "T", "prompt": "p", "cron": "0 9 * * *"}
        for where in ("announcements", ""):
            made = await ask(bot, "D1", call("schedule_task", **common, destination=where))
            await ask(bot, "D1", call("cancel_task", task_id=task_id(made)))  # what is over counts no more
            assert "Scheduled" in await ask(bot, "D1", call("schedule_task", **common, destination=where))
        for where in ("announcements", ""):
            assert "already" in await ask(bot, "D1", call("schedule_task", **common, destination=where))


async def test_a_task_whose_file_is_damaged_elsewhere_comes_back_and_stops_nothing_here(
    tmp_path: Path,
) -> None:
    wish = call("schedule_task", title="T", prompt="p", cron="0 9 * * *", destination="announcements")
    person = MemoryBot()  # in both lives of the host
    async with serving(settings(tmp_path), person) as (_, bot):
        id_ = task_id(await ask(bot, "D1", wish))
    for folder in (SessionFolder(path) for path in (tmp_path / "sessions").iterdir()):
        if not folder.outbound_db.exists():  # the task's own session, in which nothing ran yet
            folder.inbound_db.write_bytes(b"this is no database" * 1_000)
    async with serving(settings(tmp_path), person) as (_, bot):
        assert "Paused" in await ask(bot, "D1", call("pause_task", task_id=id_))
        assert await ask(bot, "D1", "are you well?") == "are you well?"


async def test_another_sessions_task_does_not_exist_for_an_agent(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (_, bot):
        mine = task_id(
            await ask(bot, "D1", call("schedule_task", title="Mine", prompt="p", cron="0 9 * * *"))
        )
        for tool in ("cancel_task", "pause_task", "update_task", "run_task_now"):
            assert f"there is no task {mine}" in await ask(bot, "D2", call(tool, task_id=mine))
        assert "Mine" in await ask(bot, "D1", call("list_tasks"))


async def test_a_task_is_changed_paused_resumed_run_and_cancelled_by_the_agent(tmp_path: Path) -> None:
    async with serving(settings(tmp_path)) as (_, bot):
        asked = call("schedule_task", title="T", prompt="tock", cron="0 9 * * *", destination="announcements")
        id_ = task_id(await ask(bot, "D1", asked))
        assert "09:00" in await ask(bot, "D1", call("update_task", task_id=id_, prompt="tick"))
        assert "15:30 Europe/Berlin" in await ask(
            bot, "D1", call("update_task", task_id=id_, cron="30 15 * * *")
        )
        assert "Paused" in await ask(bot, "D1", call("pause_task", task_id=id_))
        assert "is paused" in await ask(bot, "D1", call("list_tasks"))
        assert "Resumed" in await ask(bot, "D1", call("resume_task", task_id=id_))
        assert "runs now" in await ask(bot, "D1", call("run_task_now", task_id=id_))
        await bot.until(lambda: posts(bot, "C9") == ["tick"])
        assert "Cancelled" in await ask(bot, "D1", call("cancel_task", task_id=id_))
        assert "There are no tasks" in await ask(bot, "D1", call("list_tasks"))


async def test_a_runner_that_dies_while_the_host_answers_schedules_once_and_tells_the_truth(
    tmp_path: Path,
) -> None:
    async with serving(settings(tmp_path)) as (_, bot):
        wish = json.dumps({"title": "T", "prompt": "p", "cron": "0 9 * * *"})
        text = await ask(bot, "D1", f"@@call schedule_task {wish}\n@@crash\n@@results")
        assert "Scheduled" in text
        listed = await ask(bot, "D1", call("list_tasks"))
        assert listed.count("“T”") == 1


async def test_what_a_button_refuses_a_person_the_agent_refuses_them_too(tmp_path: Path) -> None:
    """Another's task may be paused by everybody who sees it, and by nobody changed, resumed, run or cancelled."""
    bob, olga = Author("U2", "Bob"), Author("U9", "Olga")
    there = in_thread("C1", "t1")
    named = settings(tmp_path).model_dump() | {"access": {"owners": ["memory:U9"], "unknown": "allow"}}
    async with serving(Config.model_validate(named)) as (_, bot):
        wish = call("schedule_task", title="Hers", prompt="p", cron="0 9 * * *")
        id_ = task_id(await ask(bot, "C1", wish, **there))
        for order, more in FORBIDDEN.items():
            answer = await ask(bot, "C1", call(order, task_id=id_, **more), **{**there, "author": bob})
            assert "Only whoever asked for the task, or an owner" in answer, order
        assert "Paused" in await ask(bot, "C1", call("pause_task", task_id=id_), **{**there, "author": bob})
        assert "Resumed" in await ask(bot, "C1", call("resume_task", task_id=id_), **there)
        assert "Changed" in await ask(
            bot, "C1", call("update_task", task_id=id_, prompt="q"), **{**there, "author": olga}
        )


async def test_who_speaks_in_the_turn_of_another_does_not_borrow_their_right(tmp_path: Path) -> None:
    """Which of several people said what, only the container knows: each of them must have the right."""
    there = in_thread("C1", "t1")
    async with serving(settings(tmp_path)) as (_, bot):
        wish = call("schedule_task", title="Hers", prompt="p", cron="0 9 * * *")
        id_ = task_id(await ask(bot, "C1", wish, **there))
        await bot.say("C1", "@@stream 3\n@@mock", mentioned=True, **there)
        await bot.until(lambda: bool(bot.shown))
        before = len(bot.sent)
        await bot.say("C1", "and I say so too", mentioned=True, **{**there, "author": Author("U2", "Bob")})
        await bot.say("C1", call("cancel_task", task_id=id_), mentioned=True, **there)
        await bot.until(lambda: any("Only whoever asked" in d.payload["text"] for d in bot.sent[before:]))


FORBIDDEN: dict[str, dict[str, Any]] = {
    "update_task": {"prompt": "evil"},
    "cancel_task": {},
    "run_task_now": {},
    "resume_task": {},
}
