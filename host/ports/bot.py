"""The port between the core and a platform: what a bot brings in, and what it carries out.

Errors a bot raises from `send`, `lookup` and `show`, and nothing else:

DeliveryError
├── Unsent     proven not sent; try again, after `.retry_after` seconds if the platform named a time
├── Rejected   the platform refuses this for good; `.plain_may_work` when a plain text would pass
├── Unknown    sent or not, nobody knows: look it up before anything is sent again
└── Offline    the bot is not connected; costs no attempt, and need not be tried again for `.retry_after` seconds
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeGuard, runtime_checkable

from host.config import Config
from host.folders import attachments
from host.ports.controls import Controls
from host.ports.events import InboundEvent, IncomingFile, Ingested, Privacy, Standing
from host.ports.installs import Installs
from host.words import ENGLISH
from sessiondb import content
from sessiondb.content import Part
from sessiondb.plan import Item
from sessiondb.records import Address


@dataclass(frozen=True, slots=True)
class Delivery:
    """One chunk to carry out. `payload` is what the bot's own `render` made of the operation."""

    key: str  # minted by the host, at most 20 characters: nonce, metadata
    address: Address
    payload: dict[str, Any]
    agent: str = ""  # whose words it has, '' for the host's own
    answers: str = ""  # platform id of the message this replies to
    target: str = ""  # platform id of the message to edit or react to
    files: str = ""  # folder that holds the operation's file
    private_to: str = (
        ""  # a user id: nobody else may see it; a direct message where `address.platform_id` is ''
    )
    question: str = ""  # of a question: what an ANSWER refers to, and its natural id; unique in the host
    audience: tuple[str, ...] = ()  # of a question: the users who may answer it
    decision: Decision | None = None  # of a notice that asks an owner
    judged: bool = False  # people are asked what they think of it, by buttons that name `key`; where the platform has room
    first: bool = True  # of the messages that one operation became
    closes: bool = False  # the end of a turn's answer, of which it may have to be said what it took
    bill: str = ""  # what the answer took, to be shown below it in small; no word of it
    mentions: tuple[str, ...] = ()  # users whom the message notifies, named in front of it; nobody else is
    first_attempt_at: int = 0  # ms UTC
    language: str = ENGLISH  # of what the bot itself adds

    def read(self, path: str, *, largest: int = attachments.LARGEST) -> bytes:
        """The file at `path` below `files`, whatever the container has made of it. Raises `Rejected`."""
        try:
            return attachments.read(Path(self.files), path, largest=largest)
        except attachments.AttachmentError as error:
            raise Rejected(str(error)) from error


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice that an owner is asked to make, as buttons under a message; the click calls `Controls.decide`."""

    request: str  # names what is decided, at most 60 characters
    choices: tuple[tuple[str, str], ...]  # (value, label)


@dataclass(frozen=True, slots=True)
class Receipt:
    platform_message_id: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What people may see of a turn under way."""

    address: Address
    answers: str  # platform id of the message being answered
    status: str
    text: str
    language: str = ENGLISH  # of the words around these


@dataclass(frozen=True, slots=True)
class Live:
    """The one message that shows a long turn while it works. `key` was minted and committed before it is opened."""

    key: str
    address: Address
    answers: str  # platform id of the message being answered
    asked_by: str  # user id of its author, '' when there is none
    status: str
    text: str  # what is written so far, Markdown; '' before there is any
    opened_at: int = 0  # ms UTC of the intent
    plan: tuple[Item, ...] = ()  # what its place may see of what is done and to come
    agent: str = ""  # whose work it shows
    minutes: int = 0  # whole ones that the turn has gone on, as far as this process saw
    language: str = ENGLISH  # of the words around these


LONGEST_WAIT = 6 * 3_600.0  # s that a platform may ask for at once, whatever it says


class DeliveryError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unsent(DeliveryError):
    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = min(retry_after, LONGEST_WAIT) if retry_after > 0 else 0.0


class Rejected(DeliveryError):
    def __init__(self, reason: str, *, plain_may_work: bool = False) -> None:
        super().__init__(reason)
        self.plain_may_work = plain_may_work


class Unknown(DeliveryError):
    pass


