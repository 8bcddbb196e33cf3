"""The state of one Slack workspace: who and what exists, and the one clock that names messages."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator

from .errors import ApiError
from .records import (
    AgentSession,
    AssistantThread,
    Channel,
    ChannelKind,
    Ephemeral,
    File,
    Json,
    Message,
    User,
    View,
)

# Private channels begin with C as well: an id does not tell the kind ("Conversations API").
PREFIXES: dict[ChannelKind, str] = {"channel": "C", "group": "C", "im": "D", "mpim": "C"}


class Ids:
    """Ids of Slack's shape: a letter that tells the kind, then capitals and digits."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def mint(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):09d}"


class Clock:
    """Message timestamps: seconds and microseconds, unique and increasing in the whole workspace.

    The n-th is the same in all workspaces that share `minted`: messages have the same ids there.
    """

    def __init__(self, now: Callable[[], float] = time.time, minted: list[int] | None = None) -> None:
        self._now = now
        self.minted = [0] if minted is None else minted
        self._count = 0

    def ts(self) -> str:
        self._count += 1
        if self._count == len(self.minted):
            self.minted.append(max(self.minted[-1] + 1, int(self._now() * 1_000_000)))
        last = self.minted[self._count]
        return f"{last // 1_000_000}.{last % 1_000_000:06d}"

    def seconds(self) -> int:
        return int(self._now())


class Workspace:
    """One `beside` another mints the same ids for people, channels, messages and files: its own has a `mark` besides."""

    clock: Clock

    def __init__(self, beside: Workspace | None = None, mark: str = "") -> None:
        self.ids = Ids()
        self.clock = Clock() if beside is None else Clock(minted=beside.clock.minted)
        self.team_id = self.ids.mint("T") + mark
        self.other_team_id = self.ids.mint("T")
        self.organisation = ""  # its id, where it is one of an organisation that installed the app as a whole
        self.domain = "aviary"
        self.name = "Aviary"
        self.app_id = self.ids.mint("A")
        self.users: dict[str, User] = {}
        self.usergroups: dict[str, list[str]] = {}  # user ids by the group's id
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.ephemerals: list[Ephemeral] = []
        self.sessions: dict[tuple[str, str | None], AgentSession] = {}
        self.assistant_threads: dict[tuple[str, str], AssistantThread] = {}
        self.bot = self.add_user("dovecote", is_bot=True, app_id=self.app_id)

    def join_organisation(self, id_: str, first: Workspace | None) -> None:
        """Before anything is in it. Ids are unique there, and the app has one bot in all workspaces; `first` was there before."""
        self.organisation = id_
        if first is not None:
            self.ids, self.app_id, self.bot = first.ids, first.app_id, first.bot
            self.users = {first.bot.id: first.bot}

    def add_user(
        self,
        name: str,
        *,
        tz: str = "Europe/Berlin",
        locale: str = "en-US",
        external: bool = False,
        guest: str = "",
        is_bot: bool = False,
        app_id: str | None = None,
    ) -> User:
        user = User(
            id=self.ids.mint("U"),
            name=name,
            team_id=self.other_team_id if external else self.team_id,
            tz=tz,
            locale=locale,
            external=external,
            guest=guest,
            is_bot=is_bot,
            bot_id=self.ids.mint("B") if is_bot else None,
            app_id=(app_id or self.ids.mint("A")) if is_bot else None,
        )
        self.users[user.id] = user
        return user

    def add_channel(self, name: str, kind: ChannelKind, members: Iterable[str]) -> Channel:
        joined = list(dict.fromkeys(members))
        channel = Channel(
            id=self.ids.mint(PREFIXES[kind]),
            name=name,
            kind=kind,
            created=self.clock.seconds(),
            members=joined,
            ext_shared=any(self.users[member].external for member in joined),
        )
        self.channels[channel.id] = channel
        return channel

    def direct(self, members: Iterable[str]) -> Channel:
        """The IM or MPIM of exactly these people and the bot, opened on first use ("conversations.open")."""
        wanted = {*members, self.bot.id}
        for channel in self.channels.values():
            if channel.kind in ("im", "mpim") and set(channel.members) == wanted:
                return channel
        if len(wanted) == 2:
            return self.add_channel("directmessage", "im", sorted(wanted))
        names = sorted(self.users[member].name for member in wanted)
        return self.add_channel("mpdm-" + "--".join(names) + "-1", "mpim", sorted(wanted))

    def join(self, user_id: str, channel: Channel) -> None:
        channel.members.append(user_id)
        channel.ext_shared = channel.ext_shared or self.users[user_id].external

    def user(self, user_id: str | None) -> User:
        if user_id is None or user_id not in self.users:
            raise ApiError("user_not_found")
        return self.users[user_id]

    def channel(self, channel_id: str | None) -> Channel:
        """As the bot sees it: a private channel it is not in does not exist ("channel_not_found")."""
        channel = self.channels.get(channel_id or "")
        if channel is None or (channel.kind != "channel" and self.bot.id not in channel.members):
            raise ApiError("channel_not_found")
        return channel

    def member_channel(self, channel_id: str | None) -> Channel:
        channel = self.channel(channel_id)
        if self.bot.id not in channel.members:
            raise ApiError("not_in_channel")
        return channel

    def message(self, channel: Channel, ts: str | None) -> Message:
        if ts is None or ts not in channel.messages:
            raise ApiError("message_not_found")
        return channel.messages[ts]

    def name_blocks(self, blocks: list[Json]) -> list[Json]:
        """Slack gives a block_id to every block that came without ("Block Kit: Blocks")."""
        return [{**block, "block_id": block.get("block_id") or self.ids.mint("b")} for block in blocks]

    def add_message(self, message: Message) -> Message:
        """The first reply turns its parent into a root, which from then on carries `thread_ts` too."""
        channel = self.channels[message.channel]
        channel.messages[message.ts] = message
        if message.is_reply and (root := channel.messages.get(message.thread_ts or "")) is not None:
            root.thread_ts = root.ts
        for file in message.files:
            file.shares.append((message.channel, message.ts))
        return message

    def remove_message(self, message: Message) -> bool:
        """True if it is gone; a root with replies stays as a tombstone ("message event": tombstone)."""
        channel = self.channels[message.channel]
        if channel.replies(message.ts):
            message.subtype, message.text, message.blocks = "tombstone", "This message was deleted.", []
            message.attachments, message.files, message.metadata = [], [], None
            return False
        del channel.messages[message.ts]
        return True

    def assistant_thread(self, channel_id: str, thread_ts: str) -> AssistantThread:
        key = (channel_id, thread_ts)
        if key not in self.assistant_threads:
            self.assistant_threads[key] = AssistantThread(channel_id, thread_ts)
        return self.assistant_threads[key]

    def all_messages(self) -> Iterator[Message]:
        for channel in self.channels.values():
            yield from channel.messages.values()
