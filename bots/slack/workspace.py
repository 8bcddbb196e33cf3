"""One workspace: its token, and everything that is remembered of its people, channels and messages.

Nothing here is shared with another workspace, where the same ids may name other people and other channels.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from bots.common import answering
from bots.common.faces import Faces
from bots.common.pacing import Pace
from bots.slack.client import readers
from bots.slack.client.directory import Directory
from bots.slack.client.errors import TRANSIENT
from bots.slack.client.transport import Transport
from bots.slack.client.web import WorkspaceClient
from bots.slack.listening import Listeners
from bots.slack.live.message import LiveMessages
from bots.slack.live.progress import StatusLines
from bots.slack.reading.backfill import Backfill, Marks
from bots.slack.reading.events import Identity
from bots.slack.reading.fetching import Fetching
from bots.slack.sending.canvases import Canvases
from bots.slack.sending.faces import Customizing
from bots.slack.sending.files import Uploads
from bots.slack.sending.outbox import Sender
from bots.slack.setup.preflight import identify
from host.config import Access, Slack
from host.ports.bot import Delivery, Ingest, Offline, Receipt
from host.ports.events import Author, Viewer
from host.ports.people import SignInError
from sessiondb import Address

log = logging.getLogger(__name__)

CALL_TIMEOUT = 20  # s of one call to the Web API; below the host's deadline for a send
ASK_AGAIN = 300.0  # s until a channel is asked for again whose history Slack could not tell
BURST = 5  # messages to one channel that need not wait for each other


class Workspace:
    """`team` is known once it was identified, and it is heard of once its `listeners` are there."""

    listeners: Listeners
    identity: Identity

    def __init__(
        self, settings: Slack, token: str, folder: Path, faces: Faces, within: tuple[str, str] = ("", "")
    ) -> None:
        """`within`: the organisation whose token it is, and which of its workspaces this one is."""
        self._settings = settings
        self._within = within
        self.token = token
        # No retry handlers: a post is never repeated blindly, and reads are repeated by whoever asked.
        self.client = WorkspaceClient(
            token, base_url=settings.api_url, timeout=CALL_TIMEOUT, retry_handlers=[]
        )
        self.client.team = within[1]
        self.people = Directory(self.client)
        pace = Pace(settings.message_interval, BURST)
        self._customizing = Customizing(faces)
        uploads = Uploads(self.client, folder)
        self._canvases = Canvases(self.client, folder, uploads, self._customizing)
        self.sender = Sender(self.client, pace, uploads, self._canvases, self._customizing)
        self.status = StatusLines(self.client)
        self.fetching = Fetching(self.client, settings.api_url, token)
        self.team = ""
        self._owners = set[str]()  # of this workspace, asked for each time anew
        self._live: LiveMessages | None = None
        self._backfill: Backfill | None = None
        self._filling = asyncio.Lock()

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────────

    async def begin(self, host: Ingest, access: Access, *, whose: str = "") -> None:
        """Raises `SlackRefused` when the token or the app's settings are wrong; `whose` it is stands in its words."""
        self.identity = await self._identified(whose)
        self._customizing.begin(self.identity.team, self.identity.scopes)
        self._canvases.begin(self.identity.user, self.identity.scopes)
        self._live = LiveMessages(self.client, self.people, self.identity, self._customizing)
        self.team = self.identity.team
        everywhere = Address("slack", self.team, "")
        self.people.askers = lambda: host.askers(everywhere)
        self._marks = Marks(host, self.team)
        await self._marks.load()
        self.listeners = Listeners(
            self.client, self.people, self.identity, host, self._owners, self._marks, self.status
        )
        self._backfill = self.listeners.backfill
        self.mind(access)

    async def _identified(self, whose: str) -> Identity:
        found = await identify(self.client, whose)
        organisation, team = self._within
        return replace(found, team=team) if organisation and found.organisation == organisation else found

    def mind(self, access: Access) -> None:
        """Whom the configuration names for this workspace."""
        self._owners.clear()
        self._owners.update(answering.ids_on("slack", access.owners, self.team))
        self.people.mind(answering.ids_on("slack", access.groups, self.team))

    async def prepare(self, transport: Transport) -> None:
        """Before its events come in."""
        self.listeners.transport = transport
        await self.listeners.backfill.prepare()

    async def fill(self) -> None:
        """First of all once its events come in: what was missed."""
        log.info("Slack is connected", extra={"action": "slack_connected", "team": self.team})
        async with self._filling:
            await self.listeners.backfill.fill()

    async def missed(self, *, unheard: bool = False) -> int:
        """`unheard`: there may be nothing."""
        async with self._filling:
            return await (self.listeners.unheard() if unheard else self.listeners.missed())

    async def keep(self, transport: Transport) -> None:
        """For ever, after that."""
        backfill = self.listeners.backfill
        async with asyncio.TaskGroup() as group:
            group.create_task(self._marks.keep(), name="slack:marks")
            group.create_task(self.listeners.standings.keep(lambda: backfill.open), name="slack:stands")
            group.create_task(_asked_again(backfill, transport), name="slack:again")

    async def close(self) -> None:
        await self.status.close()
        if self._backfill is not None:
            await self._backfill.close()
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


async def _asked_again(backfill: Backfill, transport: Transport) -> None:
    """For ever: channels whose history Slack could not tell."""
    while True:
        await asyncio.sleep(ASK_AGAIN)
        if backfill.waiting:
            transport.gave_up()
