"""What a runner loads: a provider's library only where the agent uses that provider, and nothing that a reply can do without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[3]
IDLE_LIMIT = 35 * 1024  # KiB of resident memory of an idle runner with the mock provider
LATE = {  # of the standard library: what takes long to import, and only some turn needs
    "argparse",
    "ctypes",
    "difflib",
    "email",
    "hashlib",
    "http",
    "importlib.metadata",
    "importlib.resources",
    "mimetypes",
    "multiprocessing",
    "random",
    "secrets",
    "shutil",
    "sqlite3",
    "tempfile",
    "urllib.request",
    "uuid",
    "xml",
    "zipfile",
    "zoneinfo",
}
WRITTEN_ANEW = {"SessionFolder"}  # it keeps the paths that it has put together
LIBRARIES = {"apsw"}  # of others: all that stands before the first look at the mailbox

SCRIPT = """
import dataclasses, json, re, sys
from pathlib import Path
before = set(sys.modules)
import runner.__main__
from runner.providers.factory import make
from runner.settings import Agent, Settings
from runner.tools.kit import Kit
from sessiondb import SessionFolder, content
from sessiondb.options import Options

options = Options.of(json.loads(sys.argv[1]))
settings = Settings(SessionFolder(Path("/nowhere")), Path("/nowhere"), Path("/nowhere"), "i", Agent("a", options=options))
make(settings)
Kit(settings, None)
from runner.formatter import PromptMessage, prompt
prompt([PromptMessage("m", "chat", True, 1, "U", content.Chat("hello <you>", "Ada", zone="UTC"))])
resident = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS"))
ours = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("runner", "sessiondb")]
held = {id(held): held for module in ours for held in vars(module).values()}.values()
patterns = [found.pattern for found in held if isinstance(found, re.Pattern)]
compiled = [
    found.__name__
    for found in held
    if isinstance(found, type) and dataclasses.is_dataclass(found) and getattr(found.__eq__, '__module__', '') == found.__module__
]
print(json.dumps([sorted(set(sys.modules) - before), resident, patterns, compiled]))
"""


class Loaded(NamedTuple):
    """What a runner with the mock provider has when its first prompt is made."""

    modules: set[str]
    resident: int  # KiB
    patterns: list[str]  # regular expressions that it has compiled
    compiled: list[str]  # records whose methods it has compiled


def loaded(options: dict[str, Any]) -> Loaded:
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"import sys; sys.path[:0] = {sys.path!r}\n{SCRIPT}",
            json.dumps(options),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    modules, resident, patterns, compiled = json.loads(done.stdout)
    return Loaded(set(modules), int(resident), patterns, compiled)


@pytest.fixture(scope="module")
def plain() -> Loaded:
    return loaded({})


def test_a_runner_with_the_mock_loads_no_library_but_sqlite_s_and_stays_small(
    plain: Loaded,
) -> None:
    ours = {"runner", "sessiondb"}
    roots = {name.partition(".")[0] for name in plain.modules}
    assert {name for name in roots if name not in sys.stdlib_module_names} - ours == LIBRARIES
    assert plain.resident < IDLE_LIMIT


def test_nothing_that_a_plain_reply_can_do_without_is_loaded_before_it(plain: Loaded) -> None:
    assert plain.modules & LATE == set()


def test_a_start_compiles_neither_patterns_nor_the_methods_of_records(plain: Loaded) -> None:
    assert plain.patterns == []
    assert set(plain.compiled) == WRITTEN_ANEW


def test_what_speaks_to_mcp_servers_is_loaded_for_agents_that_have_some(
    plain: Loaded,
) -> None:
    assert "runner.tools.servers" not in plain.modules
    modules = loaded({"mcp": {"files": {"command": "files-mcp"}}}).modules
    assert "runner.tools.servers" in modules
    assert "mcp" not in modules  # the library itself comes with the first start
