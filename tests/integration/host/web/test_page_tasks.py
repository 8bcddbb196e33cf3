"""Tasks on the page: seen by every owner, named for those whose they are, ordered as in a chat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.browsing import WEB, Browser, browsing
from tests.support.hosting import config, serving
from tests.support.tasking import call
from tests.support.viewing import answered, recorded

WISH = {"title": "Osprey <b>bold</b>", "prompt": "say Osprey", "cron": "0 9 * * *"}


async def scheduled(bot: Any, privacy: str) -> None:
    await answered(bot, "c", call("schedule_task", **WISH), privacy=privacy, mentioned=True)


async def the_task(browser: Browser) -> str:
    listed = await browser.get("/tasks")
    return listed.text.partition('href="/tasks/')[2].partition('"')[0]


async def test_a_task_of_a_public_channel_is_named_paused_resumed_run_and_cancelled(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await scheduled(bot, "public")
        listed = await browser.get("/tasks")
        assert "Osprey <b>bold</b>" in listed.shown
        assert "<b>bold" not in listed.text
        id_ = await the_task(browser)
        one = await browser.get(f"/tasks/{id_}")
        assert "It has not run yet." in one.shown
        paused = await browser.send("/tasks", task=id_, order="pause", back="/tasks")
        assert "Resume" in paused.shown
        resumed = await browser.send("/tasks", task=id_, order="resume", back="/tasks")
        assert "Pause" in resumed.shown
        before = len(bot.sent)
        await browser.send("/tasks", task=id_, order="run", back="/tasks")
        await bot.until(lambda: len(bot.sent) > before)
        ran = await browser.get(f"/tasks/{id_}")
        assert "It has not run yet." not in ran.shown
        await browser.send("/tasks", task=id_, order="cancel", back="/tasks")
        assert "Nothing is scheduled" in (await browser.get("/tasks")).shown
    orders = ["pause_task", "resume_task", "run_task_now", "cancel_task"]
    assert [action for user, _, action, _ in recorded(tmp_path) if user == "console:olga"] == orders


@pytest.mark.parametrize("privacy", ["dm", "private"])
async def test_a_private_task_can_be_paused_by_an_owner_who_never_learns_its_name(
    tmp_path: Path, privacy: str
) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, bot), browsing(host, tmp_path) as browser:
        await scheduled(bot, privacy)
        id_ = await the_task(browser)
        pages = [
            await browser.get("/tasks"),
            await browser.get(f"/tasks/{id_}"),
            await browser.send("/tasks", task=id_, order="pause", back="/tasks"),
            await browser.send("/tasks", task=id_, order="resume", back="/tasks"),
            await browser.send("/tasks", task=id_, order="resume", back="/tasks"),
        ]
    for page in pages:
        assert "Osprey" not in page.text
    assert "a private task" in pages[0].shown
    assert "Done." in pages[2].shown
    assert "paused" in pages[2].shown


@pytest.mark.parametrize(
    ("task", "order"), [("", "run"), ("../x", "run"), ("t1", ""), ("t1", "explode"), ("\x00", "pause")]
)
async def test_an_order_that_makes_no_sense_is_refused_in_words(
    tmp_path: Path, task: str, order: str
) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        refused = await browser.send("/tasks", task=task, order=order, back="/tasks")
    assert "There is no such" in refused.shown
    assert recorded(tmp_path) == []


async def test_a_configuration_that_is_wrong_changes_nothing_and_the_page_says_why(tmp_path: Path) -> None:
    async with serving(config(tmp_path, web=WEB)) as (host, _), browsing(host, tmp_path) as browser:
        told = await browser.send("/reload", back="/decisions")
    assert told.status == 200
    assert 'role="status"' in told.text
