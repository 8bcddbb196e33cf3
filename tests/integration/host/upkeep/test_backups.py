"""Backups: made while messages flow, restored elsewhere, held until a person says go; nothing lost and nothing said twice."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from host.cli import backups, pausing
from host.cli.ending import NothingFoundError
from host.cli.looks import records
from host.delivery import policy
from host.folders import seal
from host.folders.lock import DataFolderError, DataLock
from host.folders.seal import Seal
from host.ports.bot import Delivery, Receipt
from host.registry import resumption
from host.registry.db import beside, open_registry
from host.upkeep.backups import making, restoring, scratch
from host.upkeep.backups.copying import copy
from host.upkeep.backups.making import END, MANIFEST, BackupError, Made, make
from host.upkeep.backups.restoring import Restored, restore
from sessiondb import Damaged
from sessiondb.connection import open_writer
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, now_ms, serving
from tests.support.tools import tool


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "GRACE", 20)


def backed_up(data: Path, file: Path) -> Made:
    with file.open("wb") as to:
        return make(data, to, lambda _: None)


def brought_back(file: Path, data: Path) -> Restored:
    with file.open("rb") as source:
        return restore(source, data)


class Platform(MemoryBot):
    """Of a second life: it has what the first one has sent, and finds it by its key; nothing else is on its way."""

    capabilities = replace(MemoryBot.capabilities, flight=0.0)

    def __init__(self, before: MemoryBot) -> None:
        super().__init__()
        self._before = list(before.sent)
        self.looked_up: list[str] = []

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        self.looked_up.append(delivery.key)
        known = [*self._before, *self.sent]
        return next((Receipt(f"p-{d.key}") for d in known if d.key == delivery.key), None)


async def test_a_backup_of_a_running_host_is_served_elsewhere_and_says_nothing_twice(tmp_path: Path) -> None:
    async with serving(config(tmp_path / "first")) as (host, bot):
        await host.settled((await bot.say("c", "before")).message_id)
        made = await asyncio.to_thread(backed_up, tmp_path / "first", tmp_path / "backup")
        await host.settled((await bot.say("c", "after", at=now_ms())).message_id)
    assert (made.sessions, made.left_out) == (1, [])
    assert bot.said("c") == ["before", "after"]
    restored = await asyncio.to_thread(brought_back, tmp_path / "backup", tmp_path / "second")
    assert (restored.made_at, restored.sessions, restored.waiting) == (made.at, 1, 0)
    pausing.resume(config(tmp_path / "second"), "", answer=False)
    again = Platform(bot)
    async with serving(config(tmp_path / "second"), again) as (host, _):
        old = await again.say("c", "before", natural_id="n1", platform_message_id="n1")
        assert old.verdict == "duplicate"
        since = await again.say("c", "after", natural_id="n2", platform_message_id="n2", at=made.at + 1)
        assert (since.verdict, since.reason) == (
            "ignored",
            "said between a backup and the resumption after its restore",
        )
        await host.settled((await again.say("c", "now", at=now_ms() + 60_000)).message_id)
    assert again.said("c") == ["now"]


async def test_a_post_that_was_made_after_the_backups_moment_is_looked_up_and_not_said_again(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path / "first")) as (host, bot):
        bot.gates["c"] = asyncio.Event()
        said = await bot.say("c", "hello")
        await _noted(tmp_path / "first", 1)
        behind = await bot.say("c", "and one that waits behind it")
        await _noted(tmp_path / "first", 2)
        await asyncio.to_thread(backed_up, tmp_path / "first", tmp_path / "backup")
        bot.gates["c"].set()
        for one in (said, behind):
            await host.settled(one.message_id)
    restored = await asyncio.to_thread(brought_back, tmp_path / "backup", tmp_path / "second")
    assert [words.rpartition(" ")[2] for words in restored.begun] == ["sending", "pending"]
    pausing.resume(config(tmp_path / "second"), "", answer=False)
    again = Platform(bot)
    async with serving(config(tmp_path / "second"), again) as (host, _):
        for one in (said, behind):
            await host.settled(one.message_id)
    assert len(set(again.looked_up)) == 2
    assert again.said("c") == []


async def test_a_restored_folder_is_held_until_a_person_says_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(config(tmp_path / "first")) as (host, bot):
        await host.settled((await bot.say("c", "hello")).message_id)
    await asyncio.to_thread(backed_up, tmp_path / "first", tmp_path / "backup")
    await asyncio.to_thread(brought_back, tmp_path / "backup", tmp_path / "second")
    again = Platform(bot)
    going = asyncio.create_task(_serve_one(tmp_path / "second", again))
    async with asyncio.timeout(TIMEOUT):
        while not any(getattr(record, "action", "") == "held" for record in caplog.records):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert not going.done()
    pausing.resume(config(tmp_path / "second"), "", answer=True)
    async with asyncio.timeout(TIMEOUT):
        await going
    assert again.said("c") == ["hello again"]
    with pytest.raises(NothingFoundError, match="nothing is held or paused"):
        pausing.resume(config(tmp_path / "second"), "", answer=True)


async def _serve_one(data: Path, bot: MemoryBot) -> None:
    async with serving(config(data), bot) as (host, _):
        await host.settled((await bot.say("c", "hello again", natural_id="n9")).message_id)


async def test_messages_under_way_are_all_answered_over_backup_and_restore_and_those_before_it_once(
    tmp_path: Path,
) -> None:
    def answers(*bots: MemoryBot) -> list[str]:
        return [delivery.payload["text"] for bot in bots for delivery in bot.sent]

    def channel(number: int) -> str:
        return f"c{number % 5}"

    settings = config(tmp_path / "first", runner={"concurrent": 5})
    async with serving(settings) as (host, bot):
        said = [await bot.say(channel(number), f"m{number}", at=1) for number in range(10)]
        for one in said:
            await host.settled(one.message_id)
        before = answers(bot)
        said += [await bot.say(channel(number), f"m{number}", at=1) for number in range(10, 30)]
        making = asyncio.create_task(asyncio.to_thread(backed_up, tmp_path / "first", tmp_path / "backup"))
        said += [await bot.say(channel(number), f"m{number}", at=1) for number in range(30, 40)]
        made = await making
    await asyncio.to_thread(brought_back, tmp_path / "backup", tmp_path / "second")
    pausing.resume(config(tmp_path / "second"), "", answer=True)
    again = Platform(bot)
    async with serving(config(tmp_path / "second", runner={"concurrent": 5}), again) as (host, _):
        for number, one in enumerate(said):
            id_ = f"n{number + 1}"
            told = await again.say(channel(number), f"m{number}", natural_id=id_, platform_message_id=id_)
            assert told.message_id == one.message_id
            await host.settled(one.message_id)
    assert made.sessions == 5
    assert sorted(before) == sorted(f"m{number}" for number in range(10))
    assert [text for text in answers(again) if text in before] == []
    assert set(answers(bot, again)) == {f"m{number}" for number in range(40)}


def _rows(data: Path) -> int:
    for path in data.glob("sessions/*/outbound/outbound.db"):
        try:
            found = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            return int(str(found.execute("SELECT count(*) FROM messages_out").fetchone()[0]))  # type: ignore[index]
        except apsw.Error:
            return 0
    return 0


async def _noted(data: Path, posts: int) -> None:
    """Until the host has noted so many that are not on the platform yet."""

    def noted() -> int:
        found = 0
        for path in data.glob("sessions/*/inbound/inbound.db"):
            with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
                connection.set_busy_timeout(5_000)
                with suppress(apsw.SQLError):  # its tables are still being made
                    found += len(
                        connection.execute("SELECT 1 FROM delivered WHERE state <> 'sent'").fetchall()
                    )
        return found

    async with asyncio.timeout(TIMEOUT):
        while await asyncio.to_thread(noted) < posts:  # noqa: ASYNC110 - the host's file
            await asyncio.sleep(0.02)


# ── what containers leave, and what crashes leave ────────────────────────────────────────────────────────


async def test_whatever_a_container_left_in_its_folder_is_taken_or_named_and_nothing_is_followed(
    tmp_path: Path,
) -> None:
    data = tmp_path / "first"
    secret = tmp_path / "secret"
    secret.write_text("not yours")
    async with serving(config(data)) as (host, bot):
        await host.settled((await bot.say("c", "hello")).message_id)
        [work] = data.glob("sessions/*/work")
        (work / "notes.txt").write_text("kept")
        (work / "out").symlink_to(secret)
        (work / "loop").symlink_to(".")
        os.mkfifo(work / "pipe")
        (work / "tool").write_text("#!/bin/sh")
        (work / "tool").chmod(0o755)
        (work / "empty").mkdir()
        await asyncio.to_thread(backed_up, data, tmp_path / "backup")
    await asyncio.to_thread(brought_back, tmp_path / "backup", tmp_path / "second")
    [back] = (tmp_path / "second").glob("sessions/*/work")
    assert (back / "notes.txt").read_text() == "kept"
    assert (back / "out").readlink() == secret
    assert (back / "loop").readlink() == Path()
    assert os.access(back / "tool", os.X_OK)
    assert (back / "empty").is_dir()
    assert not (back / "pipe").exists()
    with tarfile.open(tmp_path / "backup") as archive:
        assert not any(member.name.endswith("/out") and member.isreg() for member in archive)


def test_a_file_whose_writer_died_within_a_commit_is_copied_as_it_was_before(tmp_path: Path) -> None:
    path = tmp_path / "outbound.db"
    child = (
        "import os, sys; from pathlib import Path; from sessiondb.connection import open_writer;"
        "c = open_writer(Path(sys.argv[1]), 'outbound'); c.execute('PRAGMA cache_size = 5');"
        "c.execute('BEGIN IMMEDIATE');"
        'c.executemany("INSERT INTO session_state VALUES (?, ?, 0)", [(str(n), "x" * 4000) for n in range(200)]);'
        "os._exit(9)"
    )
    open_writer(path, "outbound").close()
    root = Path(__file__).resolve().parents[4]
    subprocess.run(
        [sys.executable, "-c", child, str(path)],
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=60,
        check=False,
    )
    assert path.with_name("outbound.db-journal").stat().st_size > 0
    before = (path.read_bytes(), path.with_name("outbound.db-journal").read_bytes())
    copy(path, tmp_path / "copy.db")
    copied = apsw.Connection(str(tmp_path / "copy.db"))
    assert copied.execute("SELECT count(*) FROM session_state").fetchone() == (0,)
    assert copied.pragma("integrity_check") == "ok"
    assert before == (path.read_bytes(), path.with_name("outbound.db-journal").read_bytes())


@pytest.mark.parametrize("odd", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_in_the_place_of_a_database_is_named_and_not_waited_for(
    tmp_path: Path, odd: Callable[[Path], None]
) -> None:
    """Its container may put a FIFO there: the backup never came to its end."""
    odd(tmp_path / "outbound.db")
    found: list[Exception] = []

    def take() -> None:
        try:
            copy(tmp_path / "outbound.db", tmp_path / "copy.db")
        except Exception as error:  # noqa: BLE001 - looked at below
            found.append(error)

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    taking.join(TIMEOUT)
    [error] = found
    assert isinstance(error, Damaged)


def test_a_file_that_is_no_database_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database, not even nearly" * 100)
    with pytest.raises(Damaged):
        copy(tmp_path / "bad.db", tmp_path / "copy.db")


async def test_the_key_of_what_is_sealed_is_not_kept_beside_it(tmp_path: Path) -> None:
    async with serving(config(tmp_path / "first")) as (host, bot):
        await host.settled((await bot.say("c", "hello")).message_id)
    Seal(tmp_path / "first", {}).seal("a token")
    await asyncio.to_thread(backed_up, tmp_path / "first", tmp_path / "backup")
    with tarfile.open(tmp_path / "backup") as archive:
        names = archive.getnames()
    assert "host.db" in names
    assert not any(seal.FILE in name for name in names)


# ── what does not fit ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `first` on which a host has run, and its `backup`."""
    root = tmp_path_factory.mktemp("once")

    async def served() -> None:
        async with serving(config(root / "first")) as (host, bot):
            await host.settled((await bot.say("c", "hello")).message_id)

    with asyncio.Runner() as runner:
        runner.run(served())
    backed_up(root / "first", root / "backup")
    return root


