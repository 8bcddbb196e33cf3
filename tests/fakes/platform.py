"""A platform in memory: it keeps what was sent, can be gated per channel, and fails as told."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from host.ports.bot import (
    Capabilities,
    Delivery,
    DeliveryError,
    Fetched,
    Ingest,
    Live,
    Receipt,
    Rejected,
    Shown,
)
from host.ports.events import Author, EventClass, InboundEvent, IncomingFile, Ingested, Privacy, Viewer
from host.ports.people import Attempt, SignInError
from sessiondb import Address, content

TIMEOUT = 60  # s a test waits for something to happen


class MemoryBot:
    """`said(channel)` is what people see. A key that was sent is found by `lookup`."""

    channel_type = "memory"
    capabilities = Capabilities(lookup=True, progress="transient")

    def __init__(self) -> None:
        self.sent: list[Delivery] = []
        self.shown: list[Shown] = []
        self.live: dict[str, Live] = {}  # what stands there now, by its id
        self.live_log: list[str] = []  # opened, updated, removed
        self.gates: dict[str, asyncio.Event] = {}
        self.failures: defaultdict[str, deque[DeliveryError]] = defaultdict(deque)
        self.files: dict[str, bytes] = {}  # what people attached, by reference
        self.privacies: dict[str, Privacy] = {}  # of channels, where it is not "public"
        self.gone: set[str] = set()  # channels of which it knows nothing
        self.titles: list[tuple[str, str, str]] = []  # of threads: which, the title, the question
        self.tells_nothing: Exception | None = None
        self.asked_about: list[set[str]] = []
        self.removed: list[str] = []
        self.members: dict[str, set[str]] = {}  # channels that somebody may read now, by their id
        self.open = {"C9"}  # channels that everybody may read
        self.left: set[str] = set()  # people of whom it knows nothing
        self.signs_in = False  # whether people can sign in by it
        self.groups: dict[str, tuple[str, ...]] = {}  # by person, where they are asked for anew
        self.codes: dict[str, Viewer] = {}  # who comes back with what
        self.attempts: list[Attempt] = []
        self.lose_answers = 0  # so many sends reach the platform, and their answers nobody
        self.on_send: Callable[[Delivery], None] = lambda _: None
        self._changed = asyncio.Event()
        self._numbers = itertools.count(1)
        self._host: Ingest | None = None

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        self._host = host
        ready()
        await asyncio.Event().wait()

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        text = getattr(operation, "text", "")
        return [{"text": text[start : start + 2_000]} for start in range(0, max(len(text), 1), 2_000)]

    async def send(self, delivery: Delivery) -> Receipt:
        channel = delivery.address.platform_id
        if channel in self.gates:
            await self.gates[channel].wait()
        if self.failures[channel]:
            failure = self.failures[channel].popleft()
            self._changed.set()
            raise failure
        self.on_send(delivery)
        self.sent.append(delivery)
        self._changed.set()
        if self.lose_answers:
            self.lose_answers -= 1
            await asyncio.Event().wait()
        return Receipt(f"p-{delivery.key}")

    async def remove(self, place: Address, platform_message_id: str) -> None:
        if self.failures[f"remove {place.platform_id}"]:
            raise self.failures[f"remove {place.platform_id}"].popleft()
        self.removed.append(platform_message_id)
        self._changed.set()

    async def entitle(self, place: Address, title: str, question: str) -> None:
        self.titles.append((place.thread_id, title, question))
        self._changed.set()

    async def fetch(self, place: Address, file: IncomingFile, path: Path, most: int) -> Fetched:
        path.write_bytes(self.files[file.reference])
        return Fetched()

    async def privacy_now(self, channels: Collection[Address]) -> Mapping[Address, Privacy]:
        self.asked_about.append({one.platform_id for one in channels})
        if self.tells_nothing is not None:
            raise self.tells_nothing
        there = [one for one in channels if one.platform_id not in self.gone]
        return {one: self.privacies.get(one.platform_id, "public") for one in there}

    async def readable_now(
        self, place: Address, user: str, channels: Collection[Address]
    ) -> frozenset[Address]:
        if self.tells_nothing is not None:
            raise self.tells_nothing
        if user in self.left:
            raise Rejected("this person has left")
        return frozenset(
            one for one in channels if one.platform_id in self.open | self.members.get(user, set())
        )

    def sign_in_at(self, attempt: Attempt) -> str:
        self.attempts.append(attempt)
        return f"https://memory.example/authorize?state={attempt.state}" if self.signs_in else ""

    async def who(self, code: str, attempt: Attempt) -> Viewer:
        """Once a code, and only for the attempt that the platform was asked for."""
        if code not in self.codes or attempt not in self.attempts:
            raise SignInError("This sign-in is used up or too old; begin again.")
        return self.codes.pop(code)

    async def as_now(self, place: Address, user: str) -> Viewer:
        if self.tells_nothing is not None or user in self.left:
            raise SignInError("The platform does not say who you are right now.")
        return Viewer(Author(user, user, groups=self.groups.get(user, ())), Address("memory", "w", ""), "dm")

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        return next((Receipt(f"p-{d.key}") for d in self.sent if d.key == delivery.key), None)

    async def show(self, shown: Shown) -> None:
        self.shown.append(shown)
        self._changed.set()

    async def open_live(self, live: Live) -> Receipt:
        return self._showed("opened", live)

    async def find_live(self, live: Live) -> Receipt | None:
        return next((Receipt(id_) for id_, found in self.live.items() if found.key == live.key), None)

    async def update_live(self, live: Live, platform_message_id: str) -> None:
        self._showed("updated", live)

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        self.live.pop(platform_message_id, None)
        self.live_log.append("removed")
        self._changed.set()

    def _showed(self, what: str, live: Live) -> Receipt:
        self.live[f"live-{live.key}"] = live
        self.live_log.append(what)
        self._changed.set()
        return Receipt(f"live-{live.key}")

    # ── what a test does and sees ────────────────────────────────────────────────────────────────────────

    def event(self, channel: str, text: str, **more: Any) -> InboundEvent:
        number = next(self._numbers)
        fields: dict[str, Any] = {
            "event_class": EventClass.MESSAGE,
            "address": Address("memory", "w", channel),
            "natural_id": f"n{number}",
            "author": Author("U1", "Ada"),
            "at": 1_700_000_000_000 + number,
            "text": text,
            "platform_message_id": f"n{number}",
            "privacy": "dm",
        }
        return InboundEvent(**{**fields, **more})

    async def say(self, channel: str, text: str, **more: Any) -> Ingested:
        return await self.ingested(self.event(channel, text, **more))

    async def ingested(self, event: InboundEvent) -> Ingested:
        assert self._host is not None
        return await self._host.ingest(event)

    def file(self, name: str, data: bytes, media_type: str = "application/octet-stream") -> IncomingFile:
        """To be said with a message."""
        reference = f"{len(self.files)}-{name}"
        self.files[reference] = data
        return IncomingFile(name, media_type, len(data), reference)

    def said(self, channel: str) -> list[str]:
        return [d.payload["text"] for d in self.sent if d.address.platform_id == channel]

    async def until(self, condition: Callable[[], bool], patience: float = TIMEOUT) -> None:
        async with asyncio.timeout(patience):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
