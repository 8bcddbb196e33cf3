"""What happened on a platform, in the host's own terms: who said what, where, and what the host made of it."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from host.words import say
from sessiondb.content import Part
from sessiondb.records import Address

Privacy = Literal["dm", "private", "public"]


class EventClass(StrEnum):
    """What kind of event it is; its natural id is unique within its class and channel."""

    MESSAGE = "message"  # natural id: the platform's message id
    EDIT = "edit"  # message id and the edit's time
    DELETE = "delete"  # message id
    REACTION = "reaction"  # message id, user, emoji, added or removed
    COMMAND = "command"  # the platform's trigger or interaction id
    ANSWER = "answer"  # the question's id: the first answer counts
    CONTROL = "control"  # as COMMAND
    WEBHOOK = "webhook"  # hook and delivery; the host's own, never a bot's
    TASK = "task"  # the task, and what began it; the host's own, never a bot's


ABOUT_ANOTHER = (
    EventClass.EDIT,
    EventClass.DELETE,
    EventClass.REACTION,
)  # they speak of a message that was there before


@dataclass(frozen=True, slots=True)
class Author:
    id: str
    name: str = ""
    is_bot: bool = False
    external: bool = False  # of another organisation in a shared channel
    groups: tuple[str, ...] = ()  # roles or user groups, by id
    zone: str = ""  # IANA
    locale: str = ""  # in which they read the platform, as it calls it; '' where it does not say
    guest: bool = False  # of the workspace or server, but not of all its public channels


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file a person attached. The host asks the bot to `fetch` it when the message is routed."""

    name: str
    media_type: str
    bytes: int
    reference: str  # what the bot needs to fetch it
    voice: bool = False  # a voice message: its author speaks in it


@dataclass(frozen=True, slots=True)
class Said:
    """A message that was said before: in the thread, on the first mention there."""

    text: str
    author: str = ""  # their name
    author_id: str = ""
    by: Literal["", "bot", "agent", "host"] = (
        ""  # '' = a person; "agent": our own words; "host": a note of ours, not said by anybody
    )
    at: int = 0  # ms UTC, 0 when unknown
    platform_message_id: str = ""
    parts: tuple[Part, ...] = ()
    files: tuple[IncomingFile, ...] = ()

    @property
    def says_nothing(self) -> bool:
        return not (self.text.strip() or self.parts or self.files)


@dataclass(frozen=True, slots=True)
class InboundEvent:
    event_class: EventClass
    address: Address  # where it happened
    natural_id: str
    author: Author
    at: int  # ms UTC, the platform's clock
    text: str = ""  # the author's own words; '' where there are none but the bot's name
    opening: str = ""  # its first words as its author typed them, behind the bot's name; '' where they name somebody else
    platform_message_id: str = ""  # of the message written, edited, deleted or reacted to
    mentioned: bool = (
        False  # its author named the bot, not something quoted in it; of an EDIT: only since this edit, as far as is known
        # (it then carries all that its MESSAGE would); of a REACTION: it is to a message of the bot's own
    )
    privacy: Privacy = "public"  # of an ANSWER the host knows it by its question
    replies_to: str = ""  # the message it replies to from outside a thread, if one can hang from that message
    opens_thread: str = ""  # the thread an answer to this message would open; '' when none can be
    untitled: bool = False  # no person has named the thread that an answer to it would stand in
    files: tuple[IncomingFile, ...] = ()
    parts: tuple[
        Part, ...
    ] = ()  # what is in it that its author did not write: quoted, forwarded, previews, transcripts
    thread_so_far: tuple[Said, ...] = ()  # on a mention in a thread: what was said there before, oldest first
    value: str = ""  # of an ANSWER: the choice; of a CONTROL: the command; of a REACTION: the emoji; of a WEBHOOK: the prompt
    refers_to: str = (
        ""  # of an ANSWER: what the question's `Delivery.question` said; of a WEBHOOK: its source
    )
    remark: bool = False  # said among people: context for the agent, wakes nobody
    queued: bool = False  # waits for the end of the turn under way instead of steering it
    typed: bool = False  # a CONTROL written as a message: counts only where an agent takes part
    session_id: str = ""  # the host's own, never a bot's: the session it is for, whatever the routes say
    model: str = ""  # the host's own: the one that its author chose for it, '' = the agent's
    by: str = ""  # the host's own, of an ANSWER that several people gave: their names; of a TASK: how many were let pass
    digest: str = ""  # the host's own, of an ANSWER that allows a call: which one
    agent: str = ""  # the host's own, of a WEBHOOK: the agent it is for, '' = the channel's

    @property
    def says_nothing(self) -> bool:
        return not (self.text.strip() or self.parts or self.files)

    @property
    def key(self) -> str:
        """The same however often and by whatever path the platform delivers the event."""
        return "\x1f".join((*self.address[:3], self.event_class, self.natural_id))

    @property
    def message_id(self) -> str:
        return _id_of(self.key)


@functools.lru_cache(256)  # each station of an event asks for it
def _id_of(key: str) -> str:
    return "m" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:24]


AGAIN = "again"  # the value of a COMMAND that asks for another answer to what `refers_to` (a messages_out id) answers


def again_id(answer: str) -> str:
    """The natural id of the COMMAND for another try of an answer, by the key of its delivery: one, however often."""
    return f"{AGAIN}-{answer}"


OVER = say("This question is no longer open.")  # the reason why an ANSWER that came too late is declined


class Verdict(StrEnum):
    STORED = "stored"
    DUPLICATE = "duplicate"
    COUNTED = "counted"  # one yes of several that are needed
    DECLINED = "declined"  # a person may not; told once
    IGNORED = "ignored"  # not meant for an agent


Standing = Literal[
    "open", "archived", "gone", "removed", "locked"
]  # of a place: whether the bot can say anything there, and if not, why


@dataclass(frozen=True, slots=True)
class Ingested:
    verdict: Verdict
    message_id: str = ""
    reason: str = ""
    by: tuple[str, ...] = ()  # of an answer that several people give: ids of those who have said yes
    needed: int = 0  # of these people


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and from where. The author is what the bot would put into an `InboundEvent`.

    From no channel at all (App Home): an address whose `platform_id` is '', privately as in a direct message ("dm").
    """

    author: Author
    address: Address
    privacy: Privacy = "public"
