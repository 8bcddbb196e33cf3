"""The parts of the fake and how they hang together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .changes import Changes
from .delivery import Courier
from .events import Events
from .faults import Faults
from .installing import Installs
from .interactions import Interactions
from .limits import ChannelRate, HistoryRate, Limits
from .organisations import Organisation
from .records import Channel, Json, Message, User
from .scopes import MANIFEST
from .signin import SignIns
from .sockets import SocketMode
from .workspace import Workspace


@dataclass(eq=False)
class Call:
    """One request to the Web API, as it came in and as it was answered."""

    method: str
    args: Json
    token: str | None
    answer: Json = field(default_factory=dict)  # empty while it is under way, or if it was never carried out

    @property
    def error(self) -> str | None:
        error: str | None = self.answer.get("error")
        return error


class Core:
    """Everything a method of the API, a person or a test reaches for."""

    workspace: Workspace
    changes: Changes
    limits: Limits
    faults: Faults
    socket_mode: SocketMode
    courier: Courier
    sign_ins: SignIns
    installs: Installs

    def __init__(self, now: Callable[[], float] = time.monotonic, beside: Core | None = None) -> None:
        """`beside` another it is one more workspace of the same Slack, with the same app: its sockets bring what happens here."""
        self.cores: list[Core] = [] if beside is None else beside.cores
        self.cores.append(self)
        self.refuses = ""  # what Slack says to the bot's token, once it does
        self.organisation: Organisation | None = None  # whose workspace it is
        self.bot_token = "xoxb-fake-bot" if beside is None else f"xoxb-fake-bot-{len(self.cores)}"
        self.app_token = "xapp-1-fake-app"
        self.signing_secret = "fake-signing-secret"
        self.now = now
        self.origin = ""
        self.scopes: set[str] = set(MANIFEST)
        self.canvases = (
            ""  # what Slack says to whoever makes one ("canvases.create": errors); '' where it lets them
        )
        self.lists_canvases = False  # files.list tells of them, which no document promises
        self.app_scopes: set[str] = {"connections:write"}
        self.stream_lifetime: float | None = 300.0  # FACTS: a stream dies at about five minutes
        self.recorded: list[Call] = []
        self._share(beside)
        self.rate = ChannelRate(self.limits, now)
        self.history_rate = HistoryRate(self.limits, now)
        self.events = Events(self.workspace, self.courier, lambda: self.origin)
        self.interactions = Interactions(self.workspace, self.events, self.limits, now)

    def _share(self, beside: Core | None) -> None:
        """What Slack has once, however many workspaces there are."""
        self.workspace = Workspace() if beside is None else Workspace(beside.workspace, f"B{len(self.cores)}")
        if beside is not None:
            self.origin, self.changes, self.limits = beside.origin, beside.changes, beside.limits
            self.faults, self.socket_mode, self.courier = beside.faults, beside.socket_mode, beside.courier
            self.sign_ins, self.installs = beside.sign_ins, beside.installs
            return
        self.changes, self.limits, self.faults = Changes(), Limits(), Faults()
        self.socket_mode = SocketMode(self.workspace.app_id, self.changes)
        self.courier = Courier(self.changes, self.socket_mode)
        self.socket_mode.acknowledge = self.courier.acknowledge
        self.courier.take_fault = self.faults.for_event
        self.sign_ins = SignIns(self)
        self.installs = Installs(self)

    def of_token(self, token: str | None, args: Json | None = None) -> Core | None:
        """Whose bot's it is; of an organisation's, that of the workspace which a call is about."""
        own = next((core for core in self.cores if core.bot_token == token), None)
        if own is not None:
            return own
        within = [
            core for core in self.cores if core.organisation is not None and core.organisation.token == token
        ]
        return next((core for core in within if core.has(args or {})), within[0] if within else None)

    def is_of(self, token: str) -> bool:
        whole = self.organisation
        return token == self.bot_token or (whole is not None and token == whole.token and not whole.refuses)

    def has(self, args: Json) -> bool:
        """Whether a call is about something of this workspace: no other of its organisation has the same ids."""
        if "team_id" in args:
            return bool(args["team_id"] == self.team_id)
        named = {str(value) for value in args.values()}
        there = {*self.workspace.channels, *self.workspace.files, *self.workspace.views}
        people = {id_ for id_, user in self.workspace.users.items() if not user.is_bot}
        return not named.isdisjoint(there | people | self.interactions.triggers)

    @property
    def team_id(self) -> str:
        return self.workspace.team_id

    @property
    def app_id(self) -> str:
        return self.workspace.app_id

    @property
    def bot(self) -> User:
        return self.workspace.bot

    @property
    def bot_user_id(self) -> str:
        return self.bot.id

    @property
    def bot_id(self) -> str:
        return self.bot.bot_id or ""

    def post_as_bot(self, message: Message) -> Message:
        """Stores a message of the app itself and tells the app about it (FACTS: own bot's event)."""
        message.user, message.bot_id, message.app_id = self.bot.id, self.bot_id, self.app_id
        if (
            message.username is not None or message.icons is not None
        ):  # as the example of chat.postMessage shows
            message.user, message.subtype = None, message.subtype or "bot_message"
        self.workspace.add_message(message)
        thread = self.workspace.assistant_threads.get((message.channel, message.thread_ts or ""))
        if thread is not None:
            thread.status = ""  # "assistant.threads.setStatus": a reply of the app clears it
        self.events.message_posted(message)
        return message

    def user_of(self, user: User | str) -> User:
        return user if isinstance(user, User) else self.workspace.users[user]

    def channel_of(self, channel: Channel | str) -> Channel:
        return channel if isinstance(channel, Channel) else self.workspace.channels[channel]
