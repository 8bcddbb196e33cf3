"""What a look at a container engine means, in words for the operator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from host.runners.launch.examination import INSTALL, Examination, findings, remedy
from sessiondb.contract import CONTRACT

WELL = Examination(
    "",
    version="20.10",
    kernel="6.1",
    image="runner:dev",
    spoken=str(CONTRACT),
    boot_id="here",
    sees_data=True,
    seen_inside=True,
)


@pytest.mark.parametrize(
    ("found", "what", "words"),
    [
        (replace(WELL, problem="does not answer"), "Container engine", "engine"),
        (replace(WELL, kernel="6.1-linuxkit"), "One kernel", "docker-compose.yml"),
        (replace(WELL, spoken=None), "Runner image", "make image"),
        (replace(WELL, spoken="99"), "Runner image", "make image"),
        (replace(WELL, spoken=""), "Runner image", "make image"),
        (replace(WELL, boot_id="elsewhere"), "Kernel and data folder", "docker-compose.yml"),
        (replace(WELL, sees_data=False), "Kernel and data folder", "docker-compose.yml"),
        (replace(WELL, boot_id="", trouble="no such folder"), "Kernel and data folder", "docker-compose.yml"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(found: Examination, what: str, words: str) -> None:
    last = findings(found, "6.1", "here")[-1]

    assert (last.what, last.well) == (what, False)
    assert words in last.remedy


def test_an_engine_that_shares_everything_is_well() -> None:
    assert [finding.well for finding in findings(WELL, "6.1", "here")] == [True, True, True]


def test_a_host_that_cannot_look_into_containers_says_which_use_it_does_not_count() -> None:
    last = findings(replace(WELL, seen_inside=False), "6.1", "here")[-1]

    assert (last.what, last.well) == ("Disk quota", True), "a remark: it is how docker-compose.yml runs"
    assert "deleted and keeps open" in last.seen
    assert "largest_file_mb" in last.remedy


def test_a_machine_without_an_engine_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    nowhere = f"unix://{tmp_path}/docker.sock"

    assert remedy(nowhere) == INSTALL
    assert "docker.io" in INSTALL
    (tmp_path / "dockerd").write_text("#!/bin/sh\n")
    (tmp_path / "dockerd").chmod(0o755)
    assert "systemctl start docker" in remedy(nowhere)
    assert "tcp://far:2375" in remedy("tcp://far:2375")
