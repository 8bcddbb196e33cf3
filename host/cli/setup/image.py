"""What conversations run in: an image, built with its progress shown, or this machine's own processes, by name."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from host.config import Config
from host.ports.setup import SetUpFailed

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / "runner" / "build-image"
BASE = "python:3.12-slim-bookworm"
WHEELS = 45  # hundredths that the libraries' download takes, the rest is the engine's
STEP = re.compile(r"(?:Step |\[(?:\w+ )?)(\d+)/(\d+)")  # as the classic builder and BuildKit tell it


def share(line: str, before: int) -> int:
    """How far the build has come, in hundredths, after a line of its output."""
    if step := STEP.search(line):
        return max(before, WHEELS + int(step[1]) * (99 - WHEELS) // max(1, int(step[2])))
    if line.startswith(("Collecting ", "Saved ")):
        return max(before, min(before + 1, WHEELS))
    return before


async def build(config: Config, base: str, out: Console) -> None:
    """Raises `SetUpFailed` with the end of what the build said."""
    if not BUILD.exists():
        raise SetUpFailed(f"Build {config.runner.image} from a checkout: `make image`")
    command = [str(BUILD), "runner", base or BASE, config.runner.image]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable, "LOUD": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said: list[str] = []
    columns = (TextColumn("  building {task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True) as progress:
        task = progress.add_task(config.runner.image, total=100)
        done = 0
        assert process.stdout is not None  # noqa: S101 - piped above
        while line := (await process.stdout.readline()).decode("utf-8", "replace"):
            said.append(line.rstrip())
            done = share(line, done)
            progress.update(task, completed=done)
        code = await process.wait()
    if code:
        raise SetUpFailed("The image could not be built:\n" + "\n".join(said[-10:]))
