"""What a runner is given so that it ends by itself once its session may be another node's; nothing on a machine that is alone.

The order, and what a crash or a stop between two steps does. The file is made and named among those that are renewed first, the
runner started after it: one that starts late, or on a host that was stopped in between, finds a time that is over and ends before
it has done anything. Untied after its end: renewed for longer, it would be nobody's.
"""

from __future__ import annotations

import asyncio

from host.registry.port import Registry
from host.registry.sessions import Session
from sessiondb import Full, Unavailable


class Leash:
    def __init__(self, db: Registry) -> None:
        self._db = db

    async def tie(self, session: Session) -> dict[str, str]:
        """Before a runner starts; yields what it is told in its environment. Raises `Full`, and `Unavailable` while it is not
        certain that this node leads."""
        if (ties := self._db.ties) is None:
            return {}
        if not self._db.leads():
            raise Unavailable(session.folder.lease, "another node may serve")
        try:
            await asyncio.to_thread(ties.tie, session.folder.lease)
        except OSError as error:
            raise Full(session.folder.lease, error.strerror or "cannot be written") from error
        return {"DOVECOTE_LEASED": "1"}

    def untie(self, session: Session) -> None:
        if (ties := self._db.ties) is not None:
            ties.untie(session.folder.lease)
