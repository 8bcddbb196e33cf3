"""What containers have written: by their control groups where these count it, else by their processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from host.folders import written


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(written, "PROC", tmp_path / "proc")
    monkeypatch.setattr(written, "GROUPS", tmp_path / "groups")
    return tmp_path


def process(machine: Path, pid: int, space: str, wrote: int, group: str = "4:blkio:/docker/c\n") -> None:
    """In the PID namespace of that name."""
    folder, shared = machine / "proc" / str(pid), machine / space
    (folder / "ns").mkdir(parents=True)
    shared.touch()
    os.link(shared, folder / "ns" / "pid")
    (folder / "cgroup").write_text(group)
    (folder / "io").write_text(f"wchar: 9\nwrite_bytes: {wrote}\ncancelled_write_bytes: 5\n")


def counting(machine: Path, group: str, told: str) -> None:
    (machine / "groups" / group).mkdir(parents=True)
    (machine / "groups" / group / "io.stat").write_text(told)


def test_processes_count_with_the_first_one_of_their_namespace(machine: Path) -> None:
    process(machine, 10, "one", 1_000)
    process(machine, 11, "one", 200)
    process(machine, 20, "two", 30)
    process(machine, 30, "the host's", 4_000)

    assert written.by_containers([10, 20]) == {10: 1_200, 20: 30}


def test_a_control_group_is_believed_before_processes_and_a_disk_below_another_counts_once(
    machine: Path,
) -> None:
    process(machine, 10, "one", 7, "0::/docker/c1\n")
    process(machine, 20, "two", 30)
    told = (
        "254:0 rbytes=1 wbytes=500 rios=1 wios=1 dbytes=0 dios=0\n253:1 rbytes=0 wbytes=480 rios=0 wios=1\n"
    )
    counting(machine, "docker/c1", told)

    assert written.by_containers([10, 20]) == {10: 500, 20: 30}


def test_a_group_that_does_not_count_or_is_everybodys_is_not_asked(machine: Path) -> None:
    process(machine, 10, "one", 7, "0::/docker/c1\n")
    process(machine, 20, "two", 8, "0::/\n")
    (machine / "groups").mkdir()
    (machine / "groups" / "io.stat").write_text("254:0 rbytes=1 wbytes=999999\n")

    assert written.by_containers([10, 20]) == {10: 7, 20: 8}


def test_who_is_gone_is_left_out(machine: Path) -> None:
    (machine / "proc").mkdir()

    assert written.by_containers([10]) == {}


def test_the_machine_is_counted_by_what_went_out_or_waits_to(machine: Path) -> None:
    (machine / "proc").mkdir()
    assert written.by_machine() == 0
    (machine / "proc" / "vmstat").write_text("nr_dirtied 1\npgpgin 5\npgpgout 1000\n")
    assert written.by_machine() == 1_024_000
