"""Locks and journals: the one way in which two honest files can still hurt each other."""

from __future__ import annotations

import asyncio
import logging
import struct
import sys
import time
from pathlib import Path

import apsw
import pytest

from host.app import Host
from host.delivery.minting import Minting
from host.ports.events import EventClass
from host.runners import sweep
from host.runners.launch.fake import FakeLauncher
from sessiondb import Address, content
from sessiondb.connection import open_reader, open_writer
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.attacked import asked, logged, neighbour_is_served, two_sessions
from tests.support.attacks import Target, answer, database, insert
from tests.support.hosting import config, serving
from tests.support.redteam import Seat, attack, twin, walled
from tests.support.waiting import eventually

pytestmark = attack(Seat.CONTAINER, 2)

HOLD = """
import sys, apsw
connection = apsw.Connection(sys.argv[1], flags=apsw.SQLITE_OPEN_READONLY)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM messages_in").fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@walled
async def test_a_runner_that_holds_a_read_lock_on_inbound_db_for_ever_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, standing: bool
) -> None:
    """Let be it keeps the host from writing, as long as it likes."""
    monkeypatch.setattr(sweep, "BLOCKED", 200 if standing else 10**12)
    caplog.set_level(logging.WARNING)
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (host, bot):
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
        if not standing:
            await blocked_beyond(host, target, 300)
            assert not runner.ended.done()
        else:
            async with asyncio.timeout(TIMEOUT):
                await runner.ended
        told = any("keeps the host from writing" in record.getMessage() for record in caplog.records)
        assert told is standing
        holder.stdin.close()
        await holder.wait()
        answer(target)
        await bot.until(lambda: bot.said("bad") == ["fine"])


async def blocked_beyond(host: Host, target: Target, milliseconds: int) -> None:
    """Looks of the sweep until the host could not write for so long."""
    [session] = await host.house.scheduler.sessions([target.folder.root.name])
    async with asyncio.timeout(TIMEOUT):
        while True:
            await host.house.sweep.round()
            since = await host.house.records.mailboxes.use(session, lambda writer: writer.blocked_since)
            if since and time.time() * 1000 - since > milliseconds:
                await host.house.sweep.round()
                return


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


@twin("test_a_forged_hot_journal_is_left_to_its_owner")
@pytest.mark.parametrize("names_super", [False, True], ids=["plain", "super_journal"])
def test_whoever_opens_the_file_to_write_carries_a_forged_journal_out(
    tmp_path: Path, names_super: bool
) -> None:
    """The host never does: what the journal says is put over the file. The super-journal that it names is left alone by
    this SQLite, others have deleted it."""
    path, host_db = tmp_path / "outbound.db", tmp_path / "host.db"
    host_db.write_bytes(b"everything")
    open_writer(path, "outbound").close()
    before = path.read_bytes()
    journal = path.with_name("outbound.db-journal")
    journal.write_bytes(_journal(str(host_db).encode() if names_super else b""))
    with pytest.raises(apsw.Error):
        apsw.Connection(str(path)).execute("SELECT count(*) FROM messages_out").fetchall()
    assert path.read_bytes() != before
    assert not journal.exists()


def _end(launcher: FakeLauncher, outbound_db: Path) -> None:
    for runner in list(launcher.started):
        if runner.spec.folder.outbound_db == outbound_db:
            runner.end(0)


@walled
async def test_the_answer_to_a_question_cannot_be_taken_by_another_sessions_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """Two threads of one channel ask under the same row id; each person's answer reaches their own session."""
    if not standing:  # a question is then called what its container calls it
        monkeypatch.setattr(Minting, "key", lambda _, __, ___, row_id, chunk: f"{row_id}-{chunk}")
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
        for sent in bot.sent[:2]:
            more = {"event_class": EventClass.ANSWER, "natural_id": sent.question, "refers_to": sent.question}
            await bot.say("c", "", value=sent.address.thread_id, address=sent.address, **more)
        files = [runner.spec.folder.inbound_db for runner in launcher.started]
        await eventually(lambda: sum(len(answers(file)) for file in files) == (2 if standing else 1))
        heard = sorted(text for file in files for text in answers(file))
    assert (heard == ["Ada answered: t1", "Ada answered: t2"]) is standing


def answers(inbound_db: Path) -> list[str]:
    """What people answered there."""
    connection = open_reader(inbound_db)
    try:
        rows = connection.execute("SELECT content FROM messages_in ORDER BY seq").fetchall()
    finally:
        connection.close()
    said = [content.decode_inbound(str(text)) for (text,) in rows]
    return [one.text for one in said if isinstance(one, content.System)]
