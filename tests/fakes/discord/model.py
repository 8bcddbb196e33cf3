"""What the fake remembers: plain records, without behaviour beyond what follows from their own fields."""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any

Json = dict[str, Any]


class ChannelType(IntEnum):
    """Discord docs, "Resources: Channel", Channel Types."""

    TEXT = 0
    DM = 1
    CATEGORY = 4
    ANNOUNCEMENT = 5
    ANNOUNCEMENT_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    FORUM = 15


THREADS = frozenset({ChannelType.ANNOUNCEMENT_THREAD, ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD})


class MessageType(IntEnum):
    """Discord docs, "Resources: Message", Message Types."""

    DEFAULT = 0
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER_MESSAGE = 21
    CONTEXT_MENU_COMMAND = 23


class MessageFlag(IntFlag):
    """Discord docs, "Resources: Message", Message Flags."""

    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    IS_COMPONENTS_V2 = 1 << 15


class OverwriteKind(IntEnum):
    ROLE = 0
    MEMBER = 1


@dataclass(eq=False)
class User:
    id: int
    name: str
    bot: bool = False
    accepts_dms: bool = True
    locale: str = "en-US"

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False)
class Role:
    id: int
    name: str
    permissions: int
    position: int

    @property
    def mention(self) -> str:
        return f"<@&{self.id}>"


@dataclass(eq=False)
class Member:
    user: User
    joined_ms: int
    nick: str | None = None
    role_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Overwrite:
    target_id: int
    kind: OverwriteKind
    allow: int = 0
    deny: int = 0


@dataclass(eq=False)
class Guild:
    id: int
    name: str
    owner: User
    upload_limit: int
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)


@dataclass(eq=False)
class Channel:
    """A guild channel, a thread or a DM. The fields after `thread_members` matter to threads only."""

    id: int
    type: ChannelType
    name: str = ""
    guild: Guild | None = None
    parent: "Channel | None" = None
    topic: str | None = None
    position: int = 0
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    recipients: list[User] = field(default_factory=list)
    tags: list[Json] = field(default_factory=list)
    requires_tag: bool = False
    messages: dict[int, "Message"] = field(default_factory=dict)
    last_message_id: int | None = None
    thread_members: dict[int, int] = field(default_factory=dict)  # user id -> joined, ms
    owner: User | None = None
    archived: bool = False
    locked: bool = False
    invitable: bool = True
    auto_archive_minutes: int = 1440
    archive_ms: int = 0
    applied_tags: list[int] = field(default_factory=list)
    total_messages: int = 0

    @property
    def is_thread(self) -> bool:
        return self.type in THREADS

    @property
    def is_private_thread(self) -> bool:
        return self.type is ChannelType.PRIVATE_THREAD

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"


@dataclass(eq=False)
class Attachment:
    id: int
    filename: str
    data: bytes
    content_type: str
    url: str
    description: str | None = None


@dataclass(eq=False)
class Reaction:
    emoji: str  # a unicode emoji, or `name:id` of a custom one
    user_ids: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Message:
    id: int
    channel: Channel
    author: User
    content: str = ""
    type: MessageType = MessageType.DEFAULT
    flags: int = 0
    edited_ms: int | None = None
    attachments: list[Attachment] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    mentions: list[User] = field(default_factory=list)
    mention_role_ids: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    reactions: dict[str, Reaction] = field(default_factory=dict)
    replies_to: "Message | None" = None  # also what a thread's starter message stands for
    announces: Channel | None = None  # the thread whose creation this system message announces
    nonce: str | int | None = None
    thread: Channel | None = None
    webhook_id: int | None = None
    interaction: "Interaction | None" = None
    visible_to: User | None = None  # an ephemeral message: only this person sees it
    deleted: bool = False
    more: Json = field(default_factory=dict)  # fields as a test gave them, over everything else

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & MessageFlag.EPHEMERAL)

    @property
    def loading(self) -> bool:
        return bool(self.flags & MessageFlag.LOADING)


class InteractionType(IntEnum):
    """Discord docs, "Interactions: Receiving and Responding", Interaction Type."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


class CallbackType(IntEnum):
    """Discord docs, "Interactions: Receiving and Responding", Interaction Callback Type."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE_MESSAGE = 7
    AUTOCOMPLETE_RESULT = 8
    MODAL = 9


@dataclass(eq=False)
class Interaction:
    """One act of a person towards the app, and what the app answered so far."""

    id: int
    token: str
    type: InteractionType
    user: User
    channel: Channel
    data: Json
    created_ms: int
    message: Message | None = None  # the message whose component was used
    answer: CallbackType | None = None  # None until the app has acknowledged it
    original: Message | None = None  # what `@original` stands for
    followups: list[Message] = field(default_factory=list)
    modal: Json | None = None
    choices: list[Json] = field(default_factory=list)

    @property
    def acknowledged(self) -> bool:
        return self.answer is not None