@pytest.fixture
def backup(once: Path, tmp_path: Path) -> Path:
    shutil.copytree(once, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("gateway"))
    return tmp_path / "backup"


def test_a_folder_that_is_in_use_is_not_restored_into(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "mine.txt").write_text("mine")
    with pytest.raises(BackupError, match="is not empty"):
        brought_back(backup, tmp_path / "second")
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("kept", [0.2, 0.9, 0.999])
def test_a_backup_that_was_cut_off_leaves_the_folder_as_it_was(
    backup: Path, tmp_path: Path, kept: float
) -> None:
    whole = backup.read_bytes()
    backup.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(BackupError):
        brought_back(backup, tmp_path / "second")
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["host.lock"]
    backup.write_bytes(whole)
    assert brought_back(backup, tmp_path / "second").sessions == 1


def test_a_file_that_is_no_backup_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(os.urandom(5_000))
    with pytest.raises(BackupError, match="no whole backup of Dovecote"):
        brought_back(tmp_path / "photo", tmp_path / "second")


@pytest.mark.parametrize("name", ["format", "host_db", "contract"])
def test_a_backup_of_a_newer_version_is_refused_and_says_which(
    backup: Path, tmp_path: Path, name: str
) -> None:
    changed = _with(backup, MANIFEST, lambda said: {**said, name: 99, "dovecote": "9.9.9"})
    with pytest.raises(BackupError, match=r"Dovecote 9\.9\.9"):
        brought_back(changed, tmp_path / "second")


