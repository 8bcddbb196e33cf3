"""The sweep looks at everybody side by side: what hangs holds up nothing but itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from host.folders import pulse
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from host.runners.launch.base import LaunchError, Runner
from host.runners.launch.process import ProcessLauncher
from host.upkeep import unusable
from sessiondb import Address, content
from tests.fakes.platform import TIMEOUT
from tests.support.hosting import config, serving
from tests.support.slow_engine import SlowToStop


class AwayForOnce(ProcessLauncher):
    """An engine that does not answer the first order to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.asked_again = asyncio.Event()

    async def stop(self, runner: Runner, grace: float) -> None:
        self.asked += 1
        if self.asked == 1:
            raise LaunchError("the engine does not answer", transient=True)
        self.asked_again.set()
        await super().stop(runner, grace)


async def test_an_engine_that_is_away_is_a_line_in_the_log_and_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = AwayForOnce()
    settings = config(tmp_path, host={"sweep_every": 0.05}, runner={"idle_exit": 600})
    async with serving(settings, launcher=engine) as (host, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        [session] = await host.house.records.db.read(host.house.records.sessions.here)
        session.unreadable = "its files are damaged"
        await bot.say("c", "and now?")
        async with asyncio.timeout(TIMEOUT):
            await engine.asked_again.wait()
    [told] = [record for record in caplog.records if "the engine does not answer" in record.getMessage()]
    assert told.exc_info is None


async def test_an_engine_call_that_hangs_holds_up_neither_other_sessions_nor_the_pulse(
    tmp_path: Path,
) -> None:
    engine = SlowToStop()
    settings = config(tmp_path, host={"sweep_every": 0.05}, runner={"idle_exit": 600})
    async with serving(settings, launcher=engine) as (host, bot):
        for channel in ("c", "d"):
            await bot.say(channel, "hello")
            await bot.until(lambda channel=channel: bot.said(channel) == ["hello"])  # type: ignore[misc]
        found = await host.house.records.db.read(host.house.records.sessions.here)
        [sick] = [session for session in found if session.place.platform_id == "c"]
        sick.unreadable = "its files are damaged"
        await bot.say("c", "and now?")
        async with asyncio.timeout(TIMEOUT):
            await engine.hangs.wait()
            (tmp_path / pulse.NAME).unlink()
            while not (tmp_path / pulse.NAME).exists():  # noqa: ASYNC110 - a file of another thread
                await asyncio.sleep(0.02)
        await bot.say("d", "again")
        await bot.until(lambda: bot.said("d") == ["hello", "again"])
        assert not engine.comes_back.is_set()
        engine.comes_back.set()


async def test_a_runner_that_has_nothing_to_do_is_passed_over_until_something_comes_in(
    tmp_path: Path,
) -> None:
    settings = config(tmp_path, host={"sweep_every": 0.05}, runner={"idle_exit": 600, "stream_idle": 0.1})
    async with serving(settings) as (host, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        sweep = host.house.sweep
        [session] = await host.house.records.db.read(host.house.records.sessions.here)
        async with asyncio.timeout(TIMEOUT):
            while session.id not in sweep._calm._since:  # noqa: ASYNC110 - the files have to grow old first
                await asyncio.sleep(0.02)
        await bot.say("c", "again")
        await bot.until(lambda: bot.said("c") == ["hello", "again"])
        async with asyncio.timeout(TIMEOUT):
            while session.id not in sweep._calm._since:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
        host.house.supervisor.lives[session.id].session.unreadable = "its files are damaged"
        async with asyncio.timeout(TIMEOUT):
            while session.id in sweep._calm._since:  # noqa: ASYNC110 - the sweep's next round
                await asyncio.sleep(0.02)


async def test_a_session_in_which_something_is_due_later_is_looked_at_though_nothing_more_came_in(
    tmp_path: Path,
) -> None:
    settings = config(tmp_path, host={"sweep_every": 3600}, runner={"idle_exit": 600, "stream_idle": 0.1})
    async with serving(settings) as (host, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        sweep, records = host.house.sweep, host.house.records
        [session] = await records.db.read(records.sessions.here)

        async def rounds_over_files_of(at: int) -> bool:
            """Whether it is passed over after two rounds, of which the first may note how far all is over."""
            for _ in range(2):
                for path in (session.folder.inbound_db, session.folder.outbound_db):
                    os.utime(path, (at, at))
                await sweep.round()
            return session.id in sweep._calm._since

        async with asyncio.timeout(TIMEOUT):
            while not await rounds_over_files_of(1):  # noqa: ASYNC110 - until its turn is over
                await asyncio.sleep(0.02)

        def put(writer: InboundWriter) -> None:
            later = NewMessage(
                "later", "chat", Address("memory", "w", "c"), content.Chat("later"), 1, not_before=2**50
            )
            with writer.writing():
                writer.insert(later)

        await records.mailboxes.use(session, put)
        assert not await rounds_over_files_of(2)


async def test_records_that_the_host_cannot_use_are_told_and_taken_up_again_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came in was accepted, and nobody was told that it could not be put where an agent reads it."""
    monkeypatch.setattr(unusable, "TOLD_AFTER", 0.0)
    settings = config(tmp_path, host={"sweep_every": 0.05}, runner={"idle_exit": 0.2, "stream_idle": 0.2})
    async with serving(settings) as (host, bot):
        for channel in ("c", "d"):
            await bot.say(channel, "hello")
            await bot.until(lambda channel=channel: bot.said(channel) == ["hello"])  # type: ignore[misc]
        found = await host.house.records.db.read(host.house.records.sessions.here)
        [sick] = [session for session in found if session.place.platform_id == "c"]
        kept = sick.folder.inbound.rename(sick.folder.root / "away")
        sick.folder.inbound.write_text("no folder")
        said = await bot.say("c", "and now?")
        await bot.until(lambda: any("cannot use this conversation's records" in t for t in bot.said("c")))
        await bot.say("d", "and you?")
        await bot.until(lambda: "and you?" in bot.said("d"))
        sick.folder.inbound.unlink()
        kept.rename(sick.folder.inbound)
        await bot.until(lambda: "and now?" in bot.said("c"))
        async with asyncio.timeout(TIMEOUT):
            assert await host.settled(said.message_id) == "completed"
    assert sum("records" in text for text in bot.said("c")) == 1
    host.house.draining._soon(sick)  # a notice that its file is read comes after the end
    assert not host.house.draining._tasks