class Offline(DeliveryError):
    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Ingest(Protocol):
    """The host's side, as a bot sees it."""

    @property
    def controls(self) -> Controls:
        """What people may see and order without an agent."""

    def installs(self, channel_type: str) -> Installs:
        """What is kept of the workspaces that installed the platform's app."""

    async def ingest(self, event: InboundEvent) -> Ingested:
        """Returns when the event is durable: only then may the platform be told. Raises `HostBusy` otherwise."""

    async def settled(self, message_id: str) -> str:
        """Waits until the message has its outcome and everything that answers it is delivered; returns its status."""

    async def channel_became(self, channel: Address, privacy: Privacy) -> None:
        """What a channel is now: told when it changes, at each connect, and before anything of it is shown. Costs nothing
        where nothing changed."""

    async def calls(self, event: InboundEvent) -> bool:
        """Whether a message calls an agent by its name: then what was said before in its thread comes along, as with a mention.
        Raises `HostBusy`."""

    async def channel_named(self, channel: Address, name: str) -> None:
        """What people call a channel: told at each connect, and shown in lists. Costs nothing where nothing changed."""

    async def place_stands(self, place: Address, standing: Standing) -> None:
        """What a place is now, by the platform's own word: told when it changes and at each connect. An address without a
        channel is a whole workspace. Costs nothing where nothing changed. Raises `HostBusy`."""

    async def person_stands(self, workspace: Address, user: str, *, here: bool) -> None:
        """Whether somebody is behind an account. Costs nothing where nothing changed. Raises `HostBusy`."""

    async def inhabited(self, channel_type: str) -> Mapping[Address, Standing]:
        """Where tasks post, and every place that does not stand open, as it was told last: what is to be asked about at each
        connect. Raises `HostBusy`."""

    async def task_people(self, channel_type: str) -> Sequence[tuple[str, str]]:
        """Whose tasks there are, and who is gone, by workspace: to be asked about as well. Raises `HostBusy`."""

    async def joined(self, place: Address) -> None:
        """The bot was added to a channel, or to a server whose people can be greeted there. Told twice is told once."""

    async def deals(self, place: Address) -> bool:
        """Of several hosts that the platform tells the same: whether this one deals with what is done at the place once, from now
        on also where none did. Raises `HostBusy`."""

    async def is_anothers(self, place: Address) -> bool:
        """Whether another of these hosts has the place, and hears first what is said there. Raises `HostBusy`."""

    async def askers(self, workspace: Address) -> frozenset[str]:
        """Ids of the people and groups whom owners named as those who may ask in a channel of it. Raises `HostBusy`."""

    async def watermark(self, address: Address) -> str:
        """Up to which natural id everything said at this address was taken in; '' when it was never advanced."""

    async def advance(self, address: Address, natural_id: str) -> None:
        """Durable when it returns. The bot sees to it that it never goes back."""

    async def watched(self, channel_type: str) -> Sequence[Address]:
        """Every address with a watermark."""

    async def engaged(self, channel_type: str) -> Sequence[tuple[Address, int]]:
        """The threads that go on without a mention, and since when, ms UTC by the platform's clock."""


class HostBusy(Exception):
    """The event could not be made durable (disk full, shutting down): let the platform deliver it again."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    lookup: bool = False  # `lookup` finds a message by its key
    progress: Literal["none", "transient"] = "none"  # whether `show` shows anything
    flight: float = 30.0  # s after which a request of a host that died can no longer take effect
    drawn_by: str = (
        ""  # `module:function` that renders as `render` does, in a process apart; '' where that costs little
    )


class Bot(Protocol):
    channel_type: str
    capabilities: Capabilities

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        """Connects and serves until cancelled; calls `ready` once events flow.

        Raises `BotConfigError` when only a person can help; whatever else it raises, it is started again soon.
        """

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        """The chunks of an operation, in order, within the platform's limits. Pure: no I/O, no clock.

        A chunk may bring the same in plain words, a chunk as well, as its `plain`: the one fallback after the platform rejected
        it. All of it is `plain` where its marks take too long. The first chunk leaves room for the `mentions` that `send` puts
        in front of it, so that one message, with one receipt, is what notifies.
        """

    async def send(self, delivery: Delivery) -> Receipt: ...

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        """The receipt of an earlier attempt with the same key, if the platform has the message."""

    async def show(self, shown: Shown) -> None:
        """Progress of a turn; transient, may be dropped."""


@runtime_checkable
class ShowsLive(Protocol):
    """A bot that shows a long turn as a message of its own. The methods raise `DeliveryError`s as `send` does.

    The host removes the message when the answer stands, and after a crash: it is never left beside the answer.
    """

    async def open_live(self, live: Live) -> Receipt: ...

    async def find_live(self, live: Live) -> Receipt | None:
        """The message of an `open_live` whose outcome is unknown, if the platform has it."""

    async def update_live(self, live: Live, platform_message_id: str) -> None:
        """Paced by the bot; an update that comes too soon or is refused is dropped."""

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        """Once it returns the message is gone, whoever removed it."""


def shows_live(bot: object) -> TypeGuard[ShowsLive]:
    """Asked many times a trip: `isinstance` goes through the protocol's methods each time, and takes 25 µs."""
    kind: Any = type(bot)
    return _kind_shows_live(kind)


@functools.cache
def _kind_shows_live(kind: type) -> bool:
    return issubclass(kind, ShowsLive)


@runtime_checkable
class Removes(Protocol):
    """A bot that can take a message of its own back."""

    async def remove(self, place: Address, platform_message_id: str) -> None:
        """Once it returns the message is gone, whoever removed it. Raises `DeliveryError`; told twice is told once."""


