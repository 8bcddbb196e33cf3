"""What processes keep on disk without a name, seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host.folders import unnamed

KEEPS = """
import mmap, os, sys, threading
os.chdir(sys.argv[1])
opened, mapped = open("opened", "w+b"), open("mapped", "w+b")
for file in (opened, mapped):
    file.write(bytes(2_000_000))
    file.flush()
    os.unlink(file.name)
again = os.dup(opened.fileno())
here = mmap.mmap(mapped.fileno(), 2_000_000)
mapped.close()
named = open("named", "wb", buffering=0)
named.write(bytes(2_000_000))
thread = threading.Thread(target=sys.stdin.read)
thread.start()
print("kept", flush=True)
"""


@contextmanager
def keeper(folder: Path) -> Iterator[int]:
    """A process that keeps one deleted file open, under two descriptors, and another mapped."""
    command = [sys.executable, "-c", KEEPS, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"kept\n"
        yield process.pid
        process.stdin.close()


def held(pid: int, folder: Path) -> dict[tuple[int, int], int]:
    device = folder.stat().st_dev
    found: dict[tuple[int, int], int] = {}
    for key, size in unnamed._held(Path(f"/proc/{pid}")):
        if key[0] == device:
            found[key] = max(size, found.get(key, 0))
    return found


def test_a_file_without_a_name_counts_once_however_it_is_kept(tmp_path: Path) -> None:
    with keeper(tmp_path) as pid:
        found = held(pid, tmp_path)
        assert sum(size >= 2_000_000 for size in found.values()) == 2
        every = unnamed.measure(pid, {tmp_path.stat().st_dev})
        assert every.size >= 4_000_000
        assert not every.hidden


def test_what_a_user_who_is_not_root_sees_mapped_has_a_size_that_is_hidden(tmp_path: Path) -> None:
    line = b"7f0000000000-7f0000200000 rw-s 00000000 08:01 4711   /workspace/a b (deleted)\n"
    [found] = unnamed._MAPPED.finditer(line)
    assert unnamed._mapped("none", found) == ((os.makedev(8, 1), 4711), -1)


def test_files_on_other_devices_do_not_count(tmp_path: Path) -> None:
    with keeper(tmp_path) as pid:
        assert unnamed.measure(pid, set()) == unnamed.Unnamed()


def test_more_than_is_looked_at_is_said(tmp_path: Path) -> None:
    before = unnamed.MOST_SEEN
    try:
        unnamed.MOST_SEEN = 3
        with keeper(tmp_path) as pid:
            assert unnamed.measure(pid, {tmp_path.stat().st_dev}).hidden
    finally:
        unnamed.MOST_SEEN = before


def test_a_process_that_has_ended_keeps_nothing(tmp_path: Path) -> None:
    with keeper(tmp_path) as pid:
        pass
    assert unnamed.measure(pid, {tmp_path.stat().st_dev}) == unnamed.Unnamed()
    assert not unnamed.visible(pid)


def test_a_pid_of_another_machine_is_nobodys_here() -> None:
    """An engine far away tells of a process, and one of ours has that number."""
    here = Path("/proc/self/cgroup").read_text().strip().rpartition("/")[2] or "/"
    assert unnamed.belongs(os.getpid(), here)
    assert not unnamed.belongs(os.getpid(), "4f" * 32)
    assert not unnamed.belongs(os.getpid(), "")
    assert not unnamed.belongs(2**22 + 1, here)