def added(backup: Path, *members: tarfile.TarInfo, without: str = "") -> Path:
    """A copy of the archive that somebody made to do harm; a member of any size is zeros, which are not all written."""
    crafted = backup.with_name("crafted")
    with tarfile.open(backup) as old, gzip.open(crafted, "wb") as packed:
        new = tarfile.open(fileobj=packed, mode="w:", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed below, or not
        for member in old:
            if member.name == END:
                for one in members:
                    if one.size > 1_000_000:  # its head says so, and the reader believes it or does not
                        packed.write(one.tobuf(tarfile.PAX_FORMAT))
                        return crafted
                    new.addfile(one, io.BytesIO(b"evil".ljust(one.size, b"!")) if one.isreg() else None)
            if member.name != without:
                new.addfile(member, old.extractfile(member) if member.isreg() else None)
        new.close()
    return crafted


def member(name: str, kind: bytes = tarfile.REGTYPE, *, target: str = "", size: int = 0) -> tarfile.TarInfo:
    head = tarfile.TarInfo(name)
    head.type, head.linkname, head.size = kind, target, size
    return head


SESSION = "sessions/s1"
HARMFUL = {
    "its parent": (member("../outside", size=4), "outside of the folder"),
    "a path from the root": (member("/outside", size=4), "outside of the folder"),
    "up again within": (member("sessions/../../outside", size=4), "outside of the folder"),
    "host.db twice": (member("host.db", size=4), "one place twice"),
    "a hard link": (member("agents/a/x", tarfile.LNKTYPE, target="host.db"), "what no backup holds"),
    "a device": (member(f"{SESSION}/work/null", tarfile.CHRTYPE), "what no backup holds"),
    "a block device": (member(f"{SESSION}/work/sda", tarfile.BLKTYPE), "what no backup holds"),
    "a pipe": (member(f"{SESSION}/work/pipe", tarfile.FIFOTYPE), "what no backup holds"),
    "a sparse file": (member("agents/a/sparse", tarfile.GNUTYPE_SPARSE), "no (whole )?backup"),
    "a link for a conversation": (member(SESSION, tarfile.SYMTYPE, target="/etc"), "a link where"),
    "a link for its records": (
        member(f"{SESSION}/inbound/inbound.db", tarfile.SYMTYPE, target="/etc/passwd"),
        "a link where",
    ),
    "a link for the runner's records": (
        member(f"{SESSION}/outbound/outbound.db", tarfile.SYMTYPE, target="/x"),
        "a link where",
    ),
    "a link for an agent": (member("agents/a", tarfile.SYMTYPE, target="/etc"), "a link where"),
    "a link for a shared folder": (member("workspaces/a/s", tarfile.SYMTYPE, target="/etc"), "a link where"),
    "more than the disk holds": (member("agents/a/bomb", size=1 << 50), "does not fit"),
    "a name as long as memory": (
        member("agents/a/x", tarfile.XHDTYPE, size=1 << 32),
        "more than any backup does",
    ),
    "an old name as long as memory": (
        member("x", tarfile.GNUTYPE_LONGNAME, size=1 << 32),
        "more than any backup does",
    ),
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_what_would_do_harm_is_refused_and_leaves_the_folder_as_it_was(
    backup: Path, tmp_path: Path, kind: str
) -> None:
    one, words = HARMFUL[kind]
    with pytest.raises(BackupError, match=words):
        brought_back(added(backup, one), tmp_path / "second")
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["host.lock"]
    assert not (tmp_path / "outside").exists()


def test_nothing_is_written_through_a_link_that_the_same_file_holds(backup: Path, tmp_path: Path) -> None:
    out, through = f"{SESSION}/work/out", f"{SESSION}/work/out/evil"
    crafted = added(backup, member(out, tarfile.SYMTYPE, target=str(tmp_path)), member(through, size=4))
    with pytest.raises(BackupError):
        brought_back(crafted, tmp_path / "second")
    assert not (tmp_path / "evil").exists()


def test_a_file_that_unpacks_to_far_more_than_its_size_is_refused(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "MOST_UNDOUBTED", 100_000)
    monkeypatch.setattr(restoring, "LARGEST_RATIO", 2)
    with pytest.raises(BackupError, match="made to do harm"):
        brought_back(added(backup, member("agents/a/zeros", size=900_000)), tmp_path / "second")


def test_what_follows_the_end_of_a_backup_is_not_read_for_ever(backup: Path, tmp_path: Path) -> None:
    with gzip.open(backup) as packed:
        plain = packed.read()
    longer = tmp_path / "longer"
    with gzip.open(longer, "wb") as packed:
        packed.write(plain + bytes(2_000_000))
    with pytest.raises(BackupError, match="something follows its end"):
        brought_back(longer, tmp_path / "second")


def test_a_backup_without_records_is_refused_in_its_own_words(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"holds no host\.db"):
        brought_back(added(backup, without="host.db"), tmp_path / "second")


@pytest.mark.parametrize("name", ["format", "host_db", "contract", "made_at"])
@pytest.mark.parametrize("odd", [None, "1", -1, [1]])
def test_a_backup_that_does_not_say_what_it_is_is_refused(
    backup: Path, tmp_path: Path, name: str, odd: object
) -> None:
    with pytest.raises(BackupError, match="does not say"):
        brought_back(_with(backup, MANIFEST, lambda said: {**said, name: odd}), tmp_path / "second")


def test_a_folder_on_which_a_host_runs_is_not_restored_into(backup: Path, tmp_path: Path) -> None:
    lock = DataLock(tmp_path / "second")
    try:
        with pytest.raises(DataFolderError, match="another dovecote is running"):
            brought_back(backup, tmp_path / "second")
    finally:
        lock.release()


def test_a_link_in_the_place_of_records_is_named_and_left_out(backup: Path, tmp_path: Path) -> None:
    data = tmp_path / "first"
    backup.unlink()
    (tmp_path / "prompts").mkdir()
    (data / "agents").mkdir()
    (data / "agents" / "helper").symlink_to(tmp_path / "prompts")
    (data / "extra").symlink_to(tmp_path / "prompts")
    made = backed_up(data, tmp_path / "backup")
    assert [line.partition(":")[0] for line in made.left_out] == ["agents/helper", "extra"]
    assert brought_back(tmp_path / "backup", tmp_path / "second").sessions == 1


def _with(backup: Path, name: str, change: object) -> Path:
    """A copy of the archive with other words in one of its notes."""
    crafted = backup.with_name("crafted")
    with tarfile.open(backup) as old, tarfile.open(crafted, "w:gz") as new:
        for member in old:
            text = old.extractfile(member) if member.isreg() else None
            if member.name == name and text is not None:
                said = json.dumps(change(json.loads(text.read()))).encode()  # type: ignore[operator]
                member.size = len(said)
                text = io.BytesIO(said)
            new.addfile(member, text)
    return crafted


# ── as an operator ───────────────────────────────────────────────────────────────────────────────────────


def test_an_encrypted_backup_is_read_by_its_key_alone(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gpg = tool("gpg")
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    generate = [
        gpg,
        "--batch",
        "--passphrase",
        "",
        "--quick-gen-key",
        "ops@example.org",
        "default",
        "default",
    ]
    subprocess.run(generate, check=True, capture_output=True, timeout=120)
    sealed = tmp_path / "sealed"
    backups.write(tmp_path / "first", sealed, age="", gpg="ops@example.org")
    assert b"dovecote-backup" not in sealed.read_bytes()
    assert sealed.stat().st_mode & 0o077 == 0
    backups.read(sealed, tmp_path / "second", identity="")
    assert "1 conversations" in capsys.readouterr().out
    subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True, timeout=60)
    elsewhere = tmp_path / "elsewhere"  # its agent may still be at the sockets of the first
    elsewhere.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(elsewhere))
    with pytest.raises(BackupError):
        backups.read(sealed, tmp_path / "third", identity="")
    assert not (tmp_path / "third" / "host.db").exists()
    subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True, timeout=60)


