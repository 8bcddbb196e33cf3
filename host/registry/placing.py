"""Which of the nodes that serve at a time is to have a place that nobody has (docs/adr/0043).

Nobody is asked for it: each node decides by what all told with their latest beat, and leaves a place to another one for a moment
at the most. Then it takes the place itself, so that nothing waits for a node that was wrong about another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from host.registry.statements import Statements

MOMENT = 2.0  # s for which a place is left to another node
LONGER = 20.0  # s, to one that has a label which is missing here: work that needs it begins nowhere else
KEPT = 60.0  # s for which it is remembered since when a place is left
A_WORK = 8  # a conversation under way weighs as much as so many channels at rest
FULLER = 1.5  # times as much as another has makes a node clearly fuller
SLACK = 24  # and so much beside that: three conversations under way


class Place(NamedTuple):
    channel_type: str
    workspace_id: str
    platform_id: str


class Load(NamedTuple):
    """Of a node that serves, as it told with its latest beat."""

    node: str
    name: str
    labels: frozenset[str]
    works: int  # conversations under way
    places: int  # that it holds

    @property
    def weight(self) -> int:
        return self.works * A_WORK + self.places

    def is_clearly_fuller(self, other: Load) -> bool:
        return self.weight > FULLER * other.weight + SLACK


def chosen(own: Load, others: Sequence[Load], needed: frozenset[str], last: str) -> str:
    """The node that is to have a place: which had it last, or else heard of it, but where another one is clearly emptier.
    `needed`: labels without which nothing begins there; where nobody has them it is for whoever hears of it."""
    able = [one for one in (own, *others) if needed <= one.labels]
    if not able:
        return own.node
    emptiest = min(able, key=lambda one: one.weight)
    preferred = [one for one in able if one.node == last] + [one for one in able if one.node == own.node]
    return next((one.node for one in preferred if not one.is_clearly_fuller(emptiest)), emptiest.node)


class Placing:
    """`labels`: of this node. What others told comes from another thread (`hear`)."""

    def __init__(self, node: str, labels: Sequence[str] = ()) -> None:
        self._node = node
        self.labels = frozenset(labels)
        self.others: Sequence[Load] = ()
        self.works: Callable[[], int] = lambda: 0
        self.needs: Callable[[], Mapping[str, frozenset[str]]] = dict  # of agents that need labels
        self.routed: Callable[[Statements, Place], str] = lambda _, __: ""  # the agent that answers there
        self._left: dict[Place, float] = {}  # since when, by the caller's clock

    def hear(self, others: Sequence[Load]) -> None:
        self.others = others

    def lacks(self, agent: str) -> frozenset[str]:
        """What the agent needs and this node has not; nothing where one host has everything."""
        return self.needs().get(agent, frozenset()) - self.labels if self._node else frozenset()

    def lacking(self) -> list[str]:
        """The agents that can work on other nodes alone, if anywhere."""
        return [agent for agent in (self.needs() if self._node else ()) if self.lacks(agent)]

    def is_elsewhere(self, agent: str) -> bool:
        """Whether another node has what it needs."""
        needed = self.needs().get(agent, frozenset())
        return any(needed <= one.labels for one in self.others)

    def left_to(self, connection: Statements, place: Place, last: str, places: int, clock: float) -> str:
        """Another node, to which a place that is free is left for now; '' for this one. `last`: who had it before. `places` are
        those that this node holds, `clock` is s by one that nobody sets."""
        if not self.others:
            return ""
        needed = self._needed(connection, place)
        own = Load(self._node, "", self.labels, self.works(), places)
        node = chosen(own, self.others, needed, last)
        self._left = {one: since for one, since in self._left.items() if clock - since < KEPT}
        patience = MOMENT if needed <= self.labels else LONGER
        if node == self._node or clock - self._left.setdefault(place, clock) >= patience:
            self._left.pop(place, None)
            return ""
        return node

    def _needed(self, connection: Statements, place: Place) -> frozenset[str]:
        """By the agents that have something to do there and the one that answers there; where no node has all of that, by the
        first alone."""
        needs = self.needs()
        if not needs:
            return frozenset()
        busy = frozenset[str]()
        for (agent,) in connection.execute(_BUSY, place).fetchall():
            busy |= needs.get(str(agent), frozenset())
        routed = needs.get(self.routed(connection, place), frozenset())
        there = [self.labels, *(one.labels for one in self.others)]
        return next((one for one in (busy | routed, busy) if any(one <= labels for labels in there)), busy)


_BUSY = (
    "SELECT DISTINCT agent FROM sessions WHERE channel_type = ?1 AND workspace_id = ?2 AND platform_id = ?3"
    " AND (busy = 1 OR EXISTS (SELECT 1 FROM due WHERE due.session_id = sessions.id AND due.at <= ms_now()))"
)
