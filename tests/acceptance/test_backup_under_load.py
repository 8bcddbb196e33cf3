"""A backup under load, restored elsewhere after the machine is lost: nothing lost, nothing said twice up to its moment."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.fakes.slack import Message
from tests.support import on_slack
from tests.support.dovecote import ordered
from tests.support.on_slack import Office

THREADS = 8
RATE = 50  # messages a second
BEFORE, AFTER = 40, 20  # messages said when the backup begins, and once it has ended
MOST = 500  # that are said before a slow backup ends: all of them are to be answered in the end
DEADLINE = 240.0
MARK = re.compile(r"message \d+")


def said(office: Office, roots: list[Message]) -> Counter[str]:
    """How often each message was answered; several may be in one answer."""
    return Counter(mark for root in roots for m in office.answers(root) for mark in MARK.findall(m.text))


async def talk(office: Office, roots: list[Message], begun: asyncio.Event, ended: asyncio.Event) -> int:
    """Until a backup was begun and has ended, and a little longer; returns how many messages were said."""
    clock = asyncio.get_running_loop()
    began, number, last = clock.time(), THREADS, None
    while number != last:
        root = roots[number % THREADS]
        office.slack.say(office.ann, root.channel, f"{office.slack.mention()} message {number}", root.ts)
        number += 1
        if number == BEFORE:
            begun.set()
        if number == MOST:
            await ended.wait()
        if last is None and ended.is_set():
            last = number + AFTER
        await asyncio.sleep(
            max(0.0, began + number / RATE - clock.time())
        )  # the load's rate: nothing is waited for
    return number


@pytest.mark.timeout(500)
async def test_nothing_is_lost_and_nothing_said_before_the_moment_is_said_twice(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    async with on_slack.office(tmp_path / "first") as office:
        office.configure(slack="message_interval = 0.02")
        await office.start()
        roots = [
            office.slack.say(office.ann, office.channel, f"{office.slack.mention()} message {n}")
            for n in range(THREADS)
        ]
        for root in roots:
            await office.answered(root)
        begun, ended = asyncio.Event(), asyncio.Event()
        load = asyncio.create_task(talk(office, roots, begun, ended))
        await begun.wait()
        before = said(office, roots)
        made = await ordered(tmp_path / "first", "backup", str(tmp_path / "backup"))
        ended.set()
        everything = {f"message {number}" for number in range(await load)}
        await office.stop(kill=True)  # the machine is lost, whatever was under way
        office.folder.kill_runners()
        assert f"{THREADS} conversations" in made
        assert "left out" not in made

        second = tmp_path / "second"
        second.mkdir()
        (second / "dovecote.toml").write_text((tmp_path / "first" / "dovecote.toml").read_text())
        restored = await ordered(second, "restore", str(tmp_path / "backup"))
        assert "It is held: nothing is heard or said before `dovecote resume`" in restored
        assert "posts are looked up on their platform, and said only if they are not there" in restored
        await ordered(second, "resume", "--answer")
        office.folder.path = second
        await office.start(first=on_slack.NOTHING_IN_FLIGHT)
        await office.slack.wait_until(lambda: set(said(office, roots)) >= everything, DEADLINE)
        await office.stop()
        after = said(office, roots)
    assert len(before) >= THREADS
    assert {mark: after[mark] for mark in before} == dict.fromkeys(before, 1)
    assert set(after) == everything
