"""Slack as a platform of the host: bolt's listeners in front of `Ingest`, the Web API behind `Bot`."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.loops import Chatter
from bots.common.pacing import Pace
from bots.slack import questions, render
from bots.slack.directory import Directory
from bots.slack.files import Uploads
from bots.slack.inbound import Identity, Reader
from bots.slack.preflight import identify
from bots.slack.progress import StatusLines
from bots.slack.sending import Sender
from bots.slack.transport import Transport
from host.bots import Capabilities, Delivery, EventClass, InboundEvent, Ingest, Offline, Receipt, Shown
from host.config import Slack
from sessiondb import content

log = logging.getLogger(__name__)
Json = dict[str, Any]

CALL_TIMEOUT = 20  # s of one call to the Web API; below the host's deadline for a send
BURST = 5  # messages to one channel that need not wait for each other


@dataclass(frozen=True, slots=True)
class Secrets:
    bot_token: str
    app_token: str = ""
    signing_secret: str = ""


class SlackBot:
    channel_type = "slack"
    capabilities = Capabilities(lookup=True, progress="transient")

    def __init__(self, settings: Slack, secrets: Secrets, folder: Path, owners: Sequence[str] = ()) -> None:
        self._settings = settings
        self._secrets = secrets
        self._owners = owners
        # No retry handlers: a post is never repeated blindly, and reads are repeated by whoever asked.
        self._client = AsyncWebClient(
            secrets.bot_token, base_url=settings.api_url, timeout=CALL_TIMEOUT, retry_handlers=[]
        )
        self._people = Directory(self._client)
        pace = Pace(settings.message_interval, BURST)
        self._sender = Sender(self._client, pace, Uploads(self._client, folder))
        self._status = StatusLines(self._client)
        self._chatter = Chatter()
        self._online = False

    # ── the host's side ──────────────────────────────────────────────────────────────────────────────────

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        """Raises `SlackRefused` when the tokens or the app's settings are wrong."""
        identity = await identify(self._client, self._secrets.app_token, self._settings)
        listeners = Listeners(self._client, self._people, identity, host, self._owners, self._chatter)
        app = AsyncApp(
            client=self._client,
            signing_secret=self._secrets.signing_secret or "unused in Socket Mode",
            process_before_response=True,
        )
        listeners.attach(app)
        transport = Transport(app, self._settings, self._secrets.app_token)
        try:
            await transport.open()
            self._online = True
            ready()
            log.info("Slack is connected", extra={"action": "slack_connected", "team": identity.team})
            await transport.watch()
        finally:
            self._online = False
            await transport.close()
            await self._status.close()

    def render(self, operation: content.Operation, *, plain: bool = False) -> Sequence[Json]:
        return render.operation(operation, plain=plain)

    async def send(self, delivery: Delivery) -> Receipt:
        self._must_be_online()
        receipt = await self._sender.send(delivery)
        self._status.answered(delivery.address)
        return receipt

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        self._must_be_online()
        return await self._sender.lookup(delivery)

    async def show(self, shown: Shown) -> None:
        if self._online:
            await self._status.show(shown)

    def _must_be_online(self) -> None:
        if not self._online:
            raise Offline("Slack is not connected")


class Listeners:
    """What bolt calls. A listener returns when the host has committed; one that raises is called again by Slack."""

    def __init__(
        self,
        client: AsyncWebClient,
        people: Directory,
        identity: Identity,
        host: Ingest,
        owners: Sequence[str],
        chatter: Chatter,
    ) -> None:
        self._reader = Reader(client, people, identity)
        self._questions = questions.Questions(client, people, identity, host, owners)
        self._host = host
        self._chatter = chatter

    def attach(self, app: AsyncApp) -> None:
        app.event("message")(self.message)
        app.event("app_mention")(self.message)
        app.event("reaction_added")(self.reaction)
        app.event("reaction_removed")(self.reaction)
        app.action(re.compile(f"^({render.ACTION}|{render.WORDS})"))(self.clicked)
        app.view(questions.MODAL)(self.submitted)
        app.event(re.compile(".*"))(self.anything_else)

    async def message(self, event: Json) -> None:
        if event.get("subtype") in ("message_changed", "message_deleted"):
            await self._take(await self._reader.change(event))
        else:
            await self._take(await self._reader.message(event))

    async def reaction(self, event: Json) -> None:
        await self._take(await self._reader.reaction(event))

    async def clicked(self, ack: Callable[[], Awaitable[object]], body: Json) -> None:
        await self._questions.clicked(body)
        await ack()

    async def submitted(self, ack: Callable[[], Awaitable[object]], body: Json) -> None:
        await self._questions.submitted(body)
        await ack()

    async def anything_else(self, event: Json) -> None:
        """An event that no listener takes would be delivered again and again."""
        log.debug("Nothing to do for %s", event.get("type"))

    async def _take(self, event: InboundEvent | None) -> None:
        if event is None:
            return
        if event.event_class is EventClass.MESSAGE and self._chatter.is_a_loop(event):
            log.warning(
                "Bots talk to each other", extra={"action": "bot_loop", "address": str(event.address)}
            )
            return
        await self._host.ingest(event)
