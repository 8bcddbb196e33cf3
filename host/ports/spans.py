"""Stretches of a message's way, for whoever collects traces. One trace per message, known by the message's id alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

ROOT = "in"  # the stretch that all others of a message belong under


@dataclass(frozen=True, slots=True)
class Span:
    """`attributes` never hold what was said, nor by whom."""

    name: str
    message: str  # the host's id of the message whose way it is on
    began_at: int  # ms UTC
    ended_at: int
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    of: str = ""  # which one, where a message has several of a name
    failed: str = ""  # how, '' when it did not
    alone: bool = False  # no stretch came before it that others belong under: a task's run


class Spans(Protocol):
    def add(self, span: Span) -> None:
        """Never waits, never raises."""

    def close(self) -> None:
        """Hands on what is left, within a moment or not at all."""


class NoSpans:
    """Nobody collects any."""

    def add(self, span: Span) -> None: ...

    def close(self) -> None: ...
