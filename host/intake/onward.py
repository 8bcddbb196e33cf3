"""Where what comes in goes on to: those who live above the intake, and what it brings along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from host.delivery.posts import Posts
from host.delivery.saying import Saying
from host.delivery.service import Deliveries
from host.governance.pauses import Pauses
from host.intake.incoming import IncomingFiles
from host.ports.events import InboundEvent
from host.registry.sessions import Session
from host.words import Sentence


class Runners(Protocol):
    """Those who live above, and for whom something came in."""

    async def end_outdated(self, session: Session) -> None:
        """Before something new is put into the session's file. Raises `Unavailable` when it must not be."""

    def wake(self, session: Session) -> None:
        """After it."""


@dataclass(frozen=True, slots=True)
class Onward:
    """Where what comes in goes on to."""

    runners: Runners
    deliveries: Deliveries
    saying: Saying
    posts: Posts
    incoming: IncomingFiles
    pauses: Pauses
    pasted: Callable[
        [InboundEvent], Awaitable[Sentence]
    ]  # what is for the host alone, and what to answer; '' = nothing of the kind
