"""`POST /hooks/<name>`: what another program signed becomes a message of a channel, by the one way in (law 4).

The answer is given once the inbox has it: a sender that was told 202 need not send again, and one that hears nothing may,
because a copy is the same delivery.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from host.config import Webhook, Webhooks
from host.ports.bot import HostBusy
from host.ports.door import BodyError, Door, body, peer_of
from host.ports.events import Author, EventClass, InboundEvent, Ingested, Verdict
from host.ports.strangers import Few
from host.webhooks import signatures
from host.webhooks.places import NoPlace, Places
from host.webhooks.signatures import Delivery, Unauthorised, WeakSecret
from sessiondb.records import Address

log = logging.getLogger(__name__)

LARGEST_BODY = 256 * 1024  # bytes: as much as an agent can read at one go
NOT_TAKEN = "there is no such hook, or the signature does not fit it"


class WebhookError(Exception):
    """The configured hooks cannot be served; the text says why and what to do."""


class Refused(Exception):
    proven = True  # that it came from whoever has the secret

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Unproven(Refused):
    proven = False


@dataclass
class _Hook:
    """A configured hook and how much of its rate is left."""

    name: str
    config: Webhook
    secret: bytes
    tokens: float
    filled_at: float  # s of the loop's clock
    places: Places = field(default_factory=Places)

    def take(self, clock: float) -> bool:
        """One of `per_minute`, of which half a minute's may come at once."""
        most = max(1.0, self.config.per_minute / 2)
        self.tokens = min(most, self.tokens + (clock - self.filled_at) * self.config.per_minute / 60)
        self.filled_at = clock
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class WebhookServer:
    """`port` is the one it is bound to, once started."""

    def __init__(
        self,
        config: Webhooks,
        environment: Mapping[str, str],
        platforms: Collection[str],
        ingest: Callable[[InboundEvent], Awaitable[Ingested]],
        now: Callable[[], int],
    ) -> None:
        """Raises `WebhookError` for a hook without a proper secret: an unsigned one would be anybody's."""
        self._config = config
        self._platforms = platforms
        self._ingest = ingest
        self._now = now
        self._hooks = {name: _hook(name, hook, environment) for name, hook in config.hooks.items()}
        # Whoever tries names learns nothing: one that is no hook is refused as a wrong signature is, after the same work.
        self._nobody = _Hook("", Webhook.model_construct(per_minute=1), secrets.token_bytes(32), 0.0, 0.0)
        self._strange: dict[str, Places] = {}  # of names that are no hook, while somebody is there
        self._few = Few(log)
        self._door: Door | None = None
        self.port = 0

    async def start(self) -> None:
        """Raises `WebhookError` when the address cannot be had."""
        app = web.Application()
        app.router.add_post("/hooks/{name}", self._handle)
        self._door = Door(app)
        try:
            await self._door.open(self._config.listen, self._config.port)
        except OSError as error:
            where = f"{self._config.listen}:{self._config.port}"
            raise WebhookError(f"webhooks cannot listen on {where}: {error.strerror or error}") from error
        self.port = self._door.address[1]
        log.info(
            "Webhooks listen on http://%s:%d/hooks/",
            self._config.listen,
            self.port,
            extra={"action": "webhooks_listen", "port": self.port},
        )

    async def stop(self) -> None:
        if self._door is not None:
            await self._door.close()

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────

    async def _handle(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            return await self._take(name, request)
        except Refused as refused:
            told = {"action": "webhook_refused", "hook": name[:50], "status": refused.status}
            if refused.proven:
                log.info("Webhook refused: %s", refused, extra=told)
            else:
                self._few.say(logging.INFO, "Webhook refused: %s", refused.__cause__ or refused, extra=told)
            return web.json_response({"error": str(refused)}, status=refused.status, headers=refused.headers)

    async def _take(self, name: str, request: web.Request) -> web.Response:
        hook = self._hooks.get(name, self._nobody)
        try:
            async with self._place(name, peer_of(request.remote or "")):
                said = await body(request, LARGEST_BODY)
        except BodyError as error:
            raise Unproven(error.status, str(error)) from error
        except NoPlace:
            raise Unproven(429, "too many requests at a time", Retry_After="1") from None
        try:
            seconds = self._now() // 1000
            delivery = signatures.verify(hook.config.style, hook.secret, request.headers, said, seconds)
        except Unauthorised as unauthorised:
            raise Unproven(401, NOT_TAKEN) from unauthorised
        if not hook.take(asyncio.get_running_loop().time()):
            again = str(math.ceil(60 / hook.config.per_minute))
            raise Refused(429, f"more than {hook.config.per_minute} a minute", Retry_After=again)
        if delivery.event == "ping":
            return web.json_response({"pong": name})
        if hook.config.platform not in self._platforms:
            raise Refused(503, f"{hook.config.platform} does not run here", Retry_After="60")
        return await self._bring_in(hook, delivery, said)

    @asynccontextmanager
    async def _place(self, name: str, peer: str) -> AsyncIterator[None]:
        """Each name has its own, so that nobody learns by taking them which of them is a hook."""
        hook = self._hooks.get(name)
        places = hook.places if hook else self._strange.setdefault(name, Places())
        try:
            async with places.one(peer):
                yield
        finally:
            if not places:
                self._strange.pop(name, None)

    async def _bring_in(self, hook: _Hook, delivery: Delivery, said: bytes) -> web.Response:
        try:
            ingested = await self._ingest(_event(hook, delivery, said, self._now()))
        except HostBusy as busy:
            raise Refused(503, "it could not be made durable; send it again", Retry_After="5") from busy
        # A duplicate with a reason is one that was declined before.
        if ingested.verdict in (Verdict.STORED, Verdict.DUPLICATE) and not ingested.reason:
            duplicate = ingested.verdict is Verdict.DUPLICATE
            told = {"message": ingested.message_id, "duplicate": duplicate}
            return web.json_response(told, status=200 if duplicate else 202)
        raise Refused(409, ingested.reason or "it is not taken in that channel")


def _hook(name: str, config: Webhook, environment: Mapping[str, str]) -> _Hook:
    given = environment.get(config.secret_env, "").strip()
    if not given:
        raise WebhookError(
            f"webhooks.{name}: the environment has no {config.secret_env}; set it to the secret"
        )
    try:
        secret = signatures.secret_of(given)
    except WeakSecret as weak:
        raise WebhookError(
            f"webhooks.{name}: the secret in {config.secret_env} cannot be used: {weak}"
        ) from weak
    return _Hook(name, config, secret, tokens=max(1.0, config.per_minute / 2), filled_at=0.0)


def _event(hook: _Hook, delivery: Delivery, said: bytes, now: int) -> InboundEvent:
    place = hook.config
    return InboundEvent(
        event_class=EventClass.WEBHOOK,
        address=Address(place.platform, place.workspace, place.channel, place.thread),
        natural_id=f"{hook.name}:{delivery.id}",
        author=Author(f"webhook:{hook.name}", hook.name),
        at=now,
        text=said.decode("utf-8", "replace"),
        privacy=place.privacy,
        value=place.prompt,
        refers_to=f"{hook.name} {delivery.event}".strip(),
        agent=place.agent,
    )
