"""What the engine is asked to bind into a container, with and without labels for SELinux."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from host.config import Runner
from host.runners.launch.binds import Bind, options
from host.runners.launch.examination import Examination, findings
from sessiondb.contract import CONTRACT

WELL = Examination("", version="20.10", kernel="6.1", image="runner:dev", spoken=str(CONTRACT))
OWN = Bind("/workspace", Path("/data/s/work"), alone=True)
SHARED = Bind("/shared", Path("/data/w"), read_only=True)


def test_without_labels_folders_are_mounted_and_must_be_there() -> None:
    found = options([OWN, SHARED], "")
    assert [(one["Target"], one["ReadOnly"]) for one in found["mounts"]] == [
        ("/workspace", False),
        ("/shared", True),
    ]
    assert "volumes" not in found
    assert found["security_opt"] == ["no-new-privileges"]


def test_labels_are_asked_for_and_a_folder_of_several_never_belongs_to_one() -> None:
    assert options([OWN, SHARED], "z")["volumes"] == ["/data/s/work:/workspace:rw,z", "/data/w:/shared:ro,z"]
    assert options([OWN, SHARED], "Z")["volumes"] == ["/data/s/work:/workspace:rw,Z", "/data/w:/shared:ro,z"]


def test_confining_less_changes_only_what_selinux_does() -> None:
    found = options([OWN], "disable")
    assert found["security_opt"] == ["no-new-privileges", "label=disable"]
    assert [one["Source"] for one in found["mounts"]] == ["/data/s/work"]


def test_the_setting_takes_these_and_nothing_else() -> None:
    assert Runner().selinux == ""
    assert Runner(selinux="Z").selinux == "Z"
    with pytest.raises(ValueError, match="selinux"):
        Runner.model_validate({"selinux": "on"})


@pytest.mark.parametrize(("labelled", "well"), [("", False), ("z", True), ("Z", True), ("disable", True)])
def test_the_doctor_says_when_selinux_would_stop_containers(labelled: str, well: bool) -> None:
    found = findings(replace(WELL, selinux=True, labelled=labelled), "6.1", "here")
    [line] = [one for one in found if one.what == "SELinux"]
    assert line.well is well
    assert ("runner.selinux" in line.remedy) is not well
    assert not [one for one in findings(WELL, "6.1", "here") if one.what == "SELinux"]
