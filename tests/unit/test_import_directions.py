"""bots → host → sessiondb ← runner, and one module per library: read from the source, so no import can hide."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("sources")  # one process reads them, for all

ROOT = Path(__file__).resolve().parents[2]
OURS = {"bots", "host", "runner", "sessiondb", "tests", "bench"}
ALLOWED = {
    "sessiondb": {"sessiondb"},
    "runner": {"runner", "sessiondb"},
    "host": {"host", "sessiondb"},
    "bots": {"bots", "host", "sessiondb"},
}
ONLY_IN: dict[str, str | tuple[str, ...]] = {
    "docker": ("host/runners/launch/docker.py", "host/runners/launch/engine.py"),
    "slack_bolt": "bots/slack/",
    "slack_sdk": "bots/slack/",
    "discord": "bots/discord/",
    "anthropic": "runner/providers/claude.py",
    "claude_agent_sdk": "runner/providers/claude_code.py",
    "mcp": ("host/gateway/oauth.py", "runner/tools/"),
    "opentelemetry": "host/upkeep/traces.py",
    "cryptography": "host/folders/seal.py",
}
FLOORS = (  # of host/, from the top down: a room imports only what stands below it
    "cli",
    "app",
    "web",
    "assembly",
    "upkeep",
    "controls",
    "live",
    "runners",
    "schedule",
    "gateway",
    "intake",
    "delivery",
    "webhooks",
    "mailbox",
    "governance",
    "registry",
    "ports",
    "folders",
    "config",
    "words",
)
SEEN_BY_BOTS = {"host.ports", "host.config", "host.words"}
EXTRAS = {
    "psycopg",
    "claude_agent_sdk",
}  # of which a fresh machine has none; that of traces is among the tools of tests
MOST_ON_THE_GROUND = 8  # modules directly in host/; everything else has a room
HEAVY = {
    "opentelemetry",
    "pydantic",
    "mcp",
    "anthropic",
    "claude_agent_sdk",
    "aiohttp",
    "structlog",
    "rich",
    "typer",
}


@cache
def read(path: Path) -> tuple[set[ast.stmt], list[ast.Import | ast.ImportFrom]]:
    """What stands at the top of a module, and each import anywhere in it; read once, for every test asks."""
    tree = ast.parse(path.read_text("utf-8"))
    found, left = list[ast.Import | ast.ImportFrom](), list[ast.AST](tree.body)
    while left:  # an import is a statement: none is looked for in expressions, which are most of a tree
        node = left.pop(0)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.append(node)
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, ())
            left += inner if isinstance(inner, list) else ()
    return set(tree.body), found


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Each imported top-level package, and whether it is imported when the module is."""
    top, nodes = read(path)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0], node in top


def modules(package: str) -> Iterator[tuple[str, set[str]]]:
    """Each module of a package by its dotted name, and what of ours it imports, by dotted names."""
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found: set[str] = set()
        for node in read(path)[1]:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {_whole(node.module, alias.name) for alias in node.names}
        yield name, {one for one in found if one.split(".")[0] in OURS}


def _whole(package: str, name: str) -> str:
    """`from package import name` names a module, or something in one."""
    place = ROOT.joinpath(*package.split("."), name)
    return f"{package}.{name}" if place.is_dir() or place.with_suffix(".py").exists() else package


def path_of(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split("."))
    found = [path for path in (place / "__init__.py", place.with_suffix(".py")) if path.exists()]
    return found[0] if found else None


def imported_with(path: Path) -> Iterator[str]:
    """The whole names of what is imported when the module is, with the packages that these are in; below a line by which a
    module of tests is skipped without something it needs not."""
    top, nodes = read(path)
    skips = (
        one.lineno for one in top if isinstance(one, ast.If) and "allow_module_level" in ast.unparse(one)
    )
    last = min(skips, default=sys.maxsize)
    for node in nodes:
        if node not in top or node.lineno > last:
            continue
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [_whole(node.module or "", name) for name in names]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_only_the_way_the_design_says(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / package).rglob("*.py")
        for name, _ in imports(path)
        if name in OURS and name not in ALLOWED[package]
    ]
    assert wrong == []


def test_the_rooms_of_the_host_import_downward() -> None:
    floors = {f"host.{room}": floor for floor, room in enumerate(FLOORS)}
    wrong = [
        f"{name} imports {other}"
        for name, imported in modules("host")
        for other in imported
        if name != "host" and other.startswith("host.")
        if floors[room_of(other)] <= floors[room_of(name)] and room_of(other) != room_of(name)
    ]
    assert wrong == []


def test_bots_know_of_the_host_its_ports_and_its_configuration() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, imported in modules("bots")
        for other in imported
        if other.split(".")[0] == "host" and room_of(other) not in SEEN_BY_BOTS
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ALLOWED)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    left = {name: {other for other in imported if other != name} for name, imported in modules(package)}
    while free := {name for name, imported in left.items() if not imported & left.keys()}:
        left = {name: imported for name, imported in left.items() if name not in free}
    assert left == {}


def test_few_modules_stand_directly_in_the_host() -> None:
    ground = [path.name for path in (ROOT / "host").glob("*.py")]
    rooms = [path.name for path in (ROOT / "host").iterdir() if (path / "__init__.py").exists()]
    assert len(ground) <= MOST_ON_THE_GROUND
    assert sorted(room for room in FLOORS if f"{room}.py" not in ground and room not in rooms) == []


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
        and path.relative_to(ROOT).as_posix() not in ("host/registry/db.py", "host/registry/migrating.py")
        and "host/mailbox" not in path.as_posix()
        and "host/upkeep/backups" not in path.as_posix()  # whole files, not what is in them
        and path.relative_to(ROOT).as_posix() != "host/upkeep/searching/index.py"  # its own, made again
    ]
    assert wrong == []


def test_what_tests_share_stands_in_one_folder() -> None:
    rooms = ("unit", "integration", "acceptance", "hostile")
    wrong = [
        f"{name} imports {other}"
        for name, imported in modules("tests")
        for other in imported
        if other.startswith(tuple(f"tests.{room}." for room in rooms))
    ]
    assert wrong == []


def test_tests_are_collected_on_a_machine_without_any_extra() -> None:
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path.name.startswith(("test_", "conftest"))]
    left: list[tuple[Path, str]] = [(path, path.relative_to(ROOT).as_posix()) for path in tests]
    seen, wrong = {path for path, _ in left}, list[str]()
    while left:
        path, way = left.pop()
        for name in set(imported_with(path)):
            if name in EXTRAS:
                wrong.append(f"{way} > {name}")
            found = path_of(name) if name.split(".")[0] in OURS else None
            if found is not None and found not in seen:
                seen.add(found)
                left.append((found, f"{way} > {name}"))
    assert len(seen) > len(tests) > 400
    assert wrong == []
