"""A platform that outlives hosts: it keeps events until they are acknowledged, and may lose every answer it gives.

What reaches it was sent; when it lands, and whether the sender hears of it, is decided apart from the sender's life.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from host.ports.bot import (
    Capabilities,
    Delivery,
    Fetched,
    FetchError,
    HostBusy,
    Ingest,
    Live,
    Offline,
    Receipt,
    Rejected,
    Shown,
    Unknown,
    Unsent,
)
from host.ports.events import InboundEvent, IncomingFile, Ingested, Privacy, Verdict
from sessiondb import Address, content
from tests.simulation.outcome import Law
from tests.simulation.processes import Crash, point

REDELIVER_AFTER = 7.0  # s until an event that was not acknowledged comes again
SLOWEST_LANDING = 34.0  # s a request may stay on its way: a client's deadline and a little more
CHUNK = 60  # characters of one post


def later(seconds: float, function: Callable[..., None], *arguments: Any) -> None:
    """What is on its way is nobody's: it arrives, whatever became of who sent it."""
    asyncio.get_running_loop().call_later(seconds, function, *arguments, context=contextvars.Context())


def bytes_of(reference: str) -> bytes:
    """What a person attached."""
    return f"the file {reference}".ljust(40, "!").encode()


@dataclass
class Post:
    """One message on the platform, as people see it."""

    key: str
    address: Address
    text: str
    answers: str
    question: str
    number: int = 0
    landed_at: float = 0.0  # loop's time
    file: bytes = b""


@dataclass
class LivePost:
    """The message that shows a turn under way."""

    address: Address
    text: str
    answers: str
    removed: bool = False
    landed_at: float = 0.0


@dataclass
class Weather:
    """How the platform feels at the moment; each is a chance per call."""

    lose_answer: float = 0.0
    slow: float = 0.0
    rate_limit: float = 0.0
    reject: float = 0.0
    lookup_fails: float = 0.0
    duplicate: float = 0.0
    online: bool = True


@dataclass
class Platform:
    chance: random.Random
    trace: Callable[[str], None]
    weather: Weather = field(default_factory=Weather)
    posts: list[Post] = field(default_factory=list)
    acknowledged: dict[str, InboundEvent] = field(default_factory=dict)
    acknowledged_at: dict[str, float] = field(default_factory=dict)  # loop's time
    changed_at: float = 0.0  # when a channel last became another
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    taken_as: dict[str, str] = field(default_factory=dict)  # event: the message that the host made of it
    accepted: list[str] = field(default_factory=list)  # message ids, in order of acknowledgement
    rejected: Counter[str] = field(default_factory=Counter)
    on_question: Callable[[Post], None] = lambda _: None
    live: dict[str, LivePost] = field(default_factory=dict)  # by key
    broke: Callable[[Law, str], None] = lambda *_: None
    door: _Door | None = None
    waiting: int = 0  # events that nobody has acknowledged yet
    refuses_marks: float = 0.0  # chance that it takes a text only without marks
    privacy: dict[str, Privacy] = field(default_factory=dict)  # of channels that may change, as they are now
    hears: Callable[[Post], None] = lambda _: None
    lags: float = 0.0  # s until what has landed is found by whoever looks for it

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────

    def publish(self, event: InboundEvent, delay: float = 0.0) -> None:
        """Delivered until acknowledged, at least once."""
        self.waiting += 1
        later(delay, self._deliver, event, True)

    def _deliver(self, event: InboundEvent, first: bool) -> None:
        door = self.door
        if door is None or not self.weather.online:
            if first:
                again = self.chance.uniform(0.5, REDELIVER_AFTER)
                later(again, self._deliver, event, True)
            return
        privacy = self.privacy.get(event.address.platform_id)
        if privacy is not None:  # as it is when the event is brought, not as it was when it was said
            event = replace(event, privacy=privacy)
        door.hand_in(event, first)

    def handed_in(self, event: InboundEvent, first: bool, ingested: Ingested | None) -> None:
        """What the host answered; None for no answer."""
        loop = asyncio.get_running_loop()
        if ingested is None:
            if first:
                later(self.chance.uniform(1, REDELIVER_AFTER), self._deliver, event, True)
            return
        if event.message_id not in self.acknowledged:
            self.acknowledged[event.message_id] = event
            self.acknowledged_at[event.message_id] = loop.time()
            self.verdicts[event.message_id] = ingested.verdict
            self.taken_as[event.message_id] = ingested.message_id
        if ingested.verdict is Verdict.STORED:
            self.accepted.append(event.message_id)
        if first:
            if self.chance.random() < self.weather.lose_answer:
                later(self.chance.uniform(1, 60), self._deliver, event, True)
                return
            self.waiting -= 1
            if self.chance.random() < self.weather.duplicate:
                later(self.chance.uniform(0, 200), self._deliver, event, False)

    # ── posts ────────────────────────────────────────────────────────────────────────────────────────────

    def land(self, post: Post) -> None:
        if any(found.key == post.key and found.address == post.address for found in self.posts):
            self.trace(f"platform: {post.key} again: {post.text!r}")
        else:
            self.trace(f"platform: {post.key} {post.text!r} at {post.address}")
        post.number = len(self.posts) + 1
        post.landed_at = asyncio.get_running_loop().time()
        self.posts.append(post)
        if post.question:
            self.on_question(post)
        self.hears(post)

    def becomes(self, channel: Address, privacy: Privacy) -> None:
        self.trace(f"platform: {channel.platform_id} becomes {privacy}")
        self.privacy[channel.platform_id] = privacy
        self.changed_at = asyncio.get_running_loop().time()
        if self.door is not None:
            self.door.became(channel, privacy)

    def land_live(self, key: str, post: LivePost) -> None:
        self.trace(f"platform: live {key} {post.text!r} at {post.address}")
        # Each task that posts here has a session of its own, and shows what it does.
        here = [live for live in self.live.values() if live.address == post.address and live.answers]
        if post.answers and any(not other.removed for other in here):
            self.broke(Law.LIVE, f"a second live message at {post.address}")
        post.landed_at = asyncio.get_running_loop().time()
        self.live[key] = post

    def remove_live(self, key: str) -> None:
        if key in self.live and not self.live[key].removed:
            self.trace(f"platform: live {key} is gone")
            self.live[key].removed = True

    def find(self, key: str) -> Post | None:
        return next((post for post in self.posts if post.key == key), None)

    def shows(self, post: Post | LivePost | None) -> bool:
        """Whether a look-up finds it: a history may be some seconds behind."""
        return post is not None and asyncio.get_running_loop().time() >= post.landed_at + self.lags


