"""What a platform is taken to do, tried against it: an assumption, what was seen, and who can be asked to look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from host.config import Config

T = TypeVar("T")


class NotTried(Exception):
    """An assumption that could not be put to the test; the text says why, and names nobody."""


@dataclass(frozen=True, slots=True)
class Assumption(Generic[T]):
    name: str
    expected: str
    see: Callable[[T], Awaitable[str]]  # words of ours or the platform's error codes: never ids, names, texts


@dataclass(frozen=True, slots=True)
class Outcome:
    assumption: str
    expected: str
    seen: str  # '' when it was not tried
    why: str = ""  # it was not tried

    @property
    def differs(self) -> bool:
        return not self.why and self.seen != self.expected


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the check: is told what to do in the channel, and how long it is waited for."""

    tell: Callable[[str], None]
    wait: float  # s; 0: nobody is there


@runtime_checkable
class Conforms(Protocol):
    """A bot whose platform can be tried in a channel: what it posts there it removes, however it ends."""

    async def conformance(self, config: Config, channel: str, operator: Operator) -> Sequence[Outcome]:
        """Raises `BotConfigError` where the channel or the token does not allow it."""
