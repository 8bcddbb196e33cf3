"""How many bodies of one hook may be under way at a time, and whose: whoever sends slowly keeps nobody else out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

AT_A_TIME = 8  # of one name, whether there is such a hook or not; each holds a body in memory


class NoPlace(Exception):
    """All are taken, or this one was given to somebody who had none."""


@dataclass(eq=False)
class _Place:
    peer: str
    patience: asyncio.Timeout


@dataclass
class Places:
    _taken: list[_Place] = field(default_factory=list)  # in the order in which they came

    def __len__(self) -> int:
        return len(self._taken)

    @asynccontextmanager
    async def one(self, peer: str) -> AsyncIterator[None]:
        """Where all are taken, those who have the most of them, and more than the newcomer, lose their oldest."""
        if len(self._taken) >= AT_A_TIME:
            self._make_room(peer)
        try:
            async with asyncio.timeout(None) as patience:
                place = _Place(peer, patience)
                self._taken.append(place)
                try:
                    yield
                finally:
                    if place in self._taken:
                        self._taken.remove(place)
        except TimeoutError as error:
            raise NoPlace from error

    def _make_room(self, peer: str) -> None:
        having = Counter(place.peer for place in self._taken)
        most = max(having.values())
        if having[peer] >= most:
            raise NoPlace
        loser = next(place for place in self._taken if having[place.peer] == most)
        self._taken.remove(loser)
        loser.patience.reschedule(asyncio.get_running_loop().time())
