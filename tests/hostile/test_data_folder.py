"""The data folder as other users of the machine meet it, and as a runner of another user does."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.folders import ownership
from host.ports.bot import Fetched
from host.ports.events import Author, IncomingFile
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.dockers import containers_of, docker_config, docker_serving
from tests.support.redteam import Seat, attack, twin, walled
from tests.support.waiting import DEADLINE

pytestmark = attack(Seat.LOCAL, 16)

pytest_plugins = ["tests.support.engine"]

ADA = Author("U1", "Ada")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


class FileBot(MemoryBot):
    async def fetch(self, place: Address, file: IncomingFile, path: Path, most: int) -> Fetched:
        await asyncio.to_thread(path.write_text, f"what {file.reference} holds\n")
        return Fetched()


def open_to_others(folder: Path) -> list[str]:
    return [
        f"{stat.filemode(path.lstat().st_mode)} {path.relative_to(folder)}"
        for path in [folder, *folder.rglob("*")]
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]


def dovecote(
    folder: Path, *arguments: str, umask: int, said: str = "", without: str = ""
) -> subprocess.CompletedProcess[str]:
    """`without`: a function of `host.folders.modes` that does nothing."""
    naive = f"from host.folders import modes; modes.{without} = lambda *_: ''; " if without else ""
    return subprocess.run(
        [sys.executable, "-c", f"{naive}from host.cli import main; main()", *arguments],
        cwd=folder,
        env={n: v for n, v in os.environ.items() if not n.startswith("ANTHROPIC")} | {"COLUMNS": "200"},
        input=said,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        umask=umask,
    )


@walled
@pytest.mark.docker
@pytest.mark.usefixtures("umask")
async def test_a_file_that_arrives_in_mid_turn_belongs_to_the_runner_that_has_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, standing: bool
) -> None:
    """The host's umask lets nobody in, and a host that runs as root has a runner of another user."""
    if not standing:
        if os.geteuid() != 0:
            pytest.skip("another host's files are its runner's")
        monkeypatch.setattr(ownership, "as_its_folder", lambda _: None)
    async with docker_serving(docker_config(tmp_path / "data", image), FileBot()) as (host, bot):
        first = await bot.say("c", "@@stream 20", author=ADA)
        await bot.until(lambda: bool(bot.shown))
        file = IncomingFile("note.txt", "text/plain", 10, "the note")
        second = await bot.say("c", "look at this", author=ADA, files=(file,))
        [container] = containers_of(tmp_path / "data", image)
        looking = f"cat /session/inbound/files/{second.message_id}/* && test ! -w /session/inbound/files"
        code, output = await asyncio.to_thread(container.exec_run, ["bash", "-c", looking])
        assert ((code, output) == (0, b"what the note holds\n")) is standing
        await host.settled(first.message_id)
        await host.settled(second.message_id)


@walled
def test_nothing_of_the_data_folder_is_open_to_others_whatever_the_umask(
    tmp_path: Path, standing: bool
) -> None:
    said = '@@call mock_append {"file": "a", "line": "x"}\n@@call mock_append {"file": "b", "line": "x", "shared": true}\n'
    without = "" if standing else "keep_private"
    assert dovecote(tmp_path, "chat", umask=0, said=said, without=without).returncode == 0
    assert list((tmp_path / "data").glob("sessions/*/work/a"))
    assert (open_to_others(tmp_path / "data") == []) is standing


def test_an_older_wider_folder_is_named_by_start_and_doctor_and_closed_on_request(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert dovecote(tmp_path, "chat", umask=0, said="hello\n").returncode == 0
    for path in [data, *data.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)

    looked = dovecote(tmp_path, "doctor", umask=0)
    dovecote(tmp_path, "chat", umask=0, said="hello\n")
    assert "other users of this machine can look into it (mode 0777)" in looked.stdout
    assert "dovecote doctor --mend" in looked.stdout
    assert "other users of this machine" in (data / "logs" / "host.log").read_text()
    assert open_to_others(data), "neither of them changes what was not asked for"

    mended = dovecote(tmp_path, "doctor", "--mend", umask=0)
    assert "other users" not in mended.stdout
    theirs = (
        "outbound/",
        "work/",
    )  # inside of these a container sets the modes, and nobody else gets that far
    assert [line for line in open_to_others(data) if not any(name in line for name in theirs)] == []


@twin("test_an_older_wider_folder_is_named_by_start_and_doctor_and_closed_on_request")
def test_a_wider_folder_that_nobody_looks_at_stays_as_wide(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)

    looked = dovecote(tmp_path, "doctor", umask=0, without="openness")
    dovecote(tmp_path, "doctor", "--mend", umask=0, without="close")

    assert "other users of this machine" not in looked.stdout
    assert open_to_others(tmp_path / "data")
