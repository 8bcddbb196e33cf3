"""What a collection is given and what it leaves to do: between the transaction and whoever waits for something outside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from host.delivery.actions import Asked, Handler
from host.delivery.drawing import Drawn, Large
from host.delivery.room import Room
from host.governance.approvals import Asking, Votes
from host.governance.languages import UNASKED, Manners
from host.mailbox.outbound import Accepted, Refused
from host.mailbox.rows import Parcel
from sessiondb.records import Address, MessageIn

Rows: TypeAlias = Sequence[Accepted | Refused]
Busy: TypeAlias = Callable[[Address], bool]  # whether the lane of an address has work


@dataclass
class Collected:
    """What a collection leaves to do outside the transaction."""

    parcels: list[Parcel] = field(default_factory=list)
    intended: set[str] = field(default_factory=set)  # keys whose intent is committed: send at once
    refused: list[Refused] = field(default_factory=list)
    claimed: list[MessageIn] = field(default_factory=list)  # by the incarnation that the host started
    seen: list[MessageIn] = field(default_factory=list)  # of these, what people may see worked on
    settled: bool = False  # some message got its outcome
    outcomes: list[tuple[str, str]] = field(
        default_factory=list
    )  # of those that runners are done with, by id
    owed: list[tuple[str, str]] = field(
        default_factory=list
    )  # what people are to be told, by what it is about
    work: int = 0  # that it was to read them: bytes
    seconds: float = 0.0  # of a core that the visit took
    more: bool = False  # there are more rows to read
    rest: Rows = ()  # what was read with them and comes next, from the one on that has to be waited for
    asked: Asked | None = None  # an action that has to be prepared before anything behind it is read
    large: Large | None = None  # an operation that has to be rendered before that
    asking: Asking | None = (
        None  # a call of which it has to be known before that who has allowed it in advance
    )
    run_ended: bool = False  # a task's run got its outcome
    pending: Mapping[str, MessageIn] = field(
        default_factory=dict
    )  # by id, as the look found them: rows mostly answer one of these
    answered: tuple[str, MessageIn | None] = (
        "",
        None,
    )  # what the last row answers, by id: the next mostly does, too

    @property
    def waits(self) -> bool:
        """Whether it ended before a row that something outside has to be done for."""
        return self.asked is not None or self.large is not None or self.asking is not None


@dataclass(frozen=True, slots=True)
class Ready:
    """What rows were waited for, by their ids."""

    handlers: Mapping[str, Handler] = field(default_factory=dict)  # of actions that are prepared
    drawn: Mapping[str, Drawn] = field(default_factory=dict)  # of large operations that are rendered
    votes: Mapping[str, Votes] = field(default_factory=dict)  # of calls that need a yes
    rest: Rows = ()  # of the last collection, which ended before one of them: they are not read once more

    def has(self, row_id: str) -> bool:
        return row_id in self.handlers or row_id in self.drawn or row_id in self.votes


@dataclass(frozen=True, slots=True)
class Whose:
    """The session whose files are read."""

    session_id: str
    place: Address  # where its people read what nothing else has an address for
    agent: str
    files: Path  # those that its rows may name
    room: Room  # for what may be on its way beside what is
    manners: Manners = UNASKED  # of the place

    @property
    def language(self) -> str:
        return self.manners.language

    def bills(self, address: Address) -> bool:
        """Whether what an answer there took may have to be said with it: of another place nobody has asked that."""
        return self.manners.billed or address[:3] != self.place[:3]


def seq_of(row: Accepted | Refused) -> int:
    return row.seq if isinstance(row, Refused) else row.row.seq