@runtime_checkable
class ClosesQuestions(Protocol):
    """A bot whose questions have buttons."""

    async def close_question(self, place: Address, platform_message_id: str, line: str) -> None:
        """Its buttons go, and the line stands below; once there are none nothing is done. Raises `DeliveryError`."""


@runtime_checkable
class OpensDirect(Protocol):
    """A bot that can begin a direct conversation with a person."""

    async def direct(self, place: Address, user: str) -> Address:
        """Of somebody who is at `place`. Raises `DeliveryError`."""


@runtime_checkable
class Entitles(Protocol):
    """A bot of a platform whose threads have names."""

    async def entitle(self, place: Address, title: str, question: str) -> None:
        """Names the thread, unless a person has: the name it has is the one that the bot gave it, after `question`.

        Raises `DeliveryError`; of one that has no name to be changed, nothing is done.
        """


@dataclass(frozen=True, slots=True)
class Hearing:
    """Whether a platform reaches its bot."""

    connected: bool
    looked_at: float  # s of the loop's clock: when the bot last saw to it that events come in


@runtime_checkable
class Follows(Protocol):
    """A bot that goes by the configuration's lists itself."""

    def follow(self, config: Config) -> None:
        """From now on by this one; only what may change while the host runs is another."""


@runtime_checkable
class Hears(Protocol):
    """A bot that can say whether its way in works. One that hangs looks no more; a platform that is away is no hang."""

    def hearing(self) -> Hearing: ...


@runtime_checkable
class TellsPrivacy(Protocol):
    """A bot of a platform whose channels may become private."""

    async def privacy_now(self, channels: Collection[Address]) -> Mapping[Address, Privacy]:
        """Of those of these channels of which the platform tells at this moment; no memory of before.

        Raises `DeliveryError` where it tells of none.
        """


@runtime_checkable
class Forgets(Protocol):
    """A bot that keeps something of people in its own folder."""

    async def forget(self, user: str, keys: Collection[str]) -> None:
        """Nothing of the person is kept there any more, nor what these deliveries asked in their own conversations.
        Raises `OSError`."""


class FetchError(Exception):
    """The file cannot be had; the text says why, for the agent."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became known of a file when it was fetched; '' as it was announced."""

    name: str = ""
    media_type: str = ""
    parts: tuple[
        content.Part, ...
    ] = ()  # its words, as the platform has them: for those of this kind and title before
    voice: bool = False  # it is a voice message, of which its announcement did not tell


@runtime_checkable
class Fetches(Protocol):
    """A bot that can bring the files people attach."""

    async def fetch(self, place: Address, file: IncomingFile, path: Path, most: int) -> Fetched:
        """Streams the file, of a message of that place, to `path`, which it creates. Raises `FetchError`, also beyond `most`
        bytes."""


@runtime_checkable
class Quotes(Protocol):
    """A bot that can say what stands in a message that nobody told of."""

    async def quoted(self, place: Address, message_id: str) -> Part | None:
        """None for what is not there. Raises `DeliveryError`."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What a platform brought, as it came."""

    kind: str  # in the platform's words
    body: Mapping[str, Any]  # JSON
    again: bool  # dealt with a second time it changes nothing; else it is dealt with once at most
    waits: bool = False  # somebody is told by the very acknowledgement: it has to wait for what is answered


class Keep(Protocol):
    async def __call__(self, payload: Payload) -> Mapping[str, Any]:
        """What to acknowledge it with, once it is durable. Raises `HostBusy` for what is not to be acknowledged."""


@runtime_checkable
class TakesIn(Protocol):
    """A bot whose platform brings each payload to one of several hosts: it hears for the one that serves."""

    async def take_in(self, keep: Keep) -> None:
        """Until cancelled; nothing is said, and nothing but the ways in is opened."""


@runtime_checkable
class DealsWith(Protocol):
    """A bot that deals with what another host has heard for it."""

    def deals_now(self) -> bool: ...

    async def deal_with(self, payload: Payload) -> Mapping[str, Any] | None:
        """What to acknowledge it with; None where it was not taken, and is to be tried again."""


@dataclass
class Bots:
    """The bots of this host by platform."""

    by_platform: dict[str, Bot] = field(default_factory=dict)

    def get(self, channel_type: str) -> Bot | None:
        return self.by_platform.get(channel_type)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a bot is made from."""

    config: Config
    data: Path  # a folder of its own
    environment: Mapping[str, str]  # where its secrets are


class MakeBot(Protocol):
    """An entry point of the group `dovecote.bots`: how the host finds bots without importing them."""

    def __call__(self, surroundings: Surroundings) -> Bot | None:
        """None when the configuration does not ask for this bot. Raises `BotConfigError`."""


class BotConfigError(Exception):
    """The bot is asked for but cannot run; the text names what is missing and the remedy."""


class BotStuck(Exception):
    """Only a fresh process can help: the host stops, with a failure, for its supervisor to start it again."""
