"""Whether the program that writes voice messages down runs, in a container of each agent's."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from host.cli.looks.engine import uses_containers
from host.config import Config
from host.ports.findings import Finding

WHAT = "Voice messages"
LONGEST = 20.0  # s that it is tried for in one agent's container, however long it may take
ISOLATED = (
    'Set runner.launcher to "docker", or leave voice.command empty: strangers record what it would be given'
)
MEND = (
    "Correct voice.command: it has to be in the runner's image or in the agent's folder (`/agent`), take the file's path as its"
    " last argument, need no network, and end with status 0"
)


def look(config: Config, platforms: Collection[str]) -> list[Finding]:
    if not uses_containers(config, platforms):
        return [Finding(WHAT, False, "voice.command runs only in containers", ISOLATED)]
    from host.runners.launch.engine import try_hearing

    folders: dict[Path | None, str] = {}
    for agent in config.agents:
        own = Path(config.data) / "agents" / agent
        folders.setdefault(own if own.is_dir() else None, agent)
    found = []
    for folder, agent in folders.items():
        problem = try_hearing(config.runner, config.voice.words, min(config.voice.timeout, LONGEST), folder)
        seen = f"{config.voice.words[0]} {problem}" if problem else f"{config.voice.words[0]} runs"
        found.append(Finding(WHAT, not problem, f"{seen}, for agent {agent}", MEND if problem else ""))
    return found
