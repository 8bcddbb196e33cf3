"""bots → host → sessiondb ← runner, and one module per library: read from the source, so no import can hide."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {"bots", "host", "runner", "sessiondb", "tests", "bench"}
ALLOWED = {
    "sessiondb": {"sessiondb"},
    "runner": {"runner", "sessiondb"},
    "host": {"host", "sessiondb"},
    "bots": {"bots", "host", "sessiondb"},
}
ONLY_IN = {
    "docker": "host/runners/launch/docker.py",
    "slack_bolt": "bots/slack/",
    "slack_sdk": "bots/slack/",
    "discord": "bots/discord/",
    "anthropic": "runner/providers/claude.py",
    "claude_agent_sdk": "runner/providers/claude_code.py",
}
HEAVY = {"pydantic", "mcp", "anthropic", "claude_agent_sdk", "aiohttp", "structlog", "rich", "typer"}


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Each imported top-level package, and whether it is imported when the module is."""
    tree = ast.parse(path.read_text("utf-8"))
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0], id(node) in top


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_only_the_way_the_design_says(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / package).rglob("*.py")
        for name, _ in imports(path)
        if name in OURS and name not in ALLOWED[package]
    ]
    assert wrong == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_platform_s_library_is_imported_in_one_place(library: str) -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for package in ALLOWED
        for path in (ROOT / package).rglob("*.py")
        if any(name == library for name, _ in imports(path))
        and not str(path.relative_to(ROOT)).startswith(ONLY_IN[library])
    ]
    assert wrong == []


def test_sessiondb_and_the_runner_s_start_stay_light() -> None:
    light = [*(ROOT / "sessiondb").rglob("*.py"), *(ROOT / "runner").glob("*.py")]
    wrong = [
        f"{p.name}: {name}" for p in light for name, at_start in imports(p) if at_start and name in HEAVY
    ]
    assert wrong == []


def test_only_an_engine_of_the_registry_and_the_mailbox_open_databases() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "host").rglob("*.py")
        if any(name == "apsw" for name, _ in imports(path))
        and path.relative_to(ROOT).as_posix() != "host/registry/db.py"
        and "host/mailbox" not in path.as_posix()
    ]
    assert wrong == []
