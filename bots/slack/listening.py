"""What bolt calls: every event, click and command has a listener, of the workspace whose it is."""

from __future__ import annotations

import inspect
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any, Protocol

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.kwargs_injection.async_args import AsyncArgs
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.judging import SLACK_ACTION
from bots.common.shapes import mapping
from bots.slack.client.directory import Directory
from bots.slack.client.errors import TRANSIENT
from bots.slack.client.transport import Transport
from bots.slack.commands import later
from bots.slack.commands.commands import Commands
from bots.slack.commands.shortcuts import Shortcuts
from bots.slack.commands.surfaces import Surfaces
from bots.slack.live.progress import StatusLines
from bots.slack.organisations import CHANGES
from bots.slack.panels import broken, judging, panels, rules
from bots.slack.panels.clicks import Clicks, Respond
from bots.slack.questions import questions
from bots.slack.reading import saying
from bots.slack.reading.backfill import Backfill, Marks, NotYet
from bots.slack.reading.events import Identity, Reader
from bots.slack.reading.standings import OF_CHANNELS, Standings
from bots.slack.reading.times import microseconds, ms
from bots.slack.sending import rendering
from bots.slack.setup.manifest import ASK_ABOUT, BECAME, COMMAND, LATER
from host.ports.bot import HostBusy, Ingest
from host.ports.events import EventClass, InboundEvent, Verdict
from sessiondb.content import Part

log = logging.getLogger(__name__)
Json = dict[str, Any]
Method = Callable[..., Awaitable[None]]  # a listener, not bound to a workspace yet

MOST_SEEN = 5_000  # events whose ids are remembered
LAST_ATTEMPT = 3  # how often Slack repeats an event at most


class Listeners:
    """Of one workspace. A listener returns when the host has committed; one that raises is called again by Slack."""

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
        self.transport: Transport | None = None  # once there is one
        self.standings = Standings(client, host, identity.team)
        self.backfill = Backfill(client, people, host, marks, self._take_message)

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
        if self.transport is not None:
            self.transport.heard(repeated=repeated)
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
            if _attempt(request) >= LAST_ATTEMPT and self.transport is not None:
                # Slack gives it up. The channel's mark may move on with the next message, but not far: it is read now.
                self.transport.gave_up()
            raise

    async def shared(self, event: Json) -> None:
        """With another organisation, or no more: for whom the channel is has changed."""
        await self._reader.became(str(event["channel"]), self._host)

    async def channel_changed(self, event: Json) -> None:
        await self.standings.of_channel(event)

    async def renumbered(self, event: Json) -> None:
        await self.standings.renumbered(event)

    async def person_changed(self, event: Json) -> None:
        await self.standings.of_person(event)

    async def stopped(self, event: Json) -> None:
        await self._surfaces.stopped(event)

    async def opened(self, event: Json) -> None:
        await self._surfaces.opened(event)

    async def began(self, event: Json) -> None:
        await self._surfaces.began(event)

    async def joined(self, event: Json) -> None:
        if self._reader.is_own(event):
            await self.standings.of_channel(event)
        await self._surfaces.joined(event)

    async def left(self, event: Json) -> None:
        if self._reader.is_own(event):
            await self.standings.of_channel(event)

    async def reaction(self, event: Json) -> None:
        await self._take(await self._read(self._reader.reaction(event), event))

    async def quoted(self, channel: str, ts: str) -> Part | None:
        return await self._reader.quoted(channel, ts)

    async def command(self, ack: Callable[..., Awaitable[object]], body: Json, respond: Respond) -> None:
        """Of a long answer each part goes by one way, or the first could come last."""
        told, *more = await self._commands.command(body)
        await (ack(**told) if told and not more else ack())
        if more:
            await self._commands.go_on(respond, [told, *more])

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

    async def tried(self, ack: Callable[[], Awaitable[object]], body: Json) -> None:
        await self._laters.tried(body)
        await ack()

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

    async def broke(self, args: AsyncArgs, error: Exception) -> None:
        await broken.tell(args, error, self._reader, self._host)

    async def anything_else(self, event: Json) -> None:
        """An event that no listener takes would be delivered again and again."""
        log.debug("Nothing to do for %s", event.get("type"))

    async def missed(self) -> int:
        """Reads what the sockets did not bring; returns how much there was."""
        await self.backfill.prepare()
        self.standings.look_again()
        return await self.backfill.fill()

    async def unheard(self) -> int:
        """As `missed`, where nothing but silence speaks for it: a question that Slack may allow once a minute."""
        found = await self.backfill.probe() if self.backfill.slow else 0
        return found + await self.missed() if found or not self.backfill.slow else 0

    async def _take_message(self, message: Json) -> bool:
        event = await self._read(self._reader.message(message), message)
        if event is None:
            return False
        if event.address.thread_id and not event.mentioned and await self._host.calls(event):
            before = await self._reader.so_far(event.address, event.natural_id)
            event = replace(event, thread_so_far=before)
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