class _Door:
    """One connection of one host to the platform: the bot's `run`."""

    def __init__(self, platform: Platform, host: Ingest) -> None:
        self._platform = platform
        self._host = host
        self._events: asyncio.Queue[tuple[InboundEvent, bool]] = asyncio.Queue()
        self._context = contextvars.copy_context()

    def hand_in(self, event: InboundEvent, first: bool) -> None:
        self._events.put_nowait((event, first))

    async def serve(self) -> None:
        while True:
            event, first = await self._events.get()
            asyncio.create_task(self._one(event, first), name="event")  # noqa: RUF006 - the process keeps it

    async def _one(self, event: InboundEvent, first: bool) -> None:
        ingested: Ingested | None = None
        try:
            point("event comes in")
            ingested = await self._host.ingest(event)
            point("event acknowledged")
        except HostBusy:
            pass
        except (Crash, asyncio.CancelledError):
            ingested = None
            raise
        finally:
            self._platform.trace(
                f"event {event.event_class} {event.natural_id}: {ingested and ingested.verdict}"
            )
            self._platform.handed_in(event, first, ingested)

    def became(self, channel: Address, privacy: Privacy) -> None:
        told = self._host.channel_became(channel, privacy)
        asyncio.create_task(told, name="privacy", context=self._context)  # noqa: RUF006 - the process keeps it

    async def tell(self) -> None:
        """At each connect."""
        self._context = contextvars.copy_context()
        for channel, privacy in self._platform.privacy.items():
            await self._host.channel_became(Address("sim", "w", channel, ""), privacy)

    def lost(self) -> None:
        """The connection broke: what it had not taken in comes again."""
        while not self._events.empty():
            event, first = self._events.get_nowait()
            self._platform.handed_in(event, first, None)


