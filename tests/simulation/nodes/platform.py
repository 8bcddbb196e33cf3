"""The platform with several hosts at its doors: an event comes to one of them, and to another where that one does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from host.ports.bot import Delivery, Ingest, Live, Receipt, Shown
from host.ports.events import InboundEvent, Ingested, Verdict
from tests.simulation.platform import Platform, SimBot, _Door, later

UNANSWERED = 4.0  # s after which the platform brings an event again, perhaps to another host


class SharedPlatform(Platform):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.doors: list[_Door] = []
        self.open: dict[str, InboundEvent] = {}  # not acknowledged yet

    def publish(self, event: InboundEvent, delay: float = 0.0) -> None:
        self.open[event.message_id] = event
        self.waiting = len(self.open)
        later(delay, self._deliver, event, True)

    def _deliver(self, event: InboundEvent, first: bool) -> None:
        if first and event.message_id not in self.open:
            return
        if self.doors and self.weather.online:
            self.chance.choice(self.doors).hand_in(event, first)
        if first:
            later(UNANSWERED + self.chance.uniform(0, 2), self._deliver, event, True)

    def handed_in(self, event: InboundEvent, first: bool, ingested: Ingested | None) -> None:
        if ingested is None:
            return
        if event.message_id not in self.acknowledged:
            self.acknowledged[event.message_id] = event
            self.verdicts[event.message_id] = ingested.verdict
            self.taken_as[event.message_id] = ingested.message_id
        if ingested.verdict is Verdict.STORED:
            self.accepted.append(event.message_id)
        if event.message_id in self.open and self.chance.random() >= self.weather.lose_answer:
            del self.open[event.message_id]
            self.waiting = len(self.open)
            if self.chance.random() < self.weather.duplicate:
                later(self.chance.uniform(0, 100), self._deliver, event, False)


class SharedBot(SimBot):
    """`allowed` is told of all that people are about to see."""

    def __init__(
        self, platform: SharedPlatform, *, nonce: bool, allowed: Callable[[tuple[str, ...], str], None]
    ) -> None:
        super().__init__(platform, nonce=nonce)
        self._shared = platform
        self._allowed = allowed

    async def run(self, host: Ingest, ready: Any) -> None:
        door = _Door(self._shared, host)
        try:
            await door.tell()
            ready()
            self._shared.doors.append(door)
            await door.serve()
        finally:
            if door in self._shared.doors:
                self._shared.doors.remove(door)

    async def send(self, delivery: Delivery) -> Receipt:
        self._allowed(delivery.address, delivery.payload["text"])
        return await super().send(delivery)

    async def open_live(self, live: Live) -> Receipt:
        self._allowed(live.address, "opens a live message")
        return await super().open_live(live)

    async def update_live(self, live: Live, platform_message_id: str) -> None:
        self._allowed(live.address, "changes a live message")
        await super().update_live(live, platform_message_id)

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        self._allowed(live.address, "removes a live message")
        await super().remove_live(live, platform_message_id)

    async def show(self, shown: Shown) -> None:
        self._allowed(shown.address, "shows")
        await super().show(shown)
