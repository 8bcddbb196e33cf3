"""A little of the chaos; `make chaos` has all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import Run, Size
from tests.support.postgres import Server

pytestmark = pytest.mark.timeout(400)


async def test_two_nodes_that_fail_in_turn_answer_everything_once_and_in_order(
    postgres: Server, tmp_path: Path
) -> None:
    outcome = await Run(
        tmp_path, postgres, 1, Size(nodes=2, messages=12, sessions=3, faults=3, share=False)
    ).outcome()
    assert outcome.wrong == []
    assert outcome.answers == 12
