"""Bad input and bad surroundings: one clear line, nothing lost, no traceback."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dovecote import Folder
from tests.support.waiting import DEADLINE, until


def refused(done: subprocess.CompletedProcess[bytes], *words: str) -> None:
    text = done.stderr.decode()
    assert done.returncode == 2, text
    assert "Traceback" not in text
    for word in words:
        assert word in text, text


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[host\n", ["dovecote.toml", "not TOML"]),
        ("datta = 'x'\n", ["dovecote.toml", "datta", "unknown key", "dovecote.example.toml"]),
        ("[host]\nzone = 'Mars/Base'\n", ["host.zone", "IANA"]),
        ("[[routes]]\nagent = 'nobody'\n", ["routes[0].agent", "nobody", "default"]),
        ("[[routes]]\nengage = 'pattern'\n", ["pattern"]),
        (
            "[[tasks]]\nname = 'a'\nprompt = 'p'\ncron = '@daily'\nto = { platform = 'slack', channel = 'C1' }\n",
            ["tasks[0].to", "workspace", "begins with T"],
        ),
        (
            "[webhooks.ci]\nsecret_env = 'S'\nplatform = 'slack'\nchannel = 'C1'\n",
            ["webhooks.ci", "workspace", "begins with T"],
        ),
        ("[runner]\nidle_exit = -1\n", ["runner.idle_exit"]),
        ("\udcff", ["UTF-8"]),
    ],
)
def test_a_broken_configuration_names_file_key_and_remedy(
    folder: Folder, toml: str, words: list[str]
) -> None:
    (folder.path / "dovecote.toml").write_bytes(toml.encode("utf-8", "surrogateescape"))
    refused(folder.chat("hello"), *words)


def test_a_configuration_that_is_named_must_exist(folder: Folder) -> None:
    refused(folder.chat("hello", arguments=("--config", "nowhere.toml")), "nowhere.toml", "no such file")


def test_a_second_host_on_the_same_folder_is_refused(folder: Folder) -> None:
    first = folder.start()
    assert first.stdin is not None
    until(lambda: (folder.path / "data" / "host.db").exists())
    refused(folder.chat("hello"), "another dovecote")
    first.communicate(b"still here\n", timeout=DEADLINE)
    assert folder.replies() == ["still here"]


def test_a_data_folder_that_is_a_file_is_refused(folder: Folder) -> None:
    (folder.path / "data").write_text("")
    refused(folder.chat("hello"), "data")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        place = tmp_path / "ro"
        place.mkdir(mode=0o500)
        yield place
        return
    place = tmp_path / "ro"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_read_only_disk_is_refused(folder: Folder, read_only: Path) -> None:
    (folder.path / "dovecote.toml").write_text(f"data = '{read_only}/data'\n")
    refused(folder.chat("hello"), str(read_only))


def test_a_message_of_a_megabyte_is_answered_whole(folder: Folder) -> None:
    long = "a" * 1_000_000
    done = folder.chat(long)
    assert done.returncode == 0
    assert done.stdout.decode().replace("\n", "") == long


def test_invalid_utf8_is_answered_and_said_so(folder: Folder) -> None:
    done = folder.chat_bytes(b"caf\xe9\nnext\n")
    assert done.returncode == 0
    assert done.stdout.decode().splitlines() == ["caf�", "next"]
    assert b"line 1 is not UTF-8" in done.stderr
