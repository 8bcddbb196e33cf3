"""Messages while host and runners are killed again and again: one answer each, in order, no effect twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.killing import Killed, KilledWithContainers, survive

pytest_plugins = ["tests.support.engine"]
pytestmark = pytest.mark.timeout(400)
KILLS = int(os.environ.get("KILLS", "15"))  # of host and runners by turns; .ci/full has thirty


async def test_many_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    await survive(Killed(tmp_path.resolve()), sessions=2 * KILLS // 3, per_session=10, kills=KILLS)


@pytest.mark.docker
async def test_twelve_kills_of_host_and_containers_lose_nothing_and_repeat_nothing(
    tmp_path: Path, image: str
) -> None:
    await survive(KilledWithContainers(tmp_path.resolve(), image), sessions=7, per_session=6, kills=12)
