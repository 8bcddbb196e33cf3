"""The red team's words: each attack says from where it is tried, and which law of the architecture it guards.

Each runs twice, by `walled`: it is held while the wall stands, and gets through without. Where the second look is another
one (its walls are options of a container, or one look shows it for many), `twin` says of which attacks it is that.
"""

from __future__ import annotations

from enum import StrEnum

import pytest

LAWS = {
    1: "one writer per file",
    2: "the host never writes outbound.db",
    4: "one way in",
    6: "intent, send, receipt",
    7: "answers go where the question came from",
    8: "the container is hostile",
    9: "no secret, no network in the container",
    10: "at most one runner a session",
    11: "alive and progressing are two signals",
    12: "the scheduler never guesses",
    13: "fail closed, say so",
    14: "nothing is lost silently",
    15: "one bad item holds up nothing beside it",
    16: "the border decides",
}
STANDING, TAKEN_AWAY = "standing", "taken_away"


class Seat(StrEnum):
    CONTAINER = "in a container"
    PERSON = "a person in the chat"  # of either platform
    SLACK = "a person on Slack"
    DISCORD = "a person on Discord"
    NETWORK = "from the network"
    LOCAL = "a local user"


def attack(seat: Seat, law: int) -> pytest.MarkDecorator:
    assert law in LAWS
    return pytest.mark.attack(seat=seat.value, law=law)


honest = (
    pytest.mark.honest
)  # it tries nothing: what beside an attack has to work, or shows that the attack is one
walled = pytest.mark.parametrize("standing", [True, False], ids=[STANDING, TAKEN_AWAY])


def twin(*attacks: str) -> pytest.MarkDecorator:
    """Shows that these attacks get through without their wall: those of its module, or of another as `module::test`."""
    return pytest.mark.twin(of=attacks)
