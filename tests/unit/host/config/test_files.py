"""Files that people write, and what may lie in their place: read whole, or refused in words, and nobody waits for ever."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from host.config import ConfigError, dotenv, files
from host.config.files import settle, text_of
from host.config.reading import load, load_again

LATEST = 20.0  # s


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dovecote.toml"


def refused(call: Callable[[], object]) -> str:
    """What is said. A thread of its own: whoever waits for ever fails, and holds nothing up."""
    said: list[str] = []

    def run() -> None:
        try:
            call()
        except ConfigError as error:
            said.append(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LATEST)
    assert not thread.is_alive(), "it waits"
    assert said, "it was taken"
    return said[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "is no regular file"),
        (Path.mkdir, "Is a directory"),
        (lambda file: file.symlink_to("/dev/zero"), "is no regular file"),
        (lambda file: file.symlink_to("nowhere"), "no such file"),
        (lambda file: file.symlink_to(file.name), "cannot be read"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "not UTF-8"),
        (lambda file: file.write_text("x = " + "[" * 100_000), "too deeply"),
    ],
    ids=["pipe", "folder", "device", "dangling link", "link to itself", "bytes", "depth"],
)
def test_what_is_no_configuration_is_refused_at_once(
    file: Path, make: Callable[[Path], object], words: str
) -> None:
    make(file)
    assert words in refused(lambda: load(file))


def test_what_is_too_large_is_not_taken_into_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 100)
    file.write_text("# " + "x" * 97 + "\n")
    load(file)
    file.write_text("# " + "x" * 98 + "\n")
    assert "is larger than" in refused(lambda: load(file))


def test_secrets_beside_it_are_read_as_carefully(tmp_path: Path) -> None:
    secrets = tmp_path / ".env"
    assert dotenv.read(secrets) == {}
    os.mkfifo(secrets)
    assert "is no regular file" in refused(lambda: dotenv.read(secrets))


def test_lines_may_end_as_on_any_system_and_begin_with_a_mark(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfdata = 'a'\r\n# x\rb\n")
    assert text_of(file) == "data = 'a'\n# x\nb\n"


def test_a_file_that_was_left_alone_is_read_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("")
    long_ago = time.time() - 10
    os.utime(file, (long_ago, long_ago))
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    settle(file)


class Writing:
    """Somebody who writes a line at each pause, instead of the time passing."""

    def __init__(self, *lines: Callable[[], object]) -> None:
        self._lines = list(lines)
        self.waited = 0

    def __call__(self, _: float) -> None:
        self.waited += 1
        if self._lines:
            self._lines.pop(0)()


def test_a_file_that_is_half_written_is_read_when_it_is_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[host]\nzone = 'UTC'\n")

    def more(text: str) -> Callable[[], object]:
        return lambda: file.write_text(f"{file.read_text()}{text}")

    writing = Writing(more("[access]\n"), more("unknown = 'deny'\n"), more("external = 'allow'\n"))
    monkeypatch.setattr(time, "sleep", writing)
    found = load_again(file, was_there=True)
    assert (found.access.unknown, found.access.external) == ("deny", "allow")
    assert writing.waited == 4


def test_a_file_that_an_editor_takes_away_for_a_moment_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", Writing(lambda: None, lambda: file.write_text("data = 'there'\n")))
    assert load_again(file, was_there=True).data == Path("there")


def test_a_file_that_is_gone_or_never_done_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", Writing())
    assert "is gone" in refused(lambda: load_again(file, was_there=True))
    more = [lambda n=n: file.write_text("#" * n) for n in range(100)]
    monkeypatch.setattr(time, "sleep", Writing(*more))
    file.write_text("")
    assert "all the time" in refused(lambda: load_again(file, was_there=True))


def test_a_host_that_began_without_a_file_goes_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "sleep", Writing())
    assert load_again(None, was_there=False) == load(None)
    assert "is gone" in refused(
        lambda: load_again(None, was_there=True)
    )  # not the defaults in place of what it said
