"""What a look at a container engine found, and what it means. Pure; the look itself is `host.runners.launch.engine.examine`."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from host.ports.findings import Finding
from sessiondb.contract import CONTRACT

SOCKET = "/var/run/docker.sock"  # where an engine listens unless it is told otherwise
INSTALL = (
    "Install a container engine (Debian, Ubuntu: `apt-get install docker.io`; others: docs.docker.com/engine/install),"
    ' or ask for the local launcher by name: runner.launcher = "process" isolates nothing'
)
ONE_KERNEL = (
    "Run the host on the engine's own machine, or in a container there: docker-compose.yml does. An engine in a virtual"
    " machine (Docker Desktop) or on another machine cannot share files and sockets with this host"
)
LABELS = (
    'Set runner.selinux = "z" (or "Z") to have the folders labelled for containers, or "disable" to confine the runners'
    " by everything but SELinux: a container that is confined by it may not reach the host's socket on every policy"
)
UNCOUNTED = "files that a container has deleted and keeps open are not counted, nor what it writes a second"
COUNTED = (
    "Each of its processes may keep runner.limits.open_files of them, of largest_file_mb each. Where the host sees the"
    " processes of containers (on the machine itself; in a container with `pid: host` and SYS_PTRACE) they count, and"
    " runner.written_mb_s holds"
)


@dataclass(frozen=True, slots=True)
class Examination:
    """Fields stay empty where the look did not come so far."""

    address: str  # '' is the local socket
    problem: str = ""  # why the engine does not answer
    version: str = ""
    kernel: str = ""  # the release of the one it runs on
    image: str = ""
    spoken: str | None = None  # the contract version of the image; None: there is no such image
    trouble: str = ""  # why no container could be started
    boot_id: str = ""  # of the kernel that a container runs on
    sees_data: bool = False  # a container sees what the host writes into the data folder
    seen_inside: bool = False  # the host sees what processes in a container hold open
    selinux: bool = False  # the engine confines containers by it
    labelled: str = ""  # what runner.selinux asks for


def findings(found: Examination, kernel: str, boot_id: str) -> list[Finding]:
    """In order, ending after the first that makes the others pointless. `kernel` and `boot_id` are the host's own."""
    if found.problem:
        return [Finding("Container engine", False, found.problem, remedy(found.address))]
    made = [Finding("Container engine", True, f"version {found.version}")]
    if found.kernel != kernel:
        made.append(Finding("One kernel", False, f"engine {found.kernel}, host {kernel}", ONE_KERNEL))
        return made
    if found.spoken != str(CONTRACT):
        problem = "missing"
        if found.spoken is not None:
            problem = f"speaks contract version {found.spoken or 'none'}, this host speaks {CONTRACT}"
        made.append(Finding("Runner image", False, f"{found.image}: {problem}", "Run `make image`"))
        return made
    made.append(Finding("Runner image", True, f"{found.image}, contract version {CONTRACT}"))
    if found.selinux:
        seen = (
            f'runner.selinux = "{found.labelled}"'
            if found.labelled
            else "the folders have no labels for containers"
        )
        made.append(
            Finding("SELinux", bool(found.labelled), f"enforced; {seen}", "" if found.labelled else LABELS)
        )
    if not found.boot_id and not found.trouble:
        return made  # nobody looked inside
    shared = found.boot_id == boot_id and found.sees_data
    seen = "shared with the engine" if shared else found.trouble or "a container sees another machine's"
    made.append(Finding("Kernel and data folder", shared, seen, "" if shared else ONE_KERNEL))
    if shared and not found.seen_inside:
        made.append(Finding("Disk quota", True, UNCOUNTED, COUNTED))
    return made


def remedy(address: str) -> str:
    """For an engine that does not answer."""
    if address and not address.startswith("unix://"):
        return f"Start the engine at {address}, or correct runner.engine and DOCKER_HOST"
    path = Path(address.removeprefix("unix://") or SOCKET)
    if not path.exists():
        installed = shutil.which("dockerd") or shutil.which("podman")
        return "Start the engine: `systemctl start docker`" if installed else INSTALL
    if not os.access(path, os.R_OK | os.W_OK):
        return f"Let this user reach {path}: `usermod -aG docker $USER`, then log in anew"
    return "Start the engine: `systemctl start docker`"
