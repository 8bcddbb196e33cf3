"""The port between the agent loop and a model: a query, and the events it yields.

The stream is an async generator, and that is the contract's point: when it yields `Answered`, `Summarised` or `Took`, the
loop commits before it asks for the next event, so nothing that follows can run ahead of the record.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias, runtime_checkable

from runner.formatter import PromptMessage, prompt
from runner.tools.box import Toolbox
from sessiondb.frozen import frozen
from sessiondb.plan import Item
from sessiondb.records import Step

__all__ = [
    "Activity",
    "AgentProvider",
    "AgentQuery",
    "Answered",
    "Entitles",
    "Error",
    "Event",
    "Init",
    "LeftOut",
    "Planned",
    "Progress",
    "Push",
    "QueryInput",
    "Reply",
    "Result",
    "Step",
    "Summarised",
    "Summarising",
    "Text",
    "Took",
]


@frozen
class Init:
    """The provider is up. `continuation` is what it needs to go on in another process, '' for nothing."""

    continuation: str = ""


@frozen
class Activity:
    """Something moved: a token, a ping. Proves progress to the sweep."""


@frozen
class Progress:
    """What it is at, in words for people."""

    status: str


@frozen
class Planned:
    """What it has done, does and means to do, where it keeps a list of that itself."""

    plan: tuple[Item, ...]


@frozen
class Text:
    """The answer so far (not the increment)."""

    text: str


@frozen
class Answered:
    """A whole answer of the model, to be recorded before its tool calls run. `content` is the provider's own JSON."""

    content: str


@frozen
class Summarising:
    """A summary takes the place of what was said so far: the loop archives it first."""


@frozen
class Summarised:
    """A summary that the provider asked for stands in place of what was said: recorded before anything builds on it.

    `content` is the provider's own JSON.
    """

    content: str


@frozen
class LeftOut:
    """What the model refused is not sent again, in this turn or a later one: recorded with what comes next.

    `content` is the provider's own JSON.
    """

    content: str


@frozen
class Took:
    """The next `count` pushed messages are part of the conversation now."""

    count: int


@frozen
class Reply:
    text: str
    in_reply_to: str = ""  # a message of the turn; '' = the last one


def with_note(replies: Sequence[Reply], note: str) -> list[Reply]:
    """Under the last of them, or alone where there is none."""
    if not replies:
        return [Reply(note)]
    *others, last = replies
    return [*others, replace(last, text=f"{last.text.rstrip()}\n\n{note}")]


@frozen
class Result:
    """The turn is over. Pushes that were not taken are dropped by the provider: they open the next turn."""

    replies: tuple[Reply, ...]


@frozen
class Error:
    """The turn failed. `text` is one line a person can read."""

    text: str
    retryable: bool
    wait: float = 0.0  # s that the other side asks to be left alone, 0 when it does not say
    told: bool = False  # the host has said it already, or says it: the turn ends without a line of its own


Event: TypeAlias = (
    Init
    | Activity
    | Progress
    | Planned
    | Text
    | Answered
    | Summarising
    | Summarised
    | LeftOut
    | Took
    | Result
    | Error
)


@frozen
class QueryInput:
    messages: tuple[PromptMessage, ...]  # the batch; on a resumed turn also the follow-ups it had taken
    prompt: str  # the same, formatted
    turn: str
    attempt: int
    tools: Toolbox
    history: Sequence[Step] = ()  # of earlier turns
    resumed: Sequence[Step] = ()  # what this turn had recorded before it was interrupted
    continuation: str = ""


@frozen
class Push:
    """A follow-up for a query that is under way or, with `tools`, the next turn of one that rests after its result."""

    messages: tuple[PromptMessage, ...]
    prompt: str
    attempt: int = 1
    tools: Toolbox | None = None
    history: Sequence[Step] = ()  # of a next turn, as in `QueryInput`
    resumed: Sequence[Step] = ()
    again: Callable[[], tuple[PromptMessage, ...]] | None = None  # of a follow-up: reads it anew

    def fresh(self) -> Push:
        """As it is when it is taken: edited meanwhile, or without messages where its author took it back."""
        if self.again is None:
            return self
        messages = self.again()
        return replace(self, messages=messages, prompt=prompt(messages) if messages else "")


class AgentQuery(Protocol):
    def push(self, push: Push) -> None: ...

    def end(self) -> None:
        """No more pushes: the stream ends after its current turn."""

    async def abort(self) -> None:
        """Stops now, running tools included. The stream raises nothing and ends."""

    def events(self) -> AsyncGenerator[Event, None]: ...


class AgentProvider(Protocol):
    name: str

    def query(self, given: QueryInput) -> AgentQuery: ...


@runtime_checkable
class Entitles(Protocol):
    """A provider that can say what a conversation is called, in a call of its own beside all turns."""

    async def title(self, said: str) -> str:
        """'' for none. Raises what its library raises."""


async def following(events: AsyncGenerator[Event, None]) -> Event | None:
    """The next event of a stream, None at its end."""
    return await anext(events, None)
