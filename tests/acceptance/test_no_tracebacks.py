"""Whatever is broken, a command ends in words and an exit code."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.support.commands import Command, Ended
from tests.support.installation import Installation, installation
from tests.support.started import fresh, ran
from tests.support.waiting import until

COMMANDS = (
    ("sessions",),
    ("sessions", "--usage"),
    ("tasks",),
    ("tasks", "show", "t1"),
    ("tasks", "pause", "t1"),
    ("usage",),
    ("audit",),
    ("feedback",),
    ("channel", "slack/T1/C1"),
    ("channel", "slack/T1/C1", "--revert", "1"),
    ("access",),
    ("access", "slack:U1", "allow"),
    ("why", "m1234567"),
    ("stop", "s1"),
    ("send", "slack/T1/C1", "hello", "--wait", "0"),
    ("health",),
    ("doctor",),
)
NOBODY = 65534


@contextmanager
def garbage(place: Installation) -> Iterator[None]:
    place.records().write_bytes(b"no database" * 900)
    yield


@contextmanager
def a_table_missing(place: Installation) -> Iterator[None]:
    for table in ("sessions", "users", "spent", "audit", "inbox"):
        place.change_records(f"DROP TABLE {table}")
    yield


@contextmanager
def a_folder_instead(place: Installation) -> Iterator[None]:
    place.records().unlink()
    (place.data / "host.db").mkdir()
    yield


@contextmanager
def a_newer_version(place: Installation) -> Iterator[None]:
    place.change_records("PRAGMA user_version = 999")
    yield


@contextmanager
def another_owner(place: Installation) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    place.records()
    place.command.uid = NOBODY
    yield


@contextmanager
def a_full_disk(place: Installation) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    place.data.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(place.data)], check=True)
    try:
        place.records()
        with (place.data / "ballast").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                pass
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place.data)], check=True)


@pytest.mark.parametrize(
    "state", [garbage, a_table_missing, a_folder_instead, a_newer_version, another_owner, a_full_disk]
)
async def test_every_command_ends_in_words(
    state: Callable[[Installation], AbstractContextManager[None]], open_folder: Path
) -> None:
    async with installation(open_folder) as place:
        with state(place):
            for command in COMMANDS:
                ended: Ended = await asyncio.to_thread(place.command.run, *command)
                assert ended.code in (0, 1, 2, 3), (command, ended)
                assert "Traceback" not in ended.said, (command, ended.said)
                assert ended.said.strip(), command
                assert "own, " not in ended.said, (command, ended.said)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach."""
    with tempfile.TemporaryDirectory(prefix="dovecote-words-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_fault_of_our_own_is_one_line_and_asks_to_be_reported(open_folder: Path) -> None:
    command = Command(open_folder, before=_broken)
    ended = command.run("sessions")
    assert ended.code == 70
    assert len(ended.said.strip().splitlines()) == 1
    assert "a fault of Dovecote's own, KeyError: 'no such thing'" in ended.said
    command.environment["DOVECOTE_TRACEBACK"] = "1"
    assert "Traceback" in command.run("sessions").said


def _broken() -> None:
    from host.cli import inspect

    def show(*_: object, **__: object) -> None:
        raise KeyError("no such thing")

    inspect.show_sessions = show


def test_a_reader_that_is_gone_is_no_fault(open_folder: Path) -> None:
    """`dovecote --help | head -1`"""
    reading, writing = os.pipe()
    os.close(reading)
    ended = ran("sessions", folder=open_folder, environment=os.environ, begin=fresh, stdout=writing)
    os.close(writing)
    assert ended.returncode in (1, 141)
    assert "Traceback" not in ended.stderr


ATTACKS: tuple[tuple[Callable[[Path], object], str], ...] = (
    (os.mkfifo, "is no regular file"),
    (lambda file: None, "is gone"),
    (lambda file: file.symlink_to("/dev/zero"), "is no regular file"),
    (lambda file: file.write_bytes(b"\xff\xfe"), "not UTF-8"),
    (
        lambda file: file.touch(),
        "Owners",
    ),  # half written, and a configuration all the same: one without owners
    (lambda file: file.write_text("x = " + "[" * 100_000), "too deeply"),
)


def refused_more_often(out: Path, before: int) -> bool:
    return out.read_text().count("Reload refused") > before


async def test_up_reloads_whole_or_not_at_all_and_drains_when_it_is_told_to_end(open_folder: Path) -> None:
    async with installation(open_folder) as place:
        process, out = await asyncio.to_thread(place.command.start, "up")
        assert process.pid is not None
        file = place.folder / "dovecote.toml"
        written = file.read_text()
        try:
            await asyncio.to_thread(until, lambda: "Slack is connected" in out.read_text())
            file.write_text(f"{written}\n[access.more]\nwhom = 1\n")
            os.kill(process.pid, signal.SIGHUP)
            await asyncio.to_thread(until, lambda: "Reload refused" in out.read_text())
            assert "access.more" in out.read_text()
            wrong = await asyncio.to_thread(place.command.run, "reload")
            assert (wrong.code, "access.more" in wrong.said) == (2, True)
            for attack, words in ATTACKS:
                before = out.read_text().count("Reload refused")
                file.unlink()
                attack(file)
                os.kill(process.pid, signal.SIGHUP)
                refusals = functools.partial(refused_more_often, out, before)
                await asyncio.to_thread(until, refusals)
                assert words in out.read_text().rpartition("Reload refused")[2]
                if file.exists():
                    file.unlink()
                file.touch()
            file.write_text(written.replace('"claude"', '"mock"'))
            os.kill(process.pid, signal.SIGHUP)
            await asyncio.to_thread(
                until, lambda: "agents.default.provider: claude → mock" in out.read_text()
            )
            again = await asyncio.to_thread(place.command.run, "reload")
            assert (again.code, again.said.strip()) == (0, "nothing has changed"), again.said
            assert process.is_alive()
        finally:
            os.kill(process.pid, signal.SIGTERM)
            await asyncio.to_thread(process.join, 60)
        assert process.exitcode == 0
        assert "Traceback" not in out.read_text()
        channel = place.conversation().name  # one in the channel that the bot was told the name of
        listed = await asyncio.to_thread(place.command.run, "sessions")
        assert channel[:8] in listed.said
        assert "#general, Slack" in listed.said
