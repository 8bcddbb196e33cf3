"""Who lives: one record, kept by the supervisor and read by all who have to know."""

from __future__ import annotations

from host.registry.sessions import Session
from host.runners.life import Life


class Lives(dict[str, Life]):
    """By the session's id: each that has a runner, or is about to get one. There is no second life beside it (law 10)."""

    def has(self, session: Session) -> bool:
        return session.id in self

    def running(self) -> list[tuple[Session, int]]:
        """The sessions whose runner lives, and since when (ms UTC)."""
        return [(life.session, life.started_at) for life in self.values() if life.runner is not None]
