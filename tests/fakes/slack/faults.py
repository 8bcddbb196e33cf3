"""What goes wrong on demand: one small object per fault, queued for the next call or event, or drawn."""

from __future__ import annotations

import asyncio
import enum
import random
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from .delivery import Courier, Delivery
from .sockets import SocketMode


@dataclass(eq=False)
class Exchange:
    """One HTTP request in the hands of a fault."""

    perform: Callable[[], web.StreamResponse]  # carries the method out and renders its answer
    drop: Callable[[], web.StreamResponse]  # cuts the connection instead of answering
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)  # the caller hung up


class Fault(ABC):
    """A fault of one Web API call (or of an upload, a download or a response_url)."""

    @abstractmethod
    async def answer(self, exchange: Exchange) -> web.StreamResponse: ...

    @staticmethod
    def http_error(status: int = 503) -> Fault:
        """Nothing is carried out; the load balancer's page comes back."""
        return _HttpError(status)

    @staticmethod
    def rate_limited(retry_after: int = 1) -> Fault:
        """429 with Retry-After; nothing is carried out ("Rate limits")."""
        return _RateLimited(retry_after)

    @staticmethod
    def refuse(error: str) -> Fault:
        """`{"ok": false, "error": error}`; nothing is carried out."""
        return _Refuse(error)

    @staticmethod
    def answer_lost() -> Fault:
        """Carried out, and the connection is gone before the answer."""
        return _AnswerLost()

    @staticmethod
    def answer_held(until: asyncio.Event) -> Fault:
        """Carried out at once; the caller hears nothing before `until`."""
        return _AnswerHeld(until)

    @staticmethod
    def posted_late(until: asyncio.Event | None = None) -> Fault:
        """Carried out only after the caller gave up, and then not before `until`."""
        return _PostedLate(until)

    @staticmethod
    def slow(until: asyncio.Event) -> Fault:
        """Nothing happens before `until`; then it is carried out, whether or not the caller still waits."""
        return _Slow(until)

    @staticmethod
    def drop() -> Fault:
        """The connection is cut before anything is carried out."""
        return _Drop()

    @staticmethod
    def malformed() -> Fault:
        """Carried out, and answered with 200 and half a JSON document."""
        return _Malformed()


@dataclass(frozen=True)
class _HttpError(Fault):
    status: int

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        return web.Response(status=self.status, text="<html>upstream</html>", content_type="text/html")


@dataclass(frozen=True)
class _RateLimited(Fault):
    retry_after: int

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        headers = {"Retry-After": str(self.retry_after)}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)


@dataclass(frozen=True)
class _Refuse(Fault):
    error: str

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        return web.json_response({"ok": False, "error": self.error})


@dataclass(frozen=True)
class _AnswerLost(Fault):
    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        exchange.perform()
        return exchange.drop()


@dataclass(frozen=True)
class _AnswerHeld(Fault):
    until: asyncio.Event

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        answer = exchange.perform()
        await self.until.wait()
        return answer


@dataclass(frozen=True)
class _PostedLate(Fault):
    until: asyncio.Event | None

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.abandoned.wait()
        if self.until is not None:
            await self.until.wait()
        return exchange.perform()


@dataclass(frozen=True)
class _Slow(Fault):
    until: asyncio.Event

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        await self.until.wait()
        return exchange.perform()


@dataclass(frozen=True)
class _Drop(Fault):
    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        return exchange.drop()


@dataclass(frozen=True)
class _Malformed(Fault):
    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        exchange.perform()
        return web.Response(text='{"ok": true, "ts": "17', content_type="application/json")


class EventFault(ABC):
    """A fault in the delivery of one event."""

    @abstractmethod
    def apply(self, courier: Courier, delivery: Delivery) -> None: ...

    @staticmethod
    def redeliver(times: int = 1) -> EventFault:
        """Acknowledged, and delivered again all the same: new envelope, same event_id (FACTS)."""
        return _Redeliver(times)

    @staticmethod
    def duplicate() -> EventFault:
        """Delivered twice at once, neither of them marked as a retry."""
        return _Duplicate()

    @staticmethod
    def reorder() -> EventFault:
        """Held back until the next event went out (or the acknowledgement would have been due)."""
        return _Reorder()

    @staticmethod
    def swallow_ack(times: int = 1) -> EventFault:
        """The app's acknowledgement gets lost, so a retry follows."""
        return _SwallowAck(times)

    @staticmethod
    def drop_socket() -> EventFault:
        """The socket that the event was meant for dies without a close frame and takes it along."""
        return _OnSocket(deafen=False)

    @staticmethod
    def deafen_socket() -> EventFault:
        """The socket that the event was meant for stays open and silent from now on."""
        return _OnSocket(deafen=True)


@dataclass(frozen=True)
class _Redeliver(EventFault):
    times: int

    def apply(self, courier: Courier, delivery: Delivery) -> None:
        delivery.redeliveries = self.times
        courier.attempt(delivery)


@dataclass(frozen=True)
class _Duplicate(EventFault):
    def apply(self, courier: Courier, delivery: Delivery) -> None:
        courier.attempt(delivery)
        courier.attempt(delivery)


