"""What a part says to parts above it, which it cannot know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Outlet(Generic[T]):
    """Made before the part that speaks and those that hear; they get it when they are made. Nobody hears late."""

    def __init__(self, *hearers: Callable[[T], None]) -> None:
        self._hearers = list(hearers)

    def heard_by(self, hearer: Callable[[T], None]) -> None:
        """For the constructor of whoever hears."""
        self._hearers.append(hearer)

    def __call__(self, said: T) -> None:
        for hearer in self._hearers:
            hearer(said)
