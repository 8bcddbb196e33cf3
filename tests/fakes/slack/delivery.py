"""How an event or interaction reaches the app: attempts, acknowledgements and retries.

The courier neither knows sockets nor HTTP; a `Transport` carries one envelope at a time.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from .changes import Changes
from .records import Json

Kind = Literal["events_api", "interactive", "slash_commands"]
State = Literal["pending", "acknowledged", "given_up", "lost"]


@dataclass(frozen=True)
class Attempt:
    envelope_id: str
    number: int  # 0 for the first delivery: what the app sees as x-slack-retry-num
    reason: str


@dataclass(eq=False)
class Delivery:
    """One payload on its way, with everything that happened to it."""

    kind: Kind
    payload: Json
    changes: Changes
    attempts: list[Attempt] = field(default_factory=list)
    state: State = "pending"
    response: Json | None = None  # what the app acknowledged with
    acks_to_swallow: int = 0
    redeliveries: int = 0
    on_response: Callable[[Json | None], None] | None = None

    @property
    def event_id(self) -> str:
        return str(self.payload.get("event_id", ""))

    @property
    def event_type(self) -> str:
        """The event's type, or the payload's own for interactions and commands."""
        event = self.payload.get("event", self.payload)
        return str(event.get("type") or event.get("command") or "")

    async def acknowledged(self, timeout: float = 10.0) -> Json | None:
        """Waits for the app's acknowledgement; returns the payload it answered with."""
        await self.changes.until(lambda: self.state == "acknowledged", timeout)
        return self.response


class Transport(Protocol):
    timeout_reason: str

    def send(self, delivery: Delivery, attempt: Attempt) -> bool:
        """Starts carrying the envelope; False if there is nobody to carry it to."""


class EventFaultLike(Protocol):
    def apply(self, courier: Courier, delivery: Delivery) -> None: ...


class Courier:
    """Three seconds to acknowledge, three retries: almost at once, after a minute, after five ("Events API").

    Interactions and slash commands are sent once. What finds no connection is lost (FACTS: nothing is
    redelivered after a full disconnect).
    """

    def __init__(self, changes: Changes, transport: Transport) -> None:
        self.transport = transport
        self.ack_timeout = 3.0  # seconds
        self.retry_delays: tuple[float, ...] = (0.0, 60.0, 300.0)  # seconds after each failed attempt
        self.deliveries: list[Delivery] = []
        self.held: list[Delivery] = []
        self.take_fault: Callable[[Delivery], EventFaultLike | None] = lambda delivery: None
        self._changes = changes
        self._outstanding: dict[str, tuple[Delivery, Attempt]] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    def submit(
        self, kind: Kind, payload: Json, on_response: Callable[[Json | None], None] | None = None
    ) -> Delivery:
        delivery = Delivery(kind, payload, self._changes, on_response=on_response)
        self.deliveries.append(delivery)
        fault = self.take_fault(delivery)
        if fault is not None:
            fault.apply(self, delivery)
        else:
            self.attempt(delivery)
            self.release()
        self._changes.pulse()
        return delivery

    def hold(self, delivery: Delivery) -> None:
        """Keeps it back until another one went out, but not for ever."""
        self.held.append(delivery)
        self._later(self.ack_timeout, self.release)

    def release(self) -> None:
        """Sends whatever a reorder fault held back."""
        held, self.held = self.held, []
        for delivery in held:
            self.attempt(delivery)

    def attempt(self, delivery: Delivery, number: int = 0, reason: str = "") -> None:
        attempt = Attempt(str(uuid.uuid4()), number, reason)
        self._outstanding[attempt.envelope_id] = (delivery, attempt)
        if not self.transport.send(delivery, attempt):
            del self._outstanding[attempt.envelope_id]
            if delivery.state == "pending":
                delivery.state = "lost"
            return
        delivery.attempts.append(attempt)
        self._later(self.ack_timeout, lambda: self.fail(attempt.envelope_id, self.transport.timeout_reason))

    def acknowledge(self, envelope_id: str, response: Json | None) -> None:
        """An acknowledgement counts for its envelope alone, and only in time."""
        delivery, attempt = self._outstanding.get(envelope_id, (None, None))
        if delivery is None or attempt is None:
            return
        if delivery.acks_to_swallow:
            delivery.acks_to_swallow -= 1
            return
        del self._outstanding[envelope_id]
        if delivery.redeliveries:
            delivery.redeliveries -= 1
            self.attempt(delivery, attempt.number + 1, self.transport.timeout_reason)
        if delivery.state == "pending":
            delivery.state, delivery.response = "acknowledged", response
            if delivery.on_response is not None:
                delivery.on_response(response)
        self._changes.pulse()

    def fail(self, envelope_id: str, reason: str, *, retry: bool = True) -> None:
        """The attempt was refused, or nobody acknowledged it in time."""
        delivery, attempt = self._outstanding.pop(envelope_id, (None, None))
        if delivery is None or attempt is None or delivery.state != "pending":
            return
        if retry and delivery.kind == "events_api" and attempt.number < len(self.retry_delays):
            number = attempt.number + 1
            self._later(self.retry_delays[attempt.number], lambda: self._retry(delivery, number, reason))
        else:
            delivery.state = "given_up"
        self._changes.pulse()

    def _retry(self, delivery: Delivery, number: int, reason: str) -> None:
        if delivery.state == "pending":
            self.attempt(delivery, number, reason)
            self._changes.pulse()

    def _later(self, delay: float, call: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            call()

        timer = asyncio.get_running_loop().call_later(delay, run)
        self._timers.add(timer)

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._outstanding.clear()