def test_a_backup_for_age_is_read_by_its_identity_alone(backup: Path, tmp_path: Path) -> None:
    keygen, key = tool("age-keygen"), tmp_path / "key.txt"
    subprocess.run([keygen, "-o", str(key)], check=True, capture_output=True, timeout=60)
    recipient = key.read_text().split("public key: ")[1].split()[0]
    sealed = tmp_path / "sealed"
    backups.write(tmp_path / "first", sealed, age=recipient, gpg="")
    assert sealed.read_bytes().startswith(b"age-encryption.org/")
    backups.read(sealed, tmp_path / "second", identity=str(key))
    assert (tmp_path / "second" / "host.db").is_file()
    with pytest.raises(BackupError, match="identit"):
        backups.read(sealed, tmp_path / "third", identity="")
    other = tmp_path / "other.txt"
    subprocess.run([keygen, "-o", str(other)], check=True, capture_output=True, timeout=60)
    with pytest.raises(BackupError, match="no identity matched"):
        backups.read(sealed, tmp_path / "third", identity=str(other))
    sealed.write_bytes(sealed.read_bytes()[:-100])
    with pytest.raises(BackupError):
        backups.read(sealed, tmp_path / "third", identity=str(key))
    assert [path.name for path in (tmp_path / "third").iterdir()] == ["host.lock"]
    with pytest.raises(BackupError, match="malformed recipient"):
        backups.write(tmp_path / "first", tmp_path / "nobody", age="age1nobody", gpg="")
    assert not list(tmp_path.glob("nobody*"))


