"""A runner ends by itself, with all that it started, once its session may be another machine's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sessiondb import SessionFolder, lease
from sessiondb.contract import LEASE_OVER
from tests.support.waiting import DEADLINE, until

# A runner's process that has started another one in a session of its own, as tools do, and an orphan of that one.
PROGRAM = """
import signal, subprocess, sys
from runner import leash
child = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; exec sleep 600"], stdout=subprocess.PIPE, start_new_session=True)
print(child.pid, child.stdout.readline().decode(), flush=True)
leash.watch(leash.{how})
signal.pause()
"""


def started(root: Path, how: str = "end_processes", **more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DOVECOTE_SESSION_DIR": str(root), "DOVECOTE_INCARNATION": root.name, **more}
    program = [sys.executable, "-c", PROGRAM.format(how=how)]
    return subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def file_of(root: Path, until_: float) -> Path:
    path = SessionFolder(root).lease
    path.parent.mkdir()
    path.touch()
    lease.renew(path, until_)
    return path


def lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_it_lives_for_as_long_as_the_lease_is_renewed_and_ends_with_all_that_it_started(
    tmp_path: Path,
) -> None:
    path = file_of(tmp_path, lease.clock() + DEADLINE)
    runner = started(tmp_path, DOVECOTE_LEASED="1")
    assert runner.stdout is not None
    pids = [int(pid) for pid in runner.stdout.readline().split()]
    assert runner.poll() is None
    lease.renew(path, lease.clock())
    _, said = runner.communicate(timeout=DEADLINE)
    assert runner.returncode == LEASE_OVER
    assert "the lease is over" in said
    until(lambda: not any(map(lives, pids)))


def test_a_lease_that_was_never_given_is_over(tmp_path: Path) -> None:
    runner = started(tmp_path, "end_container", DOVECOTE_LEASED="1")
    assert runner.wait(DEADLINE) == LEASE_OVER
    assert runner.stdout is not None
    subprocess.run(["kill", *runner.stdout.read().split()], check=False)  # a container's end ends them
    runner.communicate()


def test_where_there_is_no_lease_nobody_looks(tmp_path: Path) -> None:
    file_of(tmp_path, 0.0)  # of a folder that once shared a database
    runner = started(tmp_path)
    assert runner.stdout is not None
    pids = runner.stdout.readline().split()
    assert Path(f"/proc/{runner.pid}/status").read_text().partition("Threads:\t")[2].startswith("1\n")
    runner.kill()
    subprocess.run(["kill", *pids], check=True)
    runner.communicate(timeout=DEADLINE)


def test_a_lease_counts_by_a_clock_that_nobody_sets(tmp_path: Path) -> None:
    path = file_of(tmp_path, lease.clock() + 100)
    assert 99 < lease.left(path) <= 100
    lease.renew(path, 0.0)
    assert lease.left(path) < 0
