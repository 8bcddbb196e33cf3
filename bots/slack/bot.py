"""Slack as a platform of the host: bolt's listeners in front of `Ingest`, the Web API behind `Bot`."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bots.common import answering
from bots.common.judging import SLACK_ACTION
from bots.common.pacing import Pace
from bots.common.shapes import mapping
from bots.slack.client import readers, signins
from bots.slack.client.directory import Directory
from bots.slack.client.errors import TRANSIENT
from bots.slack.client.transport import Transport, application
from bots.slack.commands import later
from bots.slack.commands.commands import Commands
from bots.slack.commands.shortcuts import Shortcuts
from bots.slack.commands.surfaces import Surfaces
from bots.slack.live.message import LiveMessages
from bots.slack.live.progress import StatusLines
from bots.slack.panels import judging, panels, rules
from bots.slack.panels.clicks import Clicks, Respond
from bots.slack.questions import questions
from bots.slack.reading import saying
from bots.slack.reading.backfill import Backfill, Marks, NotYet
from bots.slack.reading.events import Identity, Reader
from bots.slack.reading.fetching import Fetching
from bots.slack.reading.standings import Standings
from bots.slack.reading.times import microseconds, ms
from bots.slack.sending import rendering
from bots.slack.sending.files import Uploads
from bots.slack.sending.outbox import Sender
from bots.slack.setup import look as looking
from bots.slack.setup.manifest import ASK_ABOUT, BECAME, COMMAND, LATER
from bots.slack.setup.preflight import identify
from host.config import Access, Config, Slack
from host.ports.bot import (
    Capabilities,
    Delivery,
    Fetched,
    Hearing,
    HostBusy,
    Ingest,
    Live,
    Offline,
    Receipt,
    Shown,
    Unknown,
)
from host.ports.events import Author, EventClass, InboundEvent, IncomingFile, Privacy, Verdict, Viewer
from host.ports.findings import Finding
from host.ports.people import Attempt, SignInError
from sessiondb import Address, content

log = logging.getLogger(__name__)
Json = dict[str, Any]

CALL_TIMEOUT = 20  # s of one call to the Web API; below the host's deadline for a send
MOST_SEEN = 5_000  # events whose ids are remembered
LAST_ATTEMPT = 3  # how often Slack repeats an event at most
ASK_AGAIN = 300.0  # s until a channel is asked for again whose history Slack could not tell
BURST = 5  # messages to one channel that need not wait for each other


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
        access = access or Access()
        self._owners = set(answering.ids_on("slack", access.owners))  # asked for each time anew
        # No retry handlers: a post is never repeated blindly, and reads are repeated by whoever asked.
        self._client = AsyncWebClient(
            secrets.bot_token, base_url=settings.api_url, timeout=CALL_TIMEOUT, retry_handlers=[]
        )
        self._people = Directory(self._client, answering.ids_on("slack", access.groups))
        pace = Pace(settings.message_interval, BURST)
        self._sender = Sender(self._client, pace, Uploads(self._client, folder))
        self._status = StatusLines(self._client)
        self._fetching = Fetching(self._client, settings.api_url, secrets.bot_token)
        self._sign_ins = signins.SignIns(secrets.client_id, secrets.client_secret, settings.api_url)
        self._team = ""  # once it is known
        self._live: LiveMessages | None = None
        self._online = False
        self._transport: Transport | None = None

    # ── the host's side ──────────────────────────────────────────────────────────────────────────────────

    async def look(self, config: Config) -> Sequence[Finding]:
        """Raises `SlackRefused` when the tokens or the app's settings are wrong."""
        return await looking.look(self._client, self._secrets.app_token, self._settings, config)

    def follow(self, config: Config) -> None:
        self._owners.clear()
        self._owners.update(answering.ids_on("slack", config.access.owners))
        self._people.mind(answering.ids_on("slack", config.access.groups))

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        """Raises `SlackRefused` when the tokens or the app's settings are wrong."""
        identity = await identify(self._client, self._secrets.app_token, self._settings)
        self._live = LiveMessages(self._client, self._people, identity)
        self._team = identity.team
        marks = Marks(host, identity.team)
        await marks.load()
        listeners = Listeners(self._client, self._people, identity, host, self._owners, marks, self._status)
        app = application(self._client, self._secrets.signing_secret)
        transport = Transport(app, self._settings, self._secrets.app_token, self._secrets.signing_secret)
        listeners.attach(app, transport)
        self._transport = transport
        try:
            await listeners.backfill.prepare()
            await transport.open()
            self._online = True
            ready()
            log.info("Slack is connected", extra={"action": "slack_connected", "team": identity.team})
            await listeners.backfill.fill()
            async with asyncio.TaskGroup() as group:
                group.create_task(marks.keep(), name="slack:marks")
                group.create_task(
                    listeners.standings.keep(lambda: listeners.backfill.open), name="slack:stands"
                )
                group.create_task(transport.watch(listeners.missed), name="slack:watch")
                group.create_task(_asked_again(marks, transport), name="slack:again")
        finally:
            self._online, self._transport = False, None
            await transport.close()
            await self._status.close()
            await self._live.close()

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[Json]:
        return rendering.operation(operation, plain=plain, mentions=mentions)

    async def privacy_now(self, channels: Collection[str]) -> Mapping[str, Privacy]:
        try:
            return {place.id: place.privacy for place in await self._people.places_now(channels)}
        except TRANSIENT as error:
            raise Unknown(f"Slack does not tell for whom channels are ({type(error).__name__})") from error

    async def readable_now(self, user: str, channels: Collection[Address]) -> frozenset[Address]:
        self._must_be_online()
        here = {one for one in channels if one.workspace_id == self._team}
        ids = await readers.readable(self._client, self._people, user, {one.platform_id for one in here})
        return frozenset(one for one in here if one.platform_id in ids)

    def sign_in_at(self, attempt: Attempt) -> str:
        return self._sign_ins.at(attempt, self._team) if self._online and self._sign_ins.set_up else ""

    async def who(self, code: str, attempt: Attempt) -> Viewer:
        return await self.as_now(await self._sign_ins.who(code, attempt, self._team))

    async def as_now(self, user: str) -> Viewer:
        try:
            known = await self._people.person(user)
            groups = await self._people.groups_of(user)
        except TRANSIENT as error:
            raise SignInError("Slack does not say who you are right now; try again.") from error
        author = Author(user, known.name, groups=groups, zone=known.zone, guest=known.guest)
        return Viewer(author, Address(self.channel_type, self._team, ""), "dm")

    def hearing(self) -> Hearing:
        if self._transport is None or not self._online:
            return Hearing(connected=False, looked_at=asyncio.get_running_loop().time())
        return Hearing(self._transport.connected, self._transport.looked_at)

    async def send(self, delivery: Delivery) -> Receipt:
        self._must_be_online()
        receipt = await self._sender.send(delivery)
        self._status.answered(delivery.address)
        return receipt

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        self._must_be_online()
        return await self._sender.lookup(delivery)

    async def remove(self, place: Address, platform_message_id: str) -> None:
        self._must_be_online()
        await self._sender.remove(place, platform_message_id)

    async def close_question(self, place: Address, platform_message_id: str, line: str) -> None:
        self._must_be_online()
        await self._sender.close_question(place, platform_message_id, line)

    async def direct(self, place: Address, user: str) -> Address:
        self._must_be_online()
        return Address(self.channel_type, self._team, await self._sender.room_of(user), "")

    async def entitle(self, place: Address, title: str, question: str) -> None:
        """What people see in the history of their direct messages; a thread of a channel has no name."""
        self._must_be_online()
        await self._sender.entitle(place, title)

    async def fetch(self, file: IncomingFile, path: Path, most: int) -> Fetched:
        return await self._fetching.fetch(file, path, most)

    async def show(self, shown: Shown) -> None:
        if self._online:
            await self._status.show(shown)

    async def open_live(self, live: Live) -> Receipt:
        return await self._living().open(live)

    async def find_live(self, live: Live) -> Receipt | None:
        return await self._living().find(live)

    async def update_live(self, live: Live, platform_message_id: str) -> None:
        self._living().update(live, platform_message_id)

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        await self._living().remove(live, platform_message_id)

    def _living(self) -> LiveMessages:
        self._must_be_online()
        if self._live is None:
            raise Offline("Slack is not connected")
        return self._live

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
        owners: Collection[str],
        marks: Marks,
        status: StatusLines,
    ) -> None:
        self._reader = Reader(client, people, identity)
        self._status = status
        self._questions = questions.Questions(client, self._reader, identity, host, owners)
        self._clicks = Clicks(client, self._reader, host)
        self._commands = Commands(client, self._reader, host)
        self._shortcuts = Shortcuts(client, self._reader, host)
        self._laters = later.Laters(client, self._reader, host)
        self._surfaces = Surfaces(client, self._reader, host, self._clicks, status)
        self._host = host
        self._marks = marks
        self._seen: OrderedDict[str, None] = (
            OrderedDict()
        )  # ids of events, to tell a repetition from a first sight
        self._triggers: OrderedDict[str, None] = OrderedDict()  # of interactions: each is obeyed once
        self._since = int(time.time())
        self._transport: Transport | None = None
        self.standings = Standings(client, host, identity.team)
        self.backfill = Backfill(client, people, host, marks, self._take_message)

    def attach(self, app: AsyncApp, transport: Transport) -> None:
        self._transport = transport
        app.middleware(self.heard)
        app.event("message")(self.message)
        app.event("app_mention")(self.message)
        app.event("reaction_added")(self.reaction)
        app.event("reaction_removed")(self.reaction)
        app.event("channel_shared")(self.shared)
        app.event("channel_unshared")(self.shared)
        self.standings.attach(app)
        app.event("member_left_channel")(self.left)
        app.event("agent_session_stopped")(self._surfaces.stopped)
        app.event("app_home_opened")(self._surfaces.opened)
        app.event("assistant_thread_started")(self._surfaces.began)
        app.event("member_joined_channel")(self.joined)
        app.command(COMMAND)(self.command)
        app.shortcut(ASK_ABOUT)(self.asked_about)
        app.shortcut(BECAME)(self.became)
        app.shortcut(LATER)(self.put_off)
        app.action(re.compile(f"^({rendering.ACTION}|{rendering.WORDS}|{rendering.DETAILS})"))(self.clicked)
        app.action(re.compile(f"^({panels.TASK}|{panels.STOP}|{panels.REFRESH})"))(self.pressed)
        app.action(re.compile(f"^{rendering.DECISION}"))(self.decided)
        app.view(questions.MODAL)(self.submitted)
        app.action(SLACK_ACTION)(self.judged)
        app.view(rules.MODAL)(self.configured)
        app.view(judging.MODAL)(self.explained)
        app.view(later.FORM)(self.timed)
        app.view(later.CONFIRM)(self.confirmed)
        app.event(re.compile(".*"))(self.anything_else)

    async def heard(
        self, request: AsyncBoltRequest, body: Json, next: Callable[[], Awaitable[object]]
    ) -> BoltResponse | None:
        """Before every listener: that something came, and whether it had come before."""
        if self._is_second_copy(body):
            return BoltResponse(status=200)
        event_id = str(body.get("event_id") or "")
        attempt = _attempt(request)
        ours = _sent_at(body) >= self._since  # else it was sent to the process before this one
        repeated = ours and attempt > 0 and event_id not in self._seen
        if event_id:
            self._seen[event_id] = None
            while len(self._seen) > MOST_SEEN:
                self._seen.popitem(last=False)
        if self._transport is not None:
            self._transport.heard(repeated=repeated)
        await next()
        return None

    def _is_second_copy(self, body: Json) -> bool:
        """Of an interaction or a command, which Slack sends once: the first is obeyed, and the second hides nothing of it."""
        trigger = str(body.get("trigger_id") or "")
        if not trigger or body.get("event_id"):
            return False
        known = trigger in self._triggers
        self._triggers[trigger] = None
        while len(self._triggers) > MOST_SEEN:
            self._triggers.popitem(last=False)
        return known

    async def message(self, event: Json, request: AsyncBoltRequest) -> None:
        try:
            await self.backfill.passed(str(event["channel"]))
            if event.get("subtype") in saying.CONVERSIONS:
                await self._reader.became(str(event["channel"]), self._host)
            elif event.get("subtype") in ("message_changed", "message_deleted"):
                await self._take(await self._read(self._reader.change(event), event))
            else:
                await self._take_message(event)
        except (HostBusy, NotYet, *TRANSIENT):
            if _attempt(request) >= LAST_ATTEMPT and self._transport is not None:
                # Slack gives it up. The channel's mark may move on with the next message, but not far: it is read now.
                self._transport.gave_up()
            raise

    async def shared(self, event: Json) -> None:
        """With another organisation, or no more: for whom the channel is has changed."""
        await self._reader.became(str(event["channel"]), self._host)

    async def joined(self, event: Json) -> None:
        if self._reader.is_own(event):
            await self.standings.of_channel(event)
        await self._surfaces.joined(event)

    async def left(self, event: Json) -> None:
        if self._reader.is_own(event):
            await self.standings.of_channel(event)

    async def reaction(self, event: Json) -> None:
        await self._take(await self._read(self._reader.reaction(event), event))

    async def command(self, ack: Callable[..., Awaitable[object]], body: Json) -> None:
        told = await self._commands.command(body)
        await (ack(**told) if told else ack())

    async def asked_about(self, ack: Callable[[], Awaitable[object]], body: Json, respond: Respond) -> None:
        await (
            ack()
        )  # the thread is read first, and Slack waits three seconds; it never sends a shortcut again
        await self._shortcuts.ask_about(body, respond)

    async def became(self, ack: Callable[[], Awaitable[object]], body: Json, respond: Respond) -> None:
        await ack()
        await self._shortcuts.became(body, respond)

    async def put_off(self, ack: Callable[[], Awaitable[object]], body: Json) -> None:
        await self._laters.chosen(body)
        await ack()

    async def timed(self, ack: Callable[..., Awaitable[object]], body: Json) -> None:
        await ack(**await self._laters.submitted(body))

    async def confirmed(self, ack: Callable[..., Awaitable[object]], body: Json) -> None:
        await ack(**await self._laters.confirmed(body))

    async def pressed(self, ack: Callable[[], Awaitable[object]], body: Json, respond: Respond) -> None:
        await self._clicks.pressed(body, respond)
        await ack()

    async def decided(self, ack: Callable[[], Awaitable[object]], body: Json, respond: Respond) -> None:
        await self._clicks.decided(body, respond)
        await ack()

    async def judged(self, ack: Callable[[], Awaitable[object]], body: Json) -> None:
        await self._clicks.judged(body)
        await ack()

    async def explained(self, ack: Callable[[], Awaitable[object]], body: Json) -> None:
        await self._clicks.explained(body)
        await ack()

    async def configured(self, ack: Callable[..., Awaitable[object]], body: Json) -> None:
        await ack(**await self._clicks.configured(body))

    async def clicked(self, ack: Callable[[], Awaitable[object]], body: Json) -> None:
        await self._questions.clicked(body)
        await ack()

    async def submitted(self, ack: Callable[[], Awaitable[object]], body: Json) -> None:
        await self._questions.submitted(body)
        await ack()

    async def anything_else(self, event: Json) -> None:
        """An event that no listener takes would be delivered again and again."""
        log.debug("Nothing to do for %s", event.get("type"))

    async def missed(self) -> int:
        """Reads what the sockets did not bring; returns how much there was."""
        await self.backfill.prepare()
        self.standings.look_again()
        return await self.backfill.fill()

    async def _take_message(self, message: Json) -> bool:
        event = await self._read(self._reader.message(message), message)
        if event is None:
            return False
        new = await self._take(event)
        self._marks.seen(event.address._replace(thread_id=""), microseconds(event.natural_id))
        if event.address.thread_id:
            self._marks.seen(event.address, microseconds(event.natural_id))
        return new

    async def _read(self, reading: Awaitable[InboundEvent | None], item: Json) -> InboundEvent | None:
        """One that cannot be read is passed by: delivered or read again it would be no better, and others wait behind it."""
        try:
            return await reading
        except (HostBusy, *TRANSIENT):
            raise
        except Exception:
            told = {
                "action": "message_skipped",
                "channel": str(item.get("channel")),
                "ts": str(item.get("ts")),
            }
            log.exception("A message from Slack cannot be read", extra=told)
            return None

    async def _take(self, event: InboundEvent | None) -> bool:
        """True when it was new and meant for an agent."""
        if event is None:
            return False
        ingested = await self._host.ingest(event)
        if ingested.verdict is Verdict.STORED and event.address.thread_id:
            self._reader.follow(event.address)
        if ingested.verdict is Verdict.STORED and event.event_class is EventClass.MESSAGE:
            place = event.address.platform_id, event.address.thread_id or event.opens_thread
            self._status.asked(place, event.text, event.author.id)
        return ingested.verdict is Verdict.STORED


async def _asked_again(marks: Marks, transport: Transport) -> None:
    """For ever: channels whose history Slack could not tell."""
    while True:
        await asyncio.sleep(ASK_AGAIN)
        if marks.held:
            transport.gave_up()


def _sent_at(body: Json) -> int:
    """s UTC; an envelope without a time has that of its event."""
    event = mapping(body.get("event"))
    return int(body.get("event_time") or ms(str(event.get("event_ts") or event.get("ts") or "")) // 1000)


def _attempt(request: AsyncBoltRequest) -> int:
    """0 when Slack delivers an event for the first time."""
    number = (request.headers.get("x-slack-retry-num") or ["0"])[0]
    return int(number) if number.isdigit() else 0
