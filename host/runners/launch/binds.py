"""What a container sees of the host's folders, and the labels by which SELinux lets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host.config.schema import SELinux
from host.runners.launch.base import RunnerSpec

NO_NEW_PRIVILEGES = "no-new-privileges"


@dataclass(frozen=True, slots=True)
class Bind:
    inside: str
    outside: Path
    read_only: bool = False
    alone: bool = False  # no other container sees it


def options(binds: Sequence[Bind], selinux: SELinux) -> dict[str, Any]:
    """For the engine. Only the older notation of a volume can have a folder labelled."""
    security = [NO_NEW_PRIVILEGES, *(["label=disable"] if selinux == "disable" else [])]
    if selinux not in ("z", "Z"):
        mounts = [
            {"Type": "bind", "Source": str(one.outside), "Target": one.inside, "ReadOnly": one.read_only}
            for one in binds
        ]
        return {"mounts": mounts, "security_opt": security}
    volumes = [
        f"{one.outside}:{one.inside}:{'ro' if one.read_only else 'rw'},{selinux if one.alone else 'z'}"
        for one in binds
    ]
    return {"volumes": volumes, "security_opt": security}


def of(spec: RunnerSpec) -> list[Bind]:
    folder = spec.folder
    return [
        Bind("/session/inbound", folder.inbound, read_only=True, alone=True),
        Bind("/session/outbound", folder.outbound, alone=True),
        Bind("/session/gateway", folder.gateway, read_only=True, alone=True),
        Bind("/workspace", folder.work, alone=True),
        Bind("/shared", spec.shared),
        *([Bind("/agent", spec.agent, read_only=True)] if spec.agent else []),
        *(Bind(path, file, read_only=True) for path, file in spec.files.items()),
    ]