class SimBot:
    """A host's bot. `nonce`: the platform itself takes a key once only."""

    channel_type = "sim"

    def __init__(self, platform: Platform, *, nonce: bool) -> None:
        self._platform = platform
        self._nonce = nonce
        self.capabilities = Capabilities(lookup=True, progress="transient")

    async def run(self, host: Ingest, ready: Any) -> None:
        door = _Door(self._platform, host)
        self._platform.door = door
        try:
            await door.tell()
            ready()
            await door.serve()
        finally:
            if self._platform.door is door:
                self._platform.door = None
            door.lost()

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        if isinstance(operation, content.File):
            return [{"text": operation.comment, "file": operation.path, "marked": not plain}]
        text = getattr(operation, "text", "")
        parts = [text[start : start + CHUNK] for start in range(0, max(len(text), 1), CHUNK)]
        if plain:
            return [{"text": part} for part in parts]
        return [{"text": part, "marked": True, "plain": {"text": part}} for part in parts]

    async def send(self, delivery: Delivery) -> Receipt:
        point("send")
        post = Post(
            delivery.key, delivery.address, delivery.payload["text"], delivery.answers, delivery.question
        )
        if delivery.payload.get("file"):
            post.file = delivery.read(delivery.payload["file"])
        await self._request(
            delivery.key, lambda: self._land(post), marked=bool(delivery.payload.get("marked"))
        )
        point("sent")
        return Receipt(f"p-{delivery.key}")

    async def _request(
        self, key: str, land: Callable[[], None], *, may_be_rejected: bool = True, marked: bool = False
    ) -> None:
        """It reaches the platform or not, and the sender hears of it or not."""
        platform, chance, weather = self._platform, self._platform.chance, self._platform.weather
        if not weather.online:
            raise Offline("offline")
        if chance.random() < weather.rate_limit:
            raise Unsent("rate limited", retry_after=chance.uniform(0, 20))
        if may_be_rejected and chance.random() < weather.reject:
            platform.rejected[key] += 1
            platform.trace(f"platform: rejects {key}")
            raise Rejected("invalid blocks")
        if marked and platform.refuses_marks and chance.random() < platform.refuses_marks:
            platform.trace(f"platform: rejects the marks of {key}")
            raise Rejected("it takes no such marks", plain_may_work=True)
        slow = chance.random() < weather.slow
        landing = chance.uniform(0, SLOWEST_LANDING) if slow else chance.uniform(0.01, 0.2)
        reaches = not slow or chance.random() < 0.7
        if reaches:
            later(landing, land)
        if slow and (landing > 25 or not reaches):
            await asyncio.Event().wait()
        await asyncio.sleep(landing + 0.02)
        if chance.random() < weather.lose_answer:
            raise Unknown("connection reset")

    def _land(self, post: Post) -> None:
        if not (self._nonce and self._platform.find(post.key)):
            self._platform.land(post)

    async def fetch(self, place: Address, file: IncomingFile, path: Path, most: int) -> Fetched:
        """In two halves, between which much may happen."""
        point("fetch")
        platform, data = self._platform, bytes_of(file.reference)
        if not platform.weather.online or platform.chance.random() < platform.weather.lookup_fails:
            raise FetchError("it cannot be had now")
        path.write_bytes(data[:20])
        slow = platform.chance.random() < platform.weather.slow
        await asyncio.sleep(platform.chance.choice((5.0, 90.0)) if slow else 0.1)
        point("half a file")
        with path.open("ab") as out:
            out.write(data[20:])
        return Fetched()

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        await self._looked()
        found = self._platform.shows(self._platform.find(delivery.key))
        self._platform.trace(f"lookup {delivery.key}: {'found' if found else 'nothing'}")
        return Receipt(f"p-{delivery.key}") if found else None

    async def _looked(self) -> None:
        point("lookup")
        if not self._platform.weather.online:
            raise Offline("offline")
        if self._platform.chance.random() < self._platform.weather.lookup_fails:
            raise Unknown("connection reset")
        await asyncio.sleep(0.05)

    async def open_live(self, live: Live) -> Receipt:
        point("open a live message")
        post = LivePost(live.address, live.text or live.status, live.answers)
        await self._request(live.key, lambda: self._platform.land_live(live.key, post))
        point("live message opened")
        return Receipt(live.key)

    async def find_live(self, live: Live) -> Receipt | None:
        await self._looked()
        found = self._platform.shows(self._platform.live.get(live.key))
        self._platform.trace(f"lookup of live {live.key}: {'found' if found else 'nothing'}")
        return Receipt(live.key) if found else None

    async def update_live(self, live: Live, platform_message_id: str) -> None:
        point("update a live message")
        self._platform.live[platform_message_id].text = live.text or live.status

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        point("remove a live message")
        await self._request(
            live.key, lambda: self._platform.remove_live(platform_message_id), may_be_rejected=False
        )
        point("live message removed")

    async def show(self, shown: Shown) -> None:
        point("show")
