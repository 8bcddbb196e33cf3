"""Who lives: one record, kept by the supervisor and read by all who have to know."""

from __future__ import annotations

from host.registry.sessions import Session
from host.runners.life import Life
from sessiondb.records import Address


class Lives(dict[str, Life]):
    """By the session's id: each that has a runner, or is about to get one. There is no second life beside it (law 10)."""

    def has(self, session: Session) -> bool:
        return session.id in self

    def outdate(self, channel: Address) -> list[Session]:
        """Those of a channel whose settings have changed, each to be ended once it has nothing to do."""
        there = [life for life in self.values() if life.session.address[:3] == channel[:3]]
        for life in there:
            life.config = None
        return [life.session for life in there]

    def running(self) -> list[tuple[Session, int]]:
        """The sessions whose runner lives, and since when (ms UTC)."""
        return [(life.session, life.started_at) for life in self.values() if life.runner is not None]
