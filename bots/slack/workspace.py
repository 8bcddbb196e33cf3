"""One workspace: its token, and everything that is remembered of its people, channels and messages.

Nothing here is shared with another workspace, where the same ids may name other people and other channels.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from pathlib import Path

from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.pacing import Pace
from bots.slack.client import readers
from bots.slack.client.directory import Directory
from bots.slack.client.errors import TRANSIENT
from bots.slack.client.transport import Transport
from bots.slack.listening import Listeners
from bots.slack.live.message import LiveMessages
from bots.slack.live.progress import StatusLines
from bots.slack.reading.backfill import Marks
from bots.slack.reading.fetching import Fetching
from bots.slack.sending.files import Uploads
from bots.slack.sending.outbox import Sender
from bots.slack.setup.preflight import identify
from host.config import Slack
from host.ports.bot import Delivery, Ingest, Offline, Receipt
from host.ports.events import Author, Viewer
from host.ports.people import SignInError
from sessiondb import Address

log = logging.getLogger(__name__)

CALL_TIMEOUT = 20  # s of one call to the Web API; below the host's deadline for a send
ASK_AGAIN = 300.0  # s until a channel is asked for again whose history Slack could not tell
BURST = 5  # messages to one channel that need not wait for each other


class Workspace:
    """`team` is known once it was identified."""

    def __init__(self, settings: Slack, token: str, folder: Path) -> None:
        self._settings = settings
        # No retry handlers: a post is never repeated blindly, and reads are repeated by whoever asked.
        self.client = AsyncWebClient(
            token, base_url=settings.api_url, timeout=CALL_TIMEOUT, retry_handlers=[]
        )
        self.people = Directory(self.client)
        pace = Pace(settings.message_interval, BURST)
        self.sender = Sender(self.client, pace, Uploads(self.client, folder))
        self.status = StatusLines(self.client)
        self.fetching = Fetching(self.client, settings.api_url, token)
        self.team = ""
        self._live: LiveMessages | None = None

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────

    async def begin(self, host: Ingest, app_token: str, owners: Collection[str]) -> None:
        """Raises `SlackRefused` when the tokens or the app's settings are wrong."""
        identity = await identify(self.client, app_token, self._settings)
        self._live = LiveMessages(self.client, self.people, identity)
        self.team = identity.team
        self._marks = Marks(host, identity.team)
        await self._marks.load()
        self._listeners = Listeners(
            self.client, self.people, identity, host, owners, self._marks, self.status
        )

    async def prepare(self, app: AsyncApp, transport: Transport) -> None:
        self._listeners.attach(app, transport)
        await self._listeners.backfill.prepare()

    async def keep(self, transport: Transport) -> None:
        """For ever, once events come in: first what was missed."""
        log.info("Slack is connected", extra={"action": "slack_connected", "team": self.team})
        backfill = self._listeners.backfill
        await backfill.fill()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._marks.keep(), name="slack:marks")
            group.create_task(self._listeners.standings.keep(lambda: backfill.open), name="slack:stands")
            group.create_task(transport.watch(self._listeners.missed), name="slack:watch")
            group.create_task(_asked_again(self._marks, transport), name="slack:again")

    async def close(self) -> None:
        await self.status.close()
        if self._live is not None:
            await self._live.close()

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def live(self) -> LiveMessages:
        if self._live is None:
            raise Offline("Slack is not connected")
        return self._live

    async def send(self, delivery: Delivery) -> Receipt:
        receipt = await self.sender.send(delivery)
        self.status.answered(delivery.address)
        return receipt

    async def readable_now(self, user: str, channels: Collection[Address]) -> frozenset[Address]:
        """Of the channels of this workspace."""
        here = {one for one in channels if one.workspace_id == self.team}
        if channels and not here:
            return frozenset()
        ids = await readers.readable(self.client, self.people, user, {one.platform_id for one in here})
        return frozenset(one for one in here if one.platform_id in ids)

    async def as_now(self, user: str) -> Viewer:
        try:
            known = await self.people.person(user)
            groups = await self.people.groups_of(user)
        except TRANSIENT as error:
            raise SignInError("Slack does not say who you are right now; try again.") from error
        author = Author(user, known.name, groups=groups, zone=known.zone, guest=known.guest)
        return Viewer(author, Address("slack", self.team, ""), "dm")


async def _asked_again(marks: Marks, transport: Transport) -> None:
    """For ever: channels whose history Slack could not tell."""
    while True:
        await asyncio.sleep(ASK_AGAIN)
        if marks.held:
            transport.gave_up()
