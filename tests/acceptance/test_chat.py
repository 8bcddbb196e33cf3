"""The main job through the front door: lines in, replies out, whatever is killed in between."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.config import provider
from tests.support.dockers import clean_up, containers_of
from tests.support.dovecote import Folder
from tests.support.waiting import DEADLINE, until

pytest_plugins = ["tests.support.engine"]


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    """A folder whose runners are processes, and one whose runners live in containers; none is left at the end."""
    made = Folder(tmp_path)
    if request.param == "process":
        yield made
        made.kill_runners()
        return
    image = str(request.getfixturevalue("image"))
    (tmp_path / "dovecote.toml").write_text(f'[runner]\nlauncher = "docker"\nimage = "{image}"\n')
    yield made
    left = containers_of(tmp_path / "data", image)
    clean_up(tmp_path / "data", image)
    assert left == []
    assert len(list(tmp_path.glob("data/sessions/*/runner.log"))) == 1  # what the container printed is kept


def test_each_line_gets_one_reply_in_order_and_the_program_ends(either: Folder) -> None:
    either.fresh = True
    done = either.chat("hello", "how are you")
    assert done.stdout.decode().splitlines() == ["hello", "how are you"]
    assert done.returncode == 0
    assert done.stderr.decode() == f"{provider.ECHO}. {provider.REMEDY}.\n"


def test_an_order_to_the_host_is_answered_among_messages(folder: Folder) -> None:
    done = folder.chat("hello", "!status", "!usage", "and on")
    lines = done.stdout.decode().splitlines()
    assert (lines[0], lines[-1]) == ("hello", "and on")
    assert "Nothing is running here." in lines
    assert any(line.startswith("**Today:**") for line in lines)
    log = (folder.path / "data" / "logs" / "host.log").read_text()
    assert "Traceback" not in log
    assert log.count("action=in ") == 4  # nothing was said a second time


def test_the_same_with_bells_switched_off(folder: Folder) -> None:
    (folder.path / "dovecote.toml").write_text("[host]\nbells = false\n")
    assert folder.chat("hello", "how are you").stdout.decode().splitlines() == ["hello", "how are you"]


def test_a_conversation_goes_on_after_a_restart(either: Folder) -> None:
    either.chat("one")
    assert either.chat("two").stdout.decode().splitlines() == ["two"]
    assert either.replies() == ["one", "two"]


def test_a_runner_killed_in_mid_turn_costs_nothing(folder: Folder) -> None:
    process = folder.start()
    assert process.stdin is not None
    process.stdin.write(b'@@call mock_append {"file": "ran", "line": "x"}\n')
    process.stdin.write(b"@@sleep 4\n")
    process.stdin.flush()
    until(lambda: folder.effects("ran") and len(folder.lines()) >= 3)
    folder.kill_runners()
    process.stdin.write(b"after\n")
    out, _ = process.communicate(timeout=DEADLINE)
    assert out.decode().splitlines() == ["appended to ran", "(done)", "after"]
    assert folder.effects("ran") == ["x"]


@pytest.mark.parametrize("moment", ["typed", "started", "working", "answered"])
def test_a_host_killed_at_any_moment_answers_exactly_once_after_a_restart(
    folder: Folder, moment: str
) -> None:
    reached = {
        "typed": lambda: folder.lines(),
        "started": lambda: list(folder.path.glob("data/sessions/*/inbound/inbound.db")),
        "working": lambda: list(folder.path.glob("data/sessions/*/outbound/outbound.db")),
        "answered": lambda: folder.replies(),
    }
    process = folder.start()
    assert process.stdin is not None
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    until(reached[moment])
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=DEADLINE)
    assert folder.chat().returncode == 0
    assert folder.chat("and again").stdout.decode().splitlines() == ["and again"]
    assert folder.replies() == ["hello", "and again"]


def test_sigterm_drains_and_a_message_under_way_is_answered_later(either: Folder) -> None:
    process = either.start()
    assert process.stdin is not None
    process.stdin.write(b"hello\n@@sleep 1\n")
    process.stdin.flush()
    until(lambda: len(either.lines()) >= 3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE)
    either.chat()
    assert either.replies() == ["hello", "(done)"]
    assert either.runner_pids() == []
