"""Faults of the REST side, on demand: what a client meets when the network or Discord is unwell.

    discord_server.faults.next("POST /channels/{}/messages", Fault.answer_lost())
    discord_server.faults.chance(0.1, seed=7, kinds=[Fault.unavailable(), Fault.answer_lost()])

A fault decides what becomes of one request: whether Discord carries it out, when, and what the caller sees.
Sources: Discord docs, "Topics: Rate Limits"; `HTTPClient.request` in discord.py's http.py; FACTS.
"""

import asyncio
import random
import re
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import hdrs, web

from tests.fakes.discord.answers import as_json
from tests.fakes.discord.journal import Call

Proceed = Callable[[], Awaitable[web.Response]]


class Fault(ABC):
    """What happens to one request. `proceed` carries it out and returns the answer Discord would give."""

    name: ClassVar[str]

    @abstractmethod
    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse: ...

    @staticmethod
    def rate_limited(retry_after: float = 0.05, *, scope: str = "user") -> "Fault":
        """429 of one bucket, not carried out."""
        return RateLimited(retry_after, scope)

    @staticmethod
    def rate_limited_globally(retry_after: float = 0.05) -> "Fault":
        """429 over all routes, not carried out."""
        return RateLimited(retry_after, "global")

    @staticmethod
    def cloudflare_ban() -> "Fault":
        """429 without `Via`, as HTML: discord.py raises at once instead of waiting."""
        return CloudflareBan()

    @staticmethod
    def server_error(status: int = 500) -> "Fault":
        """5xx, not carried out. discord.py retries 500, 502, 504 and 524 and raises on 503 (FACTS)."""
        return ServerError(status)

    @staticmethod
    def unavailable() -> "Fault":
        return ServerError(503)

    @staticmethod
    def dropped() -> "Fault":
        """The connection breaks before anything was done."""
        return Dropped()

    @staticmethod
    def answer_lost() -> "Fault":
        """Carried out, then the connection breaks: the caller cannot know."""
        return AnswerLost()

    @staticmethod
    def answer_held(until: asyncio.Event) -> "Fault":
        """Carried out at once; the caller hears nothing before `until` is set."""
        return AnswerHeld(until)

    @staticmethod
    def posted_late(after: asyncio.Event) -> "Fault":
        """The caller is cut off at once; the request is carried out when `after` is set."""
        return PostedLate(after)

    @staticmethod
    def slow(until: asyncio.Event) -> "Fault":
        """Nothing happens before `until` is set; then it is carried out, even if the caller has gone."""
        return Slow(until)

    @staticmethod
    def malformed_json() -> "Fault":
        """Carried out, but the answer breaks off in the middle of the JSON."""
        return MalformedJson()


@dataclass(frozen=True)
class RateLimited(Fault):
    name = "rate_limited"
    retry_after: float
    scope: str

    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        """`Via` tells discord.py that this is Discord and not Cloudflare (FACTS)."""
        everywhere = self.scope == "global"
        headers = {
            "Via": "1.1 google",
            "Retry-After": str(int(self.retry_after) + 1),
            "X-RateLimit-Scope": self.scope,
        }
        if everywhere:
            headers["X-RateLimit-Global"] = "true"
        else:
            headers |= {
                "X-RateLimit-Limit": "5",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset-After": str(self.retry_after),
                "X-RateLimit-Reset": str(self.retry_after),
                "X-RateLimit-Bucket": "80c17d2f203122d936070c88c8d10f33",
            }
        body = {
            "message": "You are being rate limited.",
            "retry_after": self.retry_after,
            "global": everywhere,
        }
        return as_json(body, 429, headers)


@dataclass(frozen=True)
class CloudflareBan(Fault):
    name = "cloudflare_ban"

    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        return web.Response(status=429, text="<html>Error 1015</html>", content_type="text/html")


@dataclass(frozen=True)
class ServerError(Fault):
    name = "server_error"
    status: int

    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        if self.status in (502, 504):  # these come from the proxy, not from the API
            return web.Response(status=self.status, text="<html></html>", content_type="text/html")
        body = {"message": f"{self.status}: Server Error", "code": 0}
        return as_json(body, self.status)


@dataclass(frozen=True)
class Dropped(Fault):
    name = "dropped"

    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        return cut_off(request)


@dataclass(frozen=True)
class AnswerLost(Fault):
    name = "answer_lost"

    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        await proceed()
        return cut_off(request)


@dataclass(frozen=True)
class AnswerHeld(Fault):
    name = "answer_held"
    until: asyncio.Event

    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        answer = await proceed()
        await self.until.wait()
        return answer


@dataclass(frozen=True)
class PostedLate(Fault):
    name = "posted_late"
    after: asyncio.Event

    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        gone = cut_off(request)
        await self.after.wait()
        await proceed()
        return gone


@dataclass(frozen=True)
class Slow(Fault):
    name = "slow"
    until: asyncio.Event

    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        await self.until.wait()
        return await proceed()


@dataclass(frozen=True)
class MalformedJson(Fault):
    name = "malformed_json"

    async def serve(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        answer = await proceed()
        whole = answer.text or "{}"
        headers = {hdrs.CONTENT_TYPE: "application/json"}
        return web.Response(status=answer.status, body=whole[: len(whole) // 2].encode(), headers=headers)


class Faults:
    """The faults in store. Those asked for by route come first, in order; then chance is asked."""

    def __init__(self) -> None:
        self._routes: set[str] = set()
        self._next: dict[str, deque[Fault]] = defaultdict(deque)
        self._rate = 0.0
        self._random = random.Random()
        self._kinds: Sequence[Fault] = ()
        self._where: Callable[[Call], bool] = _anywhere

    def know(self, route: str) -> None:
        self._routes.add(route)

    def next(self, route: str, *faults: Fault, times: int = 1) -> None:
        """The next calls of `route` meet `faults`, one each. Ids may be written `{}` or by name."""
        self._next[self.known(route)].extend(faults * times)

    def chance(
        self,
        rate: float,
        seed: int,
        kinds: Sequence[Fault],
        where: Callable[[Call], bool] | None = None,
    ) -> None:
        """Every call (for which `where` holds) meets one of `kinds` with this probability; rate 0 ends it."""
        self._rate, self._kinds, self._random = rate, tuple(kinds), random.Random(seed)
        self._where = where or _anywhere

    def draw(self, call: Call) -> Fault | None:
        waiting = self._next.get(call.route)
        if waiting:
            return waiting.popleft()
        if self._kinds and self._where(call) and self._random.random() < self._rate:
            return self._random.choice(self._kinds)
        return None

    def known(self, route: str) -> str:
        """The route in its canonical form; a ValueError for one that the fake does not serve."""
        canonical = re.sub(r"\{\w*\}", "{}", route)
        if canonical not in self._routes:
            raise ValueError(f"The fake does not serve {route!r}; it serves {sorted(self._routes)}")
        return canonical


def cut_off(request: web.Request) -> web.Response:
    """Breaks the connection; the response returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _anywhere(_: Call) -> bool:
    return True
