"""Slack as a platform of the host: bolt's listeners in front of `Ingest`, the Web API behind `Bot`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slack_bolt.app.async_app import AsyncApp

from bots.slack import listening
from bots.slack.client import signins, standing_in
from bots.slack.client.errors import TRANSIENT
from bots.slack.client.flow import Flows
from bots.slack.client.transport import Transport, application
from bots.slack.sending import rendering
from bots.slack.setup import conformance as conforming
from bots.slack.setup import look as looking
from bots.slack.workspace import Workspace
from bots.slack.workspaces import Workspaces
from host.config import Config, Slack
from host.ports.bot import (
    BotConfigError,
    Capabilities,
    Delivery,
    DeliveryError,
    Fetched,
    FetchError,
    Hearing,
    Ingest,
    Keep,
    Live,
    Offline,
    Payload,
    Receipt,
    Shown,
    Unknown,
)
from host.ports.conformance import Operator, Outcome
from host.ports.events import IncomingFile, Privacy, Viewer
from host.ports.findings import Finding
from host.ports.installs import Reply
from host.ports.people import Attempt, SignInError
from sessiondb import Address, content
from sessiondb.content import Part

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

    def __init__(
        self,
        settings: Slack,
        secrets: Secrets,
        folder: Path,
        config: Config | None = None,
        public_url: str = "",
    ) -> None:
        """`public_url` is where workspaces may install the app."""
        self._settings = settings
        self._secrets = secrets
        self._public_url = public_url
        tokens = secrets.bot_token, secrets.app_token
        self._spaces = Workspaces(settings, tokens, folder, config or Config())
        self._flows: Flows | None = None
        self._sign_ins = signins.SignIns(secrets.client_id, secrets.client_secret, settings.api_url)
        self._online = False
        self._app: AsyncApp | None = None
        self._transport: Transport | None = None

    # ── the host's side ──────────────────────────────────────────────────────────────────────────────────

    async def look(self, config: Config) -> Sequence[Finding]:
        """Raises `SlackRefused` when the tokens or the app's settings are wrong."""
        app_token = self._secrets.app_token
        if self._spaces.own is not None:
            return await looking.look(self._spaces.own.client, app_token, self._settings, config)
        return await looking.app(app_token, self._settings)

    async def conformance(self, config: Config, channel: str, operator: Operator) -> Sequence[Outcome]:
        """Raises `SlackRefused`, or `BotConfigError` for a channel that cannot be tried in."""
        if self._spaces.own is None:
            raise BotConfigError("Slack: it is tried in the workspace of SLACK_BOT_TOKEN, which is not set")
        tokens = (self._secrets.app_token, self._secrets.signing_secret)
        client = self._spaces.own.client
        return await conforming.conformance(self._settings, client, tokens, channel, operator)

    def follow(self, config: Config) -> None:
        self._spaces.follow(config)

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        """Raises `SlackRefused` when the tokens or the app's settings are wrong."""
        spaces, settings, secret = self._spaces, self._settings, self._secrets.signing_secret
        app = self._app = application(settings, spaces.authorize, secret, spaces.whose)
        listening.attach(app, spaces.listening, spaces.gone)
        transport = self._transport = Transport(app, settings, self._secrets.app_token, secret)
        try:
            await spaces.begin(host)
            await spaces.prepare(transport)
            await transport.open()
            self._online = True
            self._flows = self._made_flows(host)
            await spaces.keep(transport, ready)
        finally:
            self._online, self._transport, self._flows, self._app = False, None, None, None
            await transport.close()
            await spaces.close()

    async def take_in(self, keep: Keep) -> None:
        """Over HTTP a balancer brings everything to the host that serves."""
        if self._settings.mode == "socket":
            await standing_in.take_in(self._settings.api_url, self._secrets.app_token, keep)

    def deals_now(self) -> bool:
        return self._online

    async def deal_with(self, payload: Payload) -> Mapping[str, Any] | None:
        return None if self._app is None else await standing_in.deal_with(self._app, payload)

    def _made_flows(self, host: Ingest) -> Flows | None:
        if not self._settings.installs:
            return None
        secrets = self._secrets.client_id, self._secrets.client_secret
        kept, api_url = host.installs(self.channel_type), self._settings.api_url
        return Flows(secrets, self._public_url, api_url, kept, self._spaces, self._spaces.scopes)

    async def install(self, step: Literal["install", "oauth_redirect"], query: str, cookie: str) -> Reply:
        if self._flows is None:
            return Reply(404, "The app cannot be installed here, or not yet.")
        return await self._flows.step(step, query, cookie)

    async def install_changed(self, holder: str) -> None:
        if self._settings.installs and self._online:
            await self._spaces.changed_elsewhere(holder)

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[Json]:
        return rendering.operation(operation, plain=plain, mentions=mentions)

    async def privacy_now(self, channels: Collection[Address]) -> Mapping[Address, Privacy]:
        found: dict[Address, Privacy] = {}
        try:
            for team, space in list(self._spaces.served.items()):
                here = {one.platform_id: one for one in channels if one.workspace_id == team}
                if here:
                    told = await space.people.places_now(here.keys())
                    found.update({here[place.id]: place.privacy for place in told})
        except TRANSIENT as error:
            raise Unknown(f"Slack does not tell for whom channels are ({type(error).__name__})") from error
        return found

    async def readable_now(
        self, place: Address, user: str, channels: Collection[Address]
    ) -> frozenset[Address]:
        return await self._of(place).readable_now(user, channels)

    def sign_in_at(self, attempt: Attempt) -> str:
        """Where there are several workspaces Slack asks people for theirs."""
        teams = list(self._spaces.served)
        if not self._online or not self._sign_ins.set_up or not teams:
            return ""
        return self._sign_ins.at(attempt, teams[0] if len(teams) == 1 else "")

    async def who(self, code: str, attempt: Attempt) -> Viewer:
        team, user = await self._sign_ins.who(code, attempt, self._spaces.served)
        return await self.as_now(Address(self.channel_type, team, ""), user)

    async def as_now(self, place: Address, user: str) -> Viewer:
        try:
            return await self._of(place).as_now(user)
        except DeliveryError as error:
            raise SignInError(f"Slack cannot be asked who you are: {error.reason}.") from error

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

    async def fetch(self, place: Address, file: IncomingFile, path: Path, most: int) -> Fetched:
        try:
            space = self._of(place)
        except DeliveryError as error:
            raise FetchError(error.reason) from error
        return await space.fetching.fetch(file, path, most)

    async def quoted(self, place: Address, message_id: str) -> Part | None:
        return await self._of(place).listeners.quoted(place.platform_id, message_id)

    async def show(self, shown: Shown) -> None:
        space = self._spaces.served.get(shown.address.workspace_id)
        if self._online and space is not None:
            await space.status.show(shown)

    async def open_live(self, live: Live) -> Receipt:
        return await self._of(live.address).live.open(live)

    async def find_live(self, live: Live) -> Receipt | None:
        return await self._of(live.address).live.find(live)

    async def update_live(self, live: Live, platform_message_id: str) -> None:
        self._of(live.address).live.update(live, platform_message_id)

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        await self._of(live.address).live.remove(live, platform_message_id)

    def _of(self, place: Address) -> Workspace:
        """Where it is said."""
        self._must_be_online()
        return self._spaces.at(place)

    def _must_be_online(self) -> None:
        if not self._online:
            raise Offline("Slack is not connected")
