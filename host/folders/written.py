"""How much containers have written to disk since they began, as the kernel counts it.

Where control groups count it (version 2, with their io controller) that is what is asked: nothing in a container gets round
it. Elsewhere its processes are asked, which share the PID namespace of its first one; who has ended counts with who waited
for it, and not at all where nobody did.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")
KIB = 1024

_OF_DEVICE = re.compile(rb" wbytes=(\d+)")
_OF_PROCESS = re.compile(rb"^write_bytes: (\d+)", re.M)
_OF_MACHINE = re.compile(rb"^(pgpgout|nr_dirtied) (\d+)", re.M)


def by_machine() -> int:
    """Bytes that everybody on this machine has written, or made ready to be."""
    try:
        found = dict(_OF_MACHINE.findall((PROC / "vmstat").read_bytes()))
    except OSError:
        return 0
    page = os.sysconf("SC_PAGE_SIZE")
    return max(int(found.get(b"pgpgout", 0)) * KIB, int(found.get(b"nr_dirtied", 0)) * page)


def by_containers(pids: Collection[int]) -> dict[int, int]:
    """Bytes of each container, by its first process. Who cannot be counted is left out."""
    found, others = dict[int, int](), dict[int, int]()
    for pid in pids:
        if (counted := _by_group(pid)) is not None:
            found[pid] = counted
        else:
            with contextlib.suppress(OSError):
                others[_space(PROC / str(pid))] = pid
    return found | _by_processes(others) if others else found


def _by_group(pid: int) -> int | None:
    """Of the device that got most: one that lies on others is counted with each of them."""
    try:
        groups = (PROC / str(pid) / "cgroup").read_text().splitlines()
        [own] = [line.removeprefix("0::/") for line in groups if line.startswith("0::/")]
        if not own:
            return None
        counted = (GROUPS / own / "io.stat").read_bytes()
    except (OSError, ValueError):
        return None
    return max((int(device) for device in _OF_DEVICE.findall(counted)), default=0)


def _by_processes(spaces: Mapping[int, int]) -> dict[int, int]:
    """One look at all that run on this machine, however many containers are asked for."""
    found = dict.fromkeys(spaces.values(), 0)
    for process in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (pid := spaces.get(_space(process))) is not None:
                found[pid] += sum(map(int, _OF_PROCESS.findall((process / "io").read_bytes())))
    return found


def _space(process: Path) -> int:
    return (process / "ns" / "pid").stat().st_ino
