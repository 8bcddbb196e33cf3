"""Sessions whose runner lives and has nothing to do, whom the sweep need not look at each time.

A look found everything over; until something comes in, a file is written or taken away, or so many rounds have passed, the next
would find the same. What this puts off is the end of an idle runner that hangs, for which nobody waits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from host.registry.sessions import Session

ROUNDS = 60  # of the sweep, five minutes by default, after which a look is taken anyway
YOUNG = (
    1_000_000_000  # ns: a file written that recently may be written again within the same tick of the clock
)

Stamp: TypeAlias = tuple[int, int, int]  # mtime in ns, size, inode
Files: TypeAlias = tuple[Stamp | None, Stamp | None]  # inbound.db and outbound.db


@dataclass(frozen=True, slots=True)
class Seen:
    """What was there before a look."""

    work: int  # how much had come in
    files: Files

    @property
    def may_rest(self) -> bool:
        return all(stamp is not None and abs(time.time_ns() - stamp[0]) > YOUNG for stamp in self.files)


class Calm:
    def __init__(self) -> None:
        self._since: dict[str, tuple[Seen, int]] = {}  # by session: what its look began with, and rounds left

    def passes(self, session: Session, seen: Seen) -> bool:
        """Whether this round may go on without a look; one that may not ends the calm."""
        known = self._since.pop(session.id, None)
        if known is None or known[0] != seen or known[1] <= 0 or session.unreadable or session.damaged:
            return False
        self._since[session.id] = (seen, known[1] - 1)
        return True

    def note(self, session: Session, seen: Seen) -> None:
        """A look that began with `seen` found nothing to do, and a runner that lives."""
        if seen.may_rest:
            self._since[session.id] = (seen, ROUNDS)

    def forget(self, session: Session) -> None:
        self._since.pop(session.id, None)


def stamps(sessions: Iterable[Session]) -> list[Files]:
    return [(_stamp(s.folder.inbound_db), _stamp(s.folder.outbound_db)) for s in sessions]


def _stamp(path: Path) -> Stamp | None:
    """lstat only: opening the file would drop SQLite's locks on it."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
