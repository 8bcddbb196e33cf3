"""How much of one session, and of all of them together, may be on its way at a time: in chunks, and in what they weigh.

Sessions share what there is: each may take a part of what the others leave, so many that flood leave something to one that
talks. One with nothing on its way always reads a row, however full it is: nobody is held up for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from host.mailbox.rows import Parcel

MOST_CHUNKS = 1_000  # of one session
MOST_WEIGHT = 4_000_000  # bytes of one session
MOST_OF_ALL = 96_000_000  # bytes of all sessions
PARTS = 8  # of what is left one session gets one
A_CHUNK = 1_000  # bytes that a chunk takes beside what it carries


@dataclass(frozen=True, slots=True)
class Room:
    """What is left; below nothing where the last row was larger."""

    chunks: int
    weight: int

    @property
    def spent(self) -> bool:
        return self.chunks <= 0 or self.weight <= 0

    def without(self, parcel: Parcel) -> Room:
        return replace(self, chunks=self.chunks - 1, weight=self.weight - weight(parcel))


def weight(parcel: Parcel) -> int:
    return A_CHUNK + len(parcel.payload)


def left(chunks: int, weighing: int, others: int) -> Room:
    """For a session with so many chunks on their way that weigh so much; `others`: what those of all others weigh."""
    share = min(MOST_WEIGHT, (MOST_OF_ALL - others) // PARTS)
    return Room(MOST_CHUNKS - chunks, share - weighing) if chunks else Room(MOST_CHUNKS, max(1, share))
