"""What a runner loads: a provider's library only where the agent uses that provider."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
IDLE_LIMIT = 35 * 1024  # KiB of resident memory of an idle runner with the mock provider

SCRIPT = """
import sys
from pathlib import Path
import runner.__main__
from runner.providers.factory import make
from runner.settings import Agent, Settings
from sessiondb import SessionFolder

make(Settings(SessionFolder(Path("/nowhere")), Path("/nowhere"), Path("/nowhere"), "i", Agent("a")))
print(sorted({"anthropic", "pydantic", "mcp", "httpx2"} & set(sys.modules)))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def test_a_runner_with_the_mock_loads_no_model_library_and_stays_small() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded, resident = done.stdout.splitlines()
    assert loaded == "[]"
    assert int(resident) < IDLE_LIMIT
