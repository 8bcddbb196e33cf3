"""What a runner loads: a provider's library only where the agent uses that provider, and nothing that a reply can do without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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
LIBRARIES = {"apsw"}  # of others: all that stands before the first look at the mailbox

SCRIPT = """
import json, sys
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
prompt([PromptMessage("m", "chat", True, 1, "U", content.Chat("hello <you>", "Ada"))])
resident = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(json.dumps([sorted(set(sys.modules) - before), resident]))
"""


def loaded(options: dict[str, Any]) -> tuple[set[str], int]:
    """The modules that a runner with the mock provider has when its first prompt is made, and its memory in KiB."""
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
    modules, resident = json.loads(done.stdout)
    return set(modules), int(resident)


@pytest.fixture(scope="module")
def plain() -> tuple[set[str], int]:
    return loaded({})


def test_a_runner_with_the_mock_loads_no_library_but_sqlite_s_and_stays_small(
    plain: tuple[set[str], int],
) -> None:
    modules, resident = plain
    ours = {"runner", "sessiondb"}
    roots = {name.partition(".")[0] for name in modules}
    assert {name for name in roots if name not in sys.stdlib_module_names} - ours == LIBRARIES
    assert resident < IDLE_LIMIT


def test_nothing_that_a_plain_reply_can_do_without_is_loaded_before_it(plain: tuple[set[str], int]) -> None:
    assert plain[0] & LATE == set()


def test_what_speaks_to_mcp_servers_is_loaded_for_agents_that_have_some(
    plain: tuple[set[str], int],
) -> None:
    assert "runner.tools.servers" not in plain[0]
    modules, _ = loaded({"mcp": {"files": {"command": "files-mcp"}}})
    assert "runner.tools.servers" in modules
    assert "mcp" not in modules  # the library itself comes with the first start
