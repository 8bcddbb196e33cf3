"""Who knows one platform's wing knows the other's: the same rooms, each with its own module of that name or several."""

from __future__ import annotations

from pathlib import Path

import pytest

BOTS = Path(__file__).resolve().parents[3] / "bots"
ROOMS = {"client", "commands", "live", "panels", "questions", "reading", "sending", "setup"}


@pytest.mark.parametrize("wing", ["slack", "discord"])
def test_a_wing_has_the_rooms_that_every_wing_has(wing: str) -> None:
    rooms = {path.parent.name for path in (BOTS / wing).glob("*/__init__.py")}
    assert rooms == ROOMS
    assert all(len(list((BOTS / wing / room).glob("*.py"))) > 1 for room in rooms)
