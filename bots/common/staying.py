"""A platform tried in a channel: what is posted there is removed, however it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from host.ports.conformance import Assumption, Operator, Outcome


class Stay(Protocol):
    async def remove_all(self) -> int:
        """How many of its messages could not be removed."""


S = TypeVar("S", bound=Stay)


async def all_tried(
    stay: S,
    pressed: Awaitable[None],
    assumptions: Sequence[Assumption[S]],
    tried: Callable[[S, Assumption[S]], Awaitable[Outcome]],
    operator: Operator,
) -> Sequence[Outcome]:
    """One after the other, once somebody has `pressed` the button or nobody will."""
    try:
        await pressed
        return [await tried(stay, assumption) for assumption in assumptions]
    finally:
        # Also after Ctrl-C: the cancellation has been delivered, and what is awaited here is carried out.
        if failed := await stay.remove_all():
            operator.tell(f"{failed} messages of the check could not be removed: delete them by hand.")
