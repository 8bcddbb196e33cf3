"""What a host keeps in memory of what all nodes share: whoever changes it tells those that serve, in the same transaction.

Triggers tell it (schema/tidings.sql), so that no statement can forget to, whoever makes it: a host or a command beside it. Each
node looks once a second, and at once by a hint. One host that serves alone has no such trigger, and looks at nothing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from host.registry.statements import Statements

LATELY = 300_000  # ms for which each look looks back: longer than a transaction lasts, or a node lives that looks no more
KEPT = 3_600_000  # ms


class What(StrEnum):
    """By the name of its table; of those with a place or a holder `about` is that."""

    PAUSED = "paused"
    GONE = "users"  # who is not there any more
    CLOSED = "closed"  # places
    RULES = "channel_rules"
    SCOPES = "sessions"  # for whom a channel is
    INSTALLS = "installs"
    FORGET = "forget"  # somebody, each on its own disk; no table, as what follows
    CONFIGURATION = "configuration"  # each node reads a file of its own


Hearer = Callable[[Sequence[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Told:
    id: int
    what: str
    about: tuple[str, ...]


class Tidings:
    """`node` is '' where one host serves everything."""

    def __init__(self, node: str = "") -> None:
        self._node = node
        self._hearers: dict[str, list[Hearer]] = {}
        self._heard: frozenset[int] = frozenset()

    def heard_by(self, what: What, hearer: Hearer) -> None:
        """For the constructor of whoever keeps it. `hearer` may be told in vain, and raises `SessionError` to be told again."""
        self._hearers.setdefault(what, []).append(hearer)

    def hearers(self, what: str) -> Sequence[Hearer]:
        return self._hearers.get(what, ())

    def new(self, lately: Sequence[Told]) -> list[Told]:
        """Those of them that this was not asked about before, each thing once."""
        new = {(one.what, one.about): one for one in lately if one.id not in self._heard}
        self._heard = frozenset(one.id for one in lately)
        return list(new.values())

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, connection: Statements, what: What, *about: str) -> None:
        """What is in no table."""
        if self._node:
            connection.execute("SELECT tell_nodes(?, ?)", (what, json.dumps(about)))

    def lately(self, connection: Statements) -> list[Told]:
        """By others than this node."""
        rows = connection.execute(_LATELY, (LATELY, self._node)).fetchall()
        return [Told(int(str(id_)), str(what), tuple(json.loads(str(about)))) for id_, what, about in rows]

    def forget(self, connection: Statements) -> None:
        """What every node that lives has heard."""
        if self._node:
            connection.execute("DELETE FROM tidings WHERE at < ms_now() - ?", (KEPT,))


_LATELY = "SELECT id, what, about FROM tidings WHERE at > ms_now() - ? AND node <> ? ORDER BY id"
