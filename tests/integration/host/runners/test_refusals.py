"""A runner that ends because of its settings: its sentence reaches everybody whom it concerns, and nothing is tried again."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from host.config import Access, Config
from host.config.settings import Settings
from host.registry.db import beside
from host.registry.notices import Notice
from host.registry.sessions import Session
from host.runners.launch.fake import FakeLauncher
from host.runners.refusals import LONGEST, Refusals, _sentence
from sessiondb import Address, SessionFolder
from sessiondb.contract import NOT_SET_UP
from tests.fakes.platform import TIMEOUT
from tests.support.hosting import config, serving
from tests.support.waiting import until

SENTENCE = "instructions.md in the agent's folder is not UTF-8. Save it as UTF-8."


def settings(data: Path, **sections: Any) -> Config:
    return config(data, host={"sweep_every": 0.05}, **sections)


def instructions(data: Path) -> Path:
    file = data / "agents" / "default" / "instructions.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def failed_start(data: Path) -> tuple[int, str]:
    with beside(data / "host.db") as connection:
        row = connection.execute("SELECT start_failures, start_error FROM sessions").fetchone()
    assert row is not None
    return int(str(row[0])), str(row[1])


async def several_looks(data: Path) -> None:
    """Until the sweep has looked a few times more."""
    pulse = data / "host.pulse"
    for _ in range(4):
        before = pulse.stat().st_mtime_ns
        await asyncio.to_thread(until, lambda before=before: pulse.stat().st_mtime_ns != before)  # type: ignore[misc]


async def test_its_sentence_reaches_person_owners_log_and_listing_and_what_waits_is_answered_once_it_is_put_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    file = instructions(tmp_path)
    file.write_bytes(b"You are caf\xe9.\n")
    with_owner = settings(tmp_path, access={"owners": ["memory:UBOSS"]})
    async with serving(with_owner) as (_, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: len(bot.sent) == 2)
        owner, person = sorted(bot.sent, key=lambda delivery: delivery.private_to == "")
    assert f"not set up: {SENTENCE} Your message waits" in person.payload["text"]
    assert (owner.private_to, person.private_to) == ("UBOSS", "")
    assert f"agent default is not set up: {SENTENCE}" in owner.payload["text"]
    assert failed_start(tmp_path) == (1, f"not set up: {SENTENCE}")
    assert f"Not set up: {SENTENCE}" in caplog.text

    file.write_text("You are a café.")
    async with serving(with_owner) as (_, bot):
        await bot.until(lambda: bot.said("c") == ["hello"])
    assert failed_start(tmp_path) == (0, "")


async def test_nothing_is_started_again_by_the_same_settings_whatever_is_said_meanwhile(
    tmp_path: Path,
) -> None:
    launcher = FakeLauncher()
    owners = {"access": {"owners": ["memory:UBOSS", "memory:UVICE"]}}
    async with serving(settings(tmp_path, **owners), launcher=launcher) as (_, bot):
        for number, channel in enumerate(("a", "b"), 1):
            await bot.say(channel, "hello")
            async with asyncio.timeout(TIMEOUT):
                while len(launcher.started) < number:
                    launcher.changed.clear()
                    await launcher.changed.wait()
            runner = launcher.started[-1]
            runner.spec.folder.refusal.write_text("options.effort cannot be 'x'")
            runner.end(NOT_SET_UP)
            await bot.until(lambda channel=channel: bool(bot.said(channel)))  # type: ignore[misc]
        await bot.say("a", "are you there?")
        await several_looks(tmp_path)
        assert len(launcher.started) == 2
        assert [len(bot.said(channel)) for channel in ("a", "b")] == [1, 1]
        # Owners hear of one fault once, however many conversations it stops.
        assert sorted(d.private_to for d in bot.sent if d.private_to) == ["UBOSS", "UVICE"]


async def test_a_change_of_what_a_runner_is_told_ends_the_refusal() -> None:
    heard: list[Notice] = []

    async def notify(notice: Notice) -> None:
        heard.append(notice)

    address = Address("slack", "T1", "C1")
    session = Session("s1", "default", address, "scope", SessionFolder(Path("/nowhere")))
    refusals = Refusals(Settings(Config(access=Access(owners=("discord:7",)))), lambda: 86_400_000, notify)
    assert not refusals.stands(session)
    assert (await refusals.note(session, "first")).startswith("not set up: the runner refuses")
    assert refusals.stands(session)
    assert not refusals.lapses(session, "first")
    assert refusals.lapses(session, "second")
    assert not refusals.stands(session)
    assert [(notice.address, notice.private_to) for notice in heard] == [
        (address, ""),
        (Address("discord", "", ""), "7"),  # an owner elsewhere is told there
    ]


def test_what_a_container_left_as_its_reason_is_one_short_harmless_line(tmp_path: Path) -> None:
    file = tmp_path / "refusal.txt"
    generic = "the runner refuses its settings; its runner.log says why."
    assert _sentence(file) == generic
    file.write_bytes(b"\x1b[31m<!channel> `x`\n\nbad \xff")
    assert _sentence(file) == "[31m !channel x bad \ufffd."
    file.write_text("y" * 5_000)
    assert _sentence(file) == "y" * LONGEST + "…"
    file.write_text("z" * 70_000)
    assert _sentence(file) == generic
    file.unlink()
    file.symlink_to("/etc/hostname")
    assert _sentence(file) == generic
