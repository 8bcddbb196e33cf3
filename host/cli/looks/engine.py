"""The container engine, the image, and what a container sees of this machine."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from host.config import Config
from host.ports.findings import Finding
from host.runners.launch.examination import INSTALL, findings

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ISOLATES_NOTHING = 'Set runner.launcher = "docker" before you let anybody in whom you would not give a shell'


def uses_containers(config: Config, platforms: Collection[str]) -> bool:
    """Whoever talks in the terminal is this machine's user; strangers get no processes here unless that was asked for."""
    if config.runner.launcher == "auto":
        return set(platforms) != {"console"}
    return config.runner.launcher == "docker"


def look(config: Config, platforms: Collection[str], *, thoroughly: bool) -> list[Finding]:
    """`thoroughly`: by a container, too, which is gone afterwards."""
    if not uses_containers(config, platforms):
        if set(platforms) == {"console"}:
            return []
        seen = "local processes, without isolation, as runner.launcher asks"
        return [Finding("Runners", True, seen, ISOLATES_NOTHING)]
    from host.runners.launch.engine import examine

    boot_id = BOOT_ID.read_text().strip() if BOOT_ID.exists() else "none: this is not Linux"
    found = examine(config.runner, Path(config.data), thoroughly=thoroughly)
    return findings(found, os.uname().release, boot_id)


def is_final(finding: Finding) -> bool:
    """Not merely away: it was never there, or cannot work for this host."""
    return not finding.well and (finding.what != "Container engine" or finding.remedy == INSTALL)