@dataclass(frozen=True)
class _Reorder(EventFault):
    def apply(self, courier: Courier, delivery: Delivery) -> None:
        courier.hold(delivery)


@dataclass(frozen=True)
class _SwallowAck(EventFault):
    times: int

    def apply(self, courier: Courier, delivery: Delivery) -> None:
        delivery.acks_to_swallow = self.times
        courier.attempt(delivery)


@dataclass(frozen=True)
class _OnSocket(EventFault):
    deafen: bool

    def apply(self, courier: Courier, delivery: Delivery) -> None:
        """The socket suffers first: the attempt goes into the void, and only its timeout tells."""
        transport = courier.transport
        socket = transport.next_socket() if isinstance(transport, SocketMode) else None
        if socket is not None:
            socket.deafen()
        courier.attempt(delivery)
        if socket is not None and not self.deafen:
            socket.drop()


class Kind(enum.Enum):
    """The faults that chance may draw."""

    HTTP_ERROR = enum.auto()
    RATE_LIMITED = enum.auto()
    ANSWER_LOST = enum.auto()
    DROPPED = enum.auto()
    MALFORMED = enum.auto()
    REDELIVERED = enum.auto()
    DUPLICATED = enum.auto()
    REORDERED = enum.auto()
    ACK_SWALLOWED = enum.auto()
    SOCKET_DROPPED = enum.auto()


CALL_KINDS: dict[Kind, Callable[[], Fault]] = {
    Kind.HTTP_ERROR: Fault.http_error,
    Kind.RATE_LIMITED: Fault.rate_limited,
    Kind.ANSWER_LOST: Fault.answer_lost,
    Kind.DROPPED: Fault.drop,
    Kind.MALFORMED: Fault.malformed,
}
EVENT_KINDS: dict[Kind, Callable[[], EventFault]] = {
    Kind.REDELIVERED: EventFault.redeliver,
    Kind.DUPLICATED: EventFault.duplicate,
    Kind.REORDERED: EventFault.reorder,
    Kind.ACK_SWALLOWED: EventFault.swallow_ack,
    Kind.SOCKET_DROPPED: EventFault.drop_socket,
}


@dataclass(frozen=True)
class _Chance:
    rate: float
    random: random.Random
    call_kinds: Sequence[Callable[[], Fault]]
    event_kinds: Sequence[Callable[[], EventFault]]
    methods: Collection[str] | None
    presses: bool


ANY_EVENT = "events"
T = TypeVar("T")


class Faults:
    """Queued faults go first, in order; then chance, if it was switched on."""

    def __init__(self) -> None:
        self.injected: list[tuple[str, Fault | EventFault]] = []
        self._calls: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._events: defaultdict[str, deque[EventFault]] = defaultdict(deque)
        self._chance: _Chance | None = None

    def next(self, target: str, fault: Fault | EventFault, times: int = 1) -> None:
        """`target` is a method ("chat.postMessage"); one of `files:upload`, `files:download`, `response_url`;
        an event's type ("app_mention"); or "events" for whichever event comes next.
        """
        for _ in range(times):
            if isinstance(fault, Fault):
                self._calls[target].append(fault)
            else:
                self._events[target].append(fault)

    def chance(
        self,
        rate: float,
        seed: int,
        kinds: Collection[Kind] = tuple(Kind),
        methods: Collection[str] | None = None,
        presses: bool = False,
    ) -> None:
        """From now on each call (of `methods`, or any) and event suffers one of `kinds` at this rate; with `presses` so does
        what people press, choose and send in forms, which Slack itself sends once and a proxy may not."""
        self._chance = _Chance(
            rate=rate,
            random=random.Random(seed),
            call_kinds=[make for kind, make in CALL_KINDS.items() if kind in kinds],
            event_kinds=[make for kind, make in EVENT_KINDS.items() if kind in kinds],
            methods=methods,
            presses=presses,
        )

    def clear(self) -> None:
        self._calls.clear()
        self._events.clear()
        self._chance = None

    def for_call(self, method: str) -> Fault | None:
        fault = self._calls[method].popleft() if self._calls[method] else None
        chance = self._chance
        if fault is None and chance is not None and (chance.methods is None or method in chance.methods):
            fault = _draw(chance, chance.call_kinds)
        if fault is not None:
            self.injected.append((method, fault))
        return fault

    def for_event(self, delivery: Delivery) -> EventFault | None:
        pressed = delivery.kind != "events_api"
        queue = self._events[delivery.event_type] or self._events[ANY_EVENT]
        fault = queue.popleft() if queue and not pressed else None
        if fault is None and self._chance is not None and (self._chance.presses or not pressed):
            fault = _draw(self._chance, self._chance.event_kinds)
        if fault is not None:
            self.injected.append((delivery.event_type, fault))
        return fault


def _draw(chance: _Chance, makers: Sequence[Callable[[], T]]) -> T | None:
    if makers and chance.random.random() < chance.rate:
        return chance.random.choice(makers)()
    return None
