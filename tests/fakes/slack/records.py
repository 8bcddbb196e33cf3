"""The things a workspace consists of. Plain data; `workspace` keeps them, `wire` renders them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
ChannelKind = Literal["channel", "group", "im", "mpim"]  # the `channel_type` of a message event


@dataclass(eq=False)
class User:
    id: str
    name: str
    team_id: str
    tz: str = "Europe/Berlin"
    locale: str = "en-US"
    external: bool = False  # of another workspace, seen through Slack Connect
    guest: str = ""  # "multi" or "single": of those channels alone to which they were invited
    is_bot: bool = False
    bot_id: str | None = None
    app_id: str | None = None
    deleted: bool = False


@dataclass(eq=False)
class File:
    id: str
    name: str
    title: str
    size: int
    user: str
    created: int
    content: bytes | None = None  # None until the upload URL was used
    alt_text: str | None = None
    deleted: bool = False
    shares: list[tuple[str, str]] = field(default_factory=list)  # (channel id, ts of the message)
    record: Json | None = None  # what files.info says instead, whole
    content_type: str = "application/octet-stream"
    canvas: str | None = None  # the Markdown of one
    readers: set[str] = field(default_factory=set)  # of a canvas: who may read it, people and channels


@dataclass(eq=False)
class Stream:
    """The streaming half of a message ("chat.startStream")."""

    expires_at: float | None  # on the event loop's clock
    state: Literal["streaming", "stopped", "dead"] = "streaming"
    chunks: list[Json] = field(default_factory=list)


@dataclass(eq=False)
class Message:
    channel: str
    ts: str
    user: str | None
    text: str
    thread_ts: str | None = None
    subtype: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    username: str | None = None
    icons: Json | None = None
    client_msg_id: str | None = None
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    files: list[File] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited_at: str | None = None
    edited_by: str | None = None
    stream: Stream | None = None
    more: Json = field(default_factory=dict)  # members as a test gave them, over everything else

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def in_history(self) -> bool:
        """Whether the channel itself shows it: replies stay in their thread unless broadcast."""
        return not self.is_reply or self.subtype == "thread_broadcast"


@dataclass(eq=False)
class Ephemeral:
    """A message only one person sees; it has no place in any history ("chat.postEphemeral")."""

    channel: str
    user: str
    ts: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None


@dataclass(eq=False)
class Channel:
    id: str
    name: str
    kind: ChannelKind
    created: int
    members: list[str] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)  # by ts, oldest first
    archived: bool = False
    ext_shared: bool = False

    def replies(self, root_ts: str) -> list[Message]:
        return [m for m in self.messages.values() if m.is_reply and m.thread_ts == root_ts]

    def thread(self, root_ts: str) -> list[Message]:
        root = self.messages.get(root_ts)
        return ([root] if root is not None else []) + self.replies(root_ts)


@dataclass(eq=False)
class View:
    """A modal or an App Home, as last stored."""

    id: str
    user: str
    body: Json
    hash: str
    root_view_id: str
    previous_view_id: str | None = None
    open: bool = True

    @property
    def kind(self) -> str:
        return str(self.body.get("type", "modal"))

    @property
    def blocks(self) -> list[Json]:
        blocks: list[Json] = self.body.get("blocks", [])
        return blocks


@dataclass(eq=False)
class AgentSession:
    """One agent session, scoped to a thread ("Agent sessions")."""

    channel: str
    thread_ts: str | None
    status: str
    title: str | None = None
    initiator: str | None = None
    statuses: list[str] = field(default_factory=list)  # every status ever set, in order


@dataclass(eq=False)
class AssistantThread:
    """What `assistant.threads.*` set on a thread."""

    channel: str
    thread_ts: str
    status: str = ""
    title: str | None = None
    prompts: list[Json] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