class Find(Protocol):
    def __call__(self, context: AsyncBoltContext) -> Listeners | None:
        """Those of the workspace that Slack speaks of; None where nobody listens for it."""


def attach(app: AsyncApp, find: Find, gone: Callable[..., Awaitable[None]]) -> None:
    """One app hears for all workspaces, and each is told what is its own."""

    async def heard(
        request: AsyncBoltRequest,
        body: Json,
        context: AsyncBoltContext,
        next: Callable[[], Awaitable[object]],
    ) -> BoltResponse | None:
        if (listeners := find(context)) is not None:
            return await listeners.heard(request, body, next)
        await next()
        return None

    app.middleware(heard)
    for names, method in EVENTS.items():
        for name in names:
            app.event(name)(_told(method, find))
    for name in GOES:
        app.event(name)(gone)
    app.command(COMMAND)(_answered(Listeners.command, find))
    for name, method in SHORTCUTS.items():
        app.shortcut(name)(_answered(method, find))
    for name, method in VIEWS.items():
        app.view(name)(_answered(method, find))
    for pattern, method in ACTIONS.items():
        app.action(re.compile(pattern))(_answered(method, find))
    app.event(re.compile(".*"))(_told(Listeners.anything_else, find))


def _told(method: Method, find: Find) -> Callable[[AsyncArgs], Awaitable[None]]:
    """Bolt looks at the names of a listener's arguments; all are in `args`."""
    wanted = [name for name in inspect.signature(method).parameters if name != "self"]

    async def listener(args: AsyncArgs) -> None:
        if (listeners := find(args.context)) is not None:
            await method(listeners, **{name: getattr(args, name) for name in wanted})

    return listener


def _answered(method: Method, find: Find) -> Callable[[AsyncArgs], Awaitable[None]]:
    """The same of what somebody does and Slack sends once: whatever it breaks over, they are told."""
    carried_out = _told(method, find)

    async def listener(args: AsyncArgs) -> None:
        try:
            await carried_out(args)
        except Exception as error:
            if (listeners := find(args.context)) is None:
                raise
            await listeners.broke(args, error)

    return listener


EVENTS: dict[tuple[str, ...], Method] = {
    ("message", "app_mention"): Listeners.message,
    ("reaction_added", "reaction_removed"): Listeners.reaction,
    ("channel_shared", "channel_unshared"): Listeners.shared,
    OF_CHANNELS: Listeners.channel_changed,
    ("channel_id_changed",): Listeners.renumbered,
    ("user_change",): Listeners.person_changed,
    ("member_left_channel",): Listeners.left,
    ("agent_session_stopped",): Listeners.stopped,
    ("app_home_opened",): Listeners.opened,
    ("assistant_thread_started",): Listeners.began,
    ("member_joined_channel",): Listeners.joined,
}
GOES = (
    "app_uninstalled",
    "tokens_revoked",
    *CHANGES,
)  # a workspace, or its token: bolt asks nobody whose it is
SHORTCUTS: dict[str, Method] = {
    ASK_ABOUT: Listeners.asked_about,
    BECAME: Listeners.became,
    LATER: Listeners.put_off,
}
VIEWS: dict[str, Method] = {
    questions.MODAL: Listeners.submitted,
    rules.MODAL: Listeners.configured,
    judging.MODAL: Listeners.explained,
    later.FORM: Listeners.timed,
    later.CONFIRM: Listeners.confirmed,
}
ACTIONS: dict[str, Method] = {
    f"^({rendering.ACTION}|{rendering.WORDS}|{rendering.DETAILS})": Listeners.clicked,
    f"^({panels.TASK}|{panels.STOP}|{panels.REFRESH})": Listeners.pressed,
    f"^{later.TRY_FIRST}$": Listeners.tried,
    f"^{rendering.DECISION}": Listeners.decided,
    f"^{SLACK_ACTION}$": Listeners.judged,
}


def _sent_at(body: Json) -> int:
    """s UTC; an envelope without a time has that of its event."""
    event = mapping(body.get("event"))
    return int(body.get("event_time") or ms(str(event.get("event_ts") or event.get("ts") or "")) // 1000)


def _attempt(request: AsyncBoltRequest) -> int:
    """0 when Slack delivers an event for the first time."""
    number = (request.headers.get("x-slack-retry-num") or ["0"])[0]
    return int(number) if number.isdigit() else 0