def test_what_is_encrypted_is_on_no_disk_before(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = list[Path]()

    def copied(source: Path, target: Path) -> None:
        places.append(target)
        copy(source, target)

    monkeypatch.setattr(making, "copy", copied)  # looks on, and copies
    with (tmp_path / "sealed").open("wb") as to:
        make(tmp_path / "first", to, lambda _: None, in_memory=True)
    kinds = {line.split()[1]: line.split()[2] for line in Path("/proc/mounts").read_text().splitlines()}
    assert places
    assert kinds["/dev/shm"] == "tmpfs"
    assert all(place.is_relative_to("/dev/shm") for place in places)
    assert not any(place.parent.exists() for place in places)


KILLED = """
import io, os, signal, sys
from pathlib import Path
from host.upkeep.backups import making
making.MEMORY = Path(sys.argv[3])
making.make(Path(sys.argv[1]), io.BytesIO(), lambda _: os.kill(os.getpid(), signal.SIGKILL), in_memory=bool(sys.argv[2]))
"""


@pytest.mark.parametrize("in_memory", [False, True])
def test_what_a_killed_backup_copied_goes_with_the_next_and_what_one_that_lives_copies_stays(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_memory: bool
) -> None:
    memory = tmp_path / "memory"  # every backup of this machine clears the one that all share
    memory.mkdir()
    monkeypatch.setattr(making, "MEMORY", memory)
    data = tmp_path / "first"
    place = memory if in_memory else data
    killing = [sys.executable, "-c", KILLED, str(data), "1" * in_memory, str(memory)]
    killed = subprocess.run(killing, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    [left] = place.glob(".dovecote-copying-*")
    assert (left / "host.db").exists()
    with scratch.folder(place) as living:
        packed = io.BytesIO()
        make(data, packed, lambda _: None)
        assert not left.exists()
        assert living.exists()
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        assert not [name for name in archive.getnames() if "copying" in name]


def test_a_restore_is_tried_again_where_one_was_killed(backup: Path, tmp_path: Path) -> None:
    half = tmp_path / "second" / ".restoring-abc" / "data" / "sessions"
    half.mkdir(parents=True)
    with backup.open("rb") as source:
        assert restore(source, tmp_path / "second").sessions
    assert not half.exists()


def test_too_little_memory_for_what_is_to_be_encrypted_is_said_with_the_way_out(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "SPARE", 1 << 60)
    with pytest.raises(BackupError, match=r"host\.db needs .* MB in /dev/shm, which has 0 MB free.*shm_size"):
        make(tmp_path / "first", io.BytesIO(), lambda _: None, in_memory=True)


@pytest.mark.parametrize(("age", "gpg", "package"), [("age1x", "", "age"), ("", "ops@example.org", "gnupg")])
def test_a_program_that_is_missing_is_named_with_its_package(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: str, gpg: str, package: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        BackupError,
        match=rf"is not installed on this machine: install it \(Debian: `apt install {package}`\)",
    ):
        backups.write(tmp_path / "first", tmp_path / "sealed", age=age, gpg=gpg)
    assert not list(tmp_path.glob("sealed*"))


def test_the_beginning_of_a_backup_that_was_killed_goes_with_the_next(
    backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder := tmp_path / "backups").mkdir()
    (folder / "monday.0123abcd.unfinished").write_text("cut off")
    (folder / "notes.unfinished").write_text("mine")
    (folder / "link.0123abcd.unfinished").symlink_to(folder / "notes.unfinished")
    living, descriptor = scratch.file(lambda: folder / "monday.4567cdef.unfinished")
    backups.write(tmp_path / "first", folder / "today", age="", gpg="")
    os.close(descriptor)
    assert {path.name for path in folder.iterdir()} == {
        *("today", "notes.unfinished", "link.0123abcd.unfinished", living.name)
    }
    assert "monday.0123abcd.unfinished: taken away" in " ".join(capsys.readouterr().out.split("\n"))


def test_a_backup_is_not_written_into_what_it_copies(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="lies in the data folder"):
        backups.write(tmp_path / "first", tmp_path / "first" / "backup", age="", gpg="")
    assert not (tmp_path / "first" / "backup").exists()


def test_a_file_of_another_kind_is_not_given_to_gpg(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("my notes")
    with pytest.raises(BackupError, match="is no backup of Dovecote"):
        backups.read(tmp_path / "notes", tmp_path / "second", identity="")


def test_a_backup_for_nobody_known_leaves_no_file(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool("gpg")
    (tmp_path / "gnupg").mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(tmp_path / "gnupg"))
    with pytest.raises(BackupError, match="No public key"):  # nor is one asked for in the network
        backups.write(tmp_path / "first", tmp_path / "sealed", age="", gpg="nobody@example.org")
    assert not list(tmp_path.glob("sealed*"))


def test_a_file_that_exists_is_not_written_over(backup: Path, tmp_path: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(BackupError, match="exists"):
        backups.write(tmp_path / "first", backup, age="", gpg="")
    assert backup.read_bytes() == before


def test_two_backups_at_a_time_under_one_name_leave_a_whole_one(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def another_meanwhile(*given: Any, **more: Any) -> Made:
        if not written:
            written.append(tmp_path / "today")
            backups.write(tmp_path / "first", tmp_path / "today", age="", gpg="")
        return make(*given, **more)

    monkeypatch.setattr(backups, "make", another_meanwhile)
    backups.write(tmp_path / "first", tmp_path / "today", age="", gpg="")
    assert [path.name for path in tmp_path.glob("today*")] == ["today"]
    assert (tmp_path / "today").stat().st_mode & 0o777 == 0o600
    assert brought_back(tmp_path / "today", tmp_path / "second").sessions == 1


@pytest.mark.parametrize(("named", "said"), [("-", "to a file"), ("nowhere/today", "nowhere is no folder")])
def test_a_backup_that_has_no_place_is_refused_in_words(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BackupError, match=said):
        backups.write(tmp_path / "first", Path(named), age="", gpg="")
    assert not (tmp_path / "-").exists()


def test_a_backup_is_written_through_no_link_that_somebody_laid(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "today.unfinished").symlink_to(tmp_path / "victim")
    backups.write(tmp_path / "first", tmp_path / "today", age="", gpg="")
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_pipe_or_a_folder_is_no_backup_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", tmp_path, Path(os.devnull)):
        with pytest.raises(BackupError, match="is no file"):
            backups.read(odd, tmp_path / "second", identity="")


def test_whoever_looks_at_a_held_folder_is_told_what_releases_it(backup: Path, tmp_path: Path) -> None:
    brought_back(backup, tmp_path / "second")
    settings = config(tmp_path / "second")
    [held, *_] = records.look(settings, tmp_path / "second", now_ms(), before_start=False).findings
    assert held.sentence == (
        "Records: restored from a backup and held: nothing is heard or said."
        " Run `dovecote resume` once what it may repeat is all right."
    )
    assert not held.well
    pausing.resume(config(tmp_path / "second"), "", answer=False)
    [first, *_] = records.look(settings, tmp_path / "second", now_ms(), before_start=False).findings
    assert first.well


def test_what_may_repeat_is_said(backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backups.read(backup, tmp_path / "second", identity="")
    said = capsys.readouterr().out
    assert "held: nothing is heard or said before `dovecote resume`" in said
    assert "The host that made the backup must not run any more" in said
    registry = open_registry(tmp_path / "second")
    assert set(resumption.held(registry)) == {"made_at", "restored_at"}
    registry.close()


def test_a_lapse_has_only_what_lies_between(tmp_path: Path, backup: Path) -> None:
    brought_back(backup, tmp_path / "second")
    with beside(tmp_path / "second" / "host.db") as connection:
        made_at = resumption.held(connection)["made_at"]
        assert resumption.release(connection, made_at + 100, answer=False)
        lapse = resumption.lapse(connection)
    assert [lapse.has(made_at + after) for after in (0, 1, 99, 100)] == [False, True, True, False]
