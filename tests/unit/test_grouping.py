"""What is of one group meets in one process: Chromium is started once, and what is read once serves all."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("alone")
@pytest.mark.parametrize("one", range(12))
def test_all_of_a_group_meet_in_one_process(
    one: int, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    told = tmp_path_factory.getbasetemp()
    met = (
        told.parent if hasattr(request.config, "workerinput") else told
    ) / "met-in"  # where all processes see it
    with met.open("a") as file:
        file.write(f"{os.getpid()}\n")
    assert set(met.read_text().split()) == {str(os.getpid())}
    assert "@" not in request.node.nodeid
