"""The command line before it does anything: what it imports, what it knows, how it refuses."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from host.cli.main import app
from tests.support.waiting import DEADLINE

HEAVY = (
    "pydantic",
    "aiohttp",
    "discord",
    "slack_sdk",
    "slack_bolt",
    "docker",
    "apsw",
    "structlog",
    "prompt_toolkit",
    "mcp",
)
COMMANDS = (
    "chat",
    "up",
    "sessions",
    "why",
    "stop",
    "usage",
    "access",
    "audit",
    "channel",
    "feedback",
    "grants",
    "send",
    "doctor",
    "health",
    "setup",
    "tasks",
)

run = CliRunner().invoke


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["tasks", "--help"], ["doctor", "-h"]])
def test_help_imports_nothing_that_it_does_not_need(arguments: list[str]) -> None:
    """Which is why it is there at once: what is heavy is imported by the command that needs it. Typer itself takes pydantic
    for the options of one command."""
    heavy = [name for name in HEAVY if name != "pydantic" or arguments[0].startswith("-")]
    looking = (
        "import sys\nfrom host.cli.main import app\ntry:\n    app(" + repr(arguments) + ")\n"
        f"finally:\n    print('HEAVY', [name for name in {heavy!r} if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", looking], capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    assert said.stdout.splitlines()[-1] == "HEAVY []"


def test_help_by_either_name_names_every_command() -> None:
    short, long = run(app, ["-h"]), run(app, ["--help"])
    assert short.exit_code == long.exit_code == 0
    assert short.output == long.output
    assert [name for name in COMMANDS if f" {name} " not in long.output] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    said = run(app, [command, "-h"])
    assert said.exit_code == 0
    assert "Usage" in said.output


def test_the_version_is_said() -> None:
    for option in ("--version", "-V"):
        said = run(app, [option])
        assert (said.exit_code, said.output.strip()) == (0, f"Dovecote {version('dovecote')}")


def test_a_slip_of_the_finger_is_refused_with_the_nearest() -> None:
    said = run(app, ["sesions"])
    assert said.exit_code == 2
    assert "Did you mean 'sessions'?" in said.output


def test_a_shell_is_given_its_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_DOVECOTE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "dovecote se")
    monkeypatch.setenv("COMP_CWORD", "1")
    said = run(app, [], prog_name="dovecote")
    assert said.output.split() == ["sessions", "send", "setup"]


LISTS = (
    ["sessions"],
    ["sessions", "--usage"],
    ["tasks"],
    ["tasks", "list"],
    ["usage"],
    ["audit"],
    ["feedback"],
    ["access"],
)


@pytest.mark.parametrize("command", LISTS)
def test_before_the_first_start_a_list_is_empty_and_no_fault(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for said in (run(app, command), run(app, [*command, "--json"])):
        assert said.exit_code == 0, said.output
        assert said.output.strip()
    assert list(tmp_path.iterdir()) == []
