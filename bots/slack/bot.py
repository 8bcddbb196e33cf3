"""Slack as a platform of the host: bolt's listeners in front of `Ingest`, the Web API behind `Bot`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bots.common import answering
from bots.slack.client import signins
from bots.slack.client.errors import TRANSIENT
from bots.slack.client.transport import Transport, application
from bots.slack.sending import rendering
from bots.slack.setup import conformance as conforming
from bots.slack.setup import look as looking
from bots.slack.workspace import Workspace
from host.config import Access, Config, Slack
from host.ports.bot import (
    Capabilities,
    Delivery,
    Fetched,
    Hearing,
    Ingest,
    Live,
    Offline,
    Receipt,
    Rejected,
    Shown,
    Unknown,
)
from host.ports.conformance import Operator, Outcome
from host.ports.events import IncomingFile, Privacy, Viewer
from host.ports.findings import Finding
from host.ports.people import Attempt
from sessiondb import Address, content

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Secrets:
    bot_token: str
    app_token: str = ""
    signing_secret: str = ""
    client_id: str = ""  # of the app by which people sign in to the page
    client_secret: str = ""


class SlackBot:
    channel_type = "slack"
    capabilities = Capabilities(
        lookup=True, progress="transient", drawn_by="bots.slack.sending.rendering:operation"
    )

    def __init__(self, settings: Slack, secrets: Secrets, folder: Path, access: Access | None = None) -> None:
        self._settings = settings
        self._secrets = secrets
        self._access = access or Access()
        self._owners = set[str]()  # of this workspace, asked for each time anew
        self._space = Workspace(settings, secrets.bot_token, folder)
        self._sign_ins = signins.SignIns(secrets.client_id, secrets.client_secret, settings.api_url)
        self._online = False
        self._transport: Transport | None = None

    # ── the host's side ──────────────────────────────────────────────────────────────────────────────────

    async def look(self, config: Config) -> Sequence[Finding]:
        """Raises `SlackRefused` when the tokens or the app's settings are wrong."""
        return await looking.look(self._space.client, self._secrets.app_token, self._settings, config)

    async def conformance(self, config: Config, channel: str, operator: Operator) -> Sequence[Outcome]:
        """Raises `SlackRefused`, or `BotConfigError` for a channel that cannot be tried in."""
        tokens = (self._secrets.app_token, self._secrets.signing_secret)
        return await conforming.conformance(self._settings, self._space.client, tokens, channel, operator)

    def follow(self, config: Config) -> None:
        self._access = config.access
        self._mind()

    def _mind(self) -> None:
        """Whom the configuration names for this workspace, once it is known which that is."""
        access, team = self._access, self._space.team
        self._owners.clear()
        self._owners.update(answering.ids_on("slack", access.owners, team))
        self._space.people.mind(answering.ids_on("slack", access.groups, team))

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        """Raises `SlackRefused` when the tokens or the app's settings are wrong."""
        space = self._space
        await space.begin(host, self._secrets.app_token, self._owners)
        self._mind()
        app = application(space.client, self._secrets.signing_secret)
        transport = Transport(app, self._settings, self._secrets.app_token, self._secrets.signing_secret)
        self._transport = transport
        try:
            await space.prepare(app, transport)
            await transport.open()
            self._online = True
            ready()
            await space.keep(transport)
        finally:
            self._online, self._transport = False, None
            await transport.close()
            await space.close()

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[Json]:
        return rendering.operation(operation, plain=plain, mentions=mentions)

    async def privacy_now(self, channels: Collection[Address]) -> Mapping[Address, Privacy]:
        here = {one.platform_id: one for one in channels if one.workspace_id == self._space.team}
        try:
            return {
                here[place.id]: place.privacy for place in await self._space.people.places_now(here.keys())
            }
        except TRANSIENT as error:
            raise Unknown(f"Slack does not tell for whom channels are ({type(error).__name__})") from error

    async def readable_now(self, user: str, channels: Collection[Address]) -> frozenset[Address]:
        self._must_be_online()
        return await self._space.readable_now(user, channels)

    def sign_in_at(self, attempt: Attempt) -> str:
        return self._sign_ins.at(attempt, self._space.team) if self._online and self._sign_ins.set_up else ""

    async def who(self, code: str, attempt: Attempt) -> Viewer:
        return await self.as_now(await self._sign_ins.who(code, attempt, self._space.team))

    async def as_now(self, user: str) -> Viewer:
        return await self._space.as_now(user)

    def hearing(self) -> Hearing:
        if self._transport is None or not self._online:
            return Hearing(connected=False, looked_at=asyncio.get_running_loop().time())
        return Hearing(self._transport.connected, self._transport.looked_at)

    async def send(self, delivery: Delivery) -> Receipt:
        return await self._of(delivery.address).send(delivery)

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        return await self._of(delivery.address).sender.lookup(delivery)

    async def remove(self, place: Address, platform_message_id: str) -> None:
        await self._of(place).sender.remove(place, platform_message_id)

    async def close_question(self, place: Address, platform_message_id: str, line: str) -> None:
        await self._of(place).sender.close_question(place, platform_message_id, line)

    async def direct(self, place: Address, user: str) -> Address:
        space = self._of(place)
        return Address(self.channel_type, space.team, await space.sender.room_of(user), "")

    async def entitle(self, place: Address, title: str, question: str) -> None:
        """What people see in the history of their direct messages; a thread of a channel has no name."""
        await self._of(place).sender.entitle(place, title)

    async def fetch(self, file: IncomingFile, path: Path, most: int) -> Fetched:
        return await self._space.fetching.fetch(file, path, most)

    async def show(self, shown: Shown) -> None:
        if self._online and shown.address.workspace_id == self._space.team:
            await self._space.status.show(shown)

    async def open_live(self, live: Live) -> Receipt:
        return await self._of(live.address).live.open(live)

    async def find_live(self, live: Live) -> Receipt | None:
        return await self._of(live.address).live.find(live)

    async def update_live(self, live: Live, platform_message_id: str) -> None:
        self._of(live.address).live.update(live, platform_message_id)

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        await self._of(live.address).live.remove(live, platform_message_id)

    def _of(self, place: Address) -> Workspace:
        """Where it is said. What belongs to another workspace is said in none: the same ids name another channel here."""
        self._must_be_online()
        if place.workspace_id not in ("", self._space.team):  # who names none means the one there is
            raise Rejected(
                f"it belongs to workspace {place.workspace_id}, and the bot is in {self._space.team}"
            )
        return self._space

    def _must_be_online(self) -> None:
        if not self._online:
            raise Offline("Slack is not connected")
