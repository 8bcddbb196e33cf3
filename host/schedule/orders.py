"""What may be asked about tasks, validated: every argument comes from a model, a person or a file (laws 8 and 13)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from host.config.recurrence import ScheduleError
from host.mailbox.missed import Policy
from host.mailbox.tasks import Source
from host.words import as_it_is
from sessiondb.records import Address

Title = Annotated[
    str, BeforeValidator(lambda text: " ".join(str(text).split())), Field(min_length=1, max_length=120)
]
Prompt = Annotated[str, Field(min_length=1, max_length=20_000)]
Short = Annotated[str, Field(max_length=200)]
Script = Annotated[str, Field(max_length=20_000)]
User = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,40}$")]
TaskId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wish(_Asked):
    """A task that is to be. One of `cron`, `at`, `reaction`, `file` and `words` is given."""

    title: Title
    prompt: Prompt
    cron: Short = ""
    at: Short = ""
    zone: Short = ""  # '' = whose person asks
    destination: Short = ""  # '' = the conversation; "channel" = its channel; or a listed name
    script: Script = ""
    missed: Policy = "run_once"
    mentions: Annotated[tuple[User, ...], Field(max_length=20)] = ()
    punctual: bool = False  # begun at its very minute, whatever else is due then
    reaction: Short = ""  # it begins whenever somebody reacts so in its channel,
    file: Short = ""  # shares a file whose name ends so there,
    words: Annotated[str, Field(max_length=1_000)] = ""  # or writes one of these phrases there
    by: Annotated[tuple[User, ...], Field(max_length=50)] = ()  # who may begin it so; () = whoever may ask

    @property
    def awaits(self) -> str:
        """What it waits for: the field that says it, '' for a time."""
        return next((name for name in ("reaction", "file", "words") if getattr(self, name).strip()), "")

    @model_validator(mode="after")
    def _one_of_both(self) -> Wish:
        given = [self.cron, self.at, self.reaction, self.file, self.words]
        if sum(bool(one.strip()) for one in given) != 1:
            raise ValueError("give either cron or at, or one of reaction, file and words")
        if self.awaits and self.destination not in ("", "channel"):
            raise ValueError("what waits for something in a channel posts there and nowhere else")
        return self


class Update(_Asked):
    """What is to change; what is left out stays."""

    task_id: TaskId
    title: Title | None = None
    prompt: Prompt | None = None
    cron: Short = ""
    at: Short = ""
    zone: Short = ""
    script: Script | None = None
    missed: Policy | None = None
    mentions: Annotated[tuple[User, ...] | None, Field(max_length=20)] = None
    punctual: bool | None = None

    @model_validator(mode="after")
    def _not_both(self) -> Update:
        if self.cron.strip() and self.at.strip():
            raise ValueError("give either cron or at")
        return self


class One(_Asked):
    task_id: TaskId


class Nothing(_Asked):
    pass


M = TypeVar("M", bound=_Asked)

RUN_NOW = "run_task_now"  # of these what done twice is done twice
KINDS: dict[str, type[Wish | Update | One | Nothing]] = {
    "schedule_task": Wish,
    "list_tasks": Nothing,
    "update_task": Update,
    "pause_task": One,
    "resume_task": One,
    "cancel_task": One,
    RUN_NOW: One,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one agent's tasks may be."""

    shortest_interval: int = 60_000  # ms
    most: int = 100  # active or paused, of one session
    window: int = 0  # ms over which tasks of the same minute are spread


@dataclass(frozen=True, slots=True)
class Order:
    """One change of tasks, from whoever asked for it. `id` is the same however often it is carried out."""

    id: str
    name: str
    asked: Wish | Update | One | Nothing
    address: Address  # where a new task posts
    source: Source
    zone: str  # where the order names none
    by: str = ""  # user id
    people: tuple[str, ...] = ()  # user ids: on whose word it is carried out; each must have the right to it
    master: bool = False  # on an owner's, the operator's or the configuration file's word: every right
    made_in: str = ""  # session id
    limits: Limits = Limits()
    channel: Address | None = None  # whose events a new task may wait for, where that is not `address`
    asked_at: int = 0  # ms UTC, by the platform's clock as its events are; 0 = unknown
    task: str = ""  # the id of a new task, where the order does not give it one

    @property
    def task_id(self) -> str:
        """Of the task it is about; a new one's follows from the order."""
        if isinstance(self.asked, Update | One):
            return self.asked.task_id
        return self.task or task_id(self.id)


def task_id(order_id: str) -> str:
    return "t" + hashlib.sha256(order_id.encode("utf-8", "surrogatepass")).hexdigest()[:9]


def parse(name: str, arguments: dict[str, Any]) -> Wish | Update | One | Nothing:
    """Raises `ScheduleError`, in one line."""
    return _valid(KINDS[name], arguments)


def wish(arguments: dict[str, Any]) -> Wish:
    """Raises `ScheduleError`, in one line."""
    return _valid(Wish, arguments)


def update(arguments: dict[str, Any]) -> Update:
    """Raises `ScheduleError`, in one line."""
    return _valid(Update, arguments)


def _valid(kind: type[M], arguments: dict[str, Any]) -> M:
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise ScheduleError(as_it_is(f"{where}: {problem}" if where else problem)) from error
