"""Locks and journals: the one way in which two honest files can still hurt each other."""

from __future__ import annotations

import asyncio
import logging
import struct
import sys
from pathlib import Path

import pytest

from host.ports.events import EventClass
from host.runners.launch.fake import FakeLauncher
from sessiondb import Address, content
from sessiondb.connection import open_writer
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.attacked import asked, logged, neighbour_is_served, two_sessions
from tests.support.attacks import Target, answer, database, insert
from tests.support.hosting import config, serving
from tests.support.redteam import Seat, attack

pytestmark = attack(Seat.CONTAINER, 2)

HOLD = """
import sys, apsw
connection = apsw.Connection(sys.argv[1], flags=apsw.SQLITE_OPEN_READONLY)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM messages_in").fetchall()
print("held", flush=True)
sys.stdin.read()
"""


async def test_a_runner_that_holds_a_read_lock_on_inbound_db_for_ever_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("host.runners.sweep.BLOCKED", 200)
    caplog.set_level(logging.WARNING)
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (_, bot):
        target = await two_sessions(bot, launcher)
        runner = next(r for r in launcher.started if r.spec.folder == target.folder)
        holder = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            HOLD,
            str(target.folder.inbound_db),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert await holder.stdout.readline() == b"held\n"
        await bot.say("bad", "the host has to write this")
        await neighbour_is_served(bot, target)
        async with asyncio.timeout(TIMEOUT):
            await runner.ended
        assert any("keeps the host from writing" in record.getMessage() for record in caplog.records)
        holder.stdin.close()
        await holder.wait()
        answer(target)
        await bot.until(lambda: bot.said("bad") == ["fine"])


def _journal(super_journal: bytes) -> bytes:
    """The header of a rollback journal that is hot, and the tail that names a super-journal."""
    head = bytes.fromhex("d9d505f920a163d7") + struct.pack(">iIIII", -1, 7, 1, 4096, 4096)
    body = head.ljust(4096, b"\0") + struct.pack(">I", 1) + b"\0" * 4096 + struct.pack(">I", 7)
    if not super_journal:
        return body
    tail = struct.pack(">II", len(super_journal), sum(super_journal)) + bytes.fromhex("d9d505f920a163d7")
    return body + struct.pack(">I", 0x40000000 // 4096 + 1) + super_journal + tail


@pytest.mark.parametrize("names_super", [False, True], ids=["plain", "super_journal"])
async def test_a_forged_hot_journal_is_left_to_its_owner(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, names_super: bool
) -> None:
    caplog.set_level(logging.WARNING)
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (_, bot):
        target = await two_sessions(bot, launcher)
        host_db = tmp_path / "host.db"
        path = target.folder.outbound_db
        open_writer(path, "outbound").close()
        before = path.read_bytes()
        name = str(host_db).encode() if names_super else b""
        path.with_name("outbound.db-journal").write_bytes(_journal(name))
        await neighbour_is_served(bot, target)
        _end(launcher, target.folder.outbound_db)
        await logged(caplog, "not_recovered")
        assert path.read_bytes() == before
        assert path.with_name("outbound.db-journal").exists()
        assert host_db.exists()
        path.with_name("outbound.db-journal").unlink()  # what `runner --maintain` ends with
        answer(target)
        await bot.until(lambda: bot.said("bad") == ["fine"])


def _end(launcher: FakeLauncher, outbound_db: Path) -> None:
    for runner in list(launcher.started):
        if runner.spec.folder.outbound_db == outbound_db:
            runner.end(0)


async def test_the_answer_to_a_question_cannot_be_taken_by_another_sessions_id(tmp_path: Path) -> None:
    """Two threads of one channel ask under the same row id; each person's answer reaches their own session."""
    launcher, bot = FakeLauncher(), MemoryBot()
    async with serving(config(tmp_path), bot, launcher) as (_, _):
        for thread in ("t1", "t2"):
            address = Address("memory", "w", "c", thread)
            await bot.say("c", thread, address=address, mentioned=True)
        async with asyncio.timeout(TIMEOUT):
            while len(launcher.started) < 2:
                launcher.changed.clear()
                await launcher.changed.wait()
        for runner in launcher.started:
            folder = runner.spec.folder
            own = asked(folder.inbound_db)
            target = Target(folder, own, folder, own)
            with database(target) as connection:
                insert(connection, target, 1, "same", content=content.encode(content.Question("Yes?")))
        await bot.until(lambda: len(bot.sent) == 2)
        assert bot.sent[0].question != bot.sent[1].question
        for sent in bot.sent[:2]:
            more = {"event_class": EventClass.ANSWER, "natural_id": sent.question, "refers_to": sent.question}
            answered = await bot.say("c", "", value="yes", address=sent.address, **more)
            assert answered.verdict.value == "stored"
