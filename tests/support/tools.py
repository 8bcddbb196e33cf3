"""Programs of the machine that some tests ask: required where everything was promised, else a reason to skip."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def tool(name: str) -> str:
    """Its path; a machine that promised everything has it."""
    if (found := shutil.which(name)) is None:
        if os.environ.get("DOVECOTE_REQUIRE_DOCKER") == "1":
            pytest.fail(f"{name} is missing", pytrace=False)
        pytest.skip(f"{name} is not on this machine")
    return found


def compose() -> tuple[str, ...]:
    """The first kind of compose that is here."""
    for kind in (("docker", "compose"), ("docker-compose",)):
        try:
            if subprocess.run([*kind, "version"], capture_output=True, check=False).returncode == 0:
                return kind
        except FileNotFoundError:
            continue
    return (tool("docker-compose"),)
