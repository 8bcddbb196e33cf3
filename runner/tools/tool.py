"""What a tool is: a typed function with a description, run with a context that collects what it emits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.outbound import Emitted
from runner.tools import schema
from runner.tools.host import HostLine, NoAnswer
from sessiondb import content
from sessiondb.frozen import frozen
from sessiondb.plan import Item
from sessiondb.records import Destination, MessageIn


class ToolError(Exception):
    """The tool could not do it; the text is for the model."""


class Park(Exception):
    """The call waits for a person: `.question` is put to them, and the turn ends until they answer."""

    def __init__(self, question: content.Question) -> None:
        super().__init__(question.text)
        self.question = question


@dataclass(eq=False, repr=False)
class ToolContext:
    """What one call may see and do. Rows it emits are committed together with its result."""

    turn: str
    call_id: str
    answers: str  # the message this turn answers
    workspace: Path  # this conversation's own
    shared: Path  # its privacy scope's
    destinations: Collection[Destination]
    host: HostLine | None = None
    readable: Sequence[Path] = ()  # folders beside the workspace that may be looked into
    emitted: list[Emitted] = field(default_factory=list)
    consumed: list[MessageIn] = field(default_factory=list)  # messages that are part of the result
    shown: list[dict[str, str]] = field(
        default_factory=list
    )  # files that the model looks at, with the result
    plan: Callable[[tuple[Item, ...]], None] = lambda _: None  # shows people what is done and to come

    def emit(self, row: content.Outbound, destination: str = "") -> str:
        """Queues a row for the host and returns its id."""
        id_ = f"{self.turn}:{self.call_id}:{len(self.emitted)}"
        self.emitted.append(Emitted(id_, row, self.answers, destination))
        return id_

    async def ask_host(self, action: content.Action) -> str:
        """Has the host carry the action out and returns its answer. Raises `ToolError` with the reason it refuses.

        For tools that are `repeatable`: the row is out before the call has its result.
        """
        if self.host is None:
            raise ToolError("the host cannot be asked here")
        try:
            answer, message = await self.host.ask(
                Emitted(f"{self.turn}:{self.call_id}:0", action, self.answers)
            )
        except NoAnswer as error:
            late = "the host has not answered yet; it may still do it. Do not say that it is done: look again later"
            raise ToolError(late) from error
        self.consumed.append(message)
        if not answer.ok:
            raise ToolError(answer.text)
        return answer.text


ToolFunction = Callable[..., Awaitable[str]]
Timeout = float | Callable[[Mapping[str, object]], float]


@frozen
class Tool:
    name: str
    description: str
    function: ToolFunction
    input_schema: dict[str, Any]
    timeout: Timeout  # s, perhaps by the call's arguments; declared to the host as the call's deadline
    label: str = ""  # what people call it, where that is not its name
    repeatable: bool = False  # a call without a result may be run again: it does nothing twice
    checked_by_server: bool = False  # its schema may say more than `runner.tools.schema` understands

    def timeout_of(self, arguments: object) -> float:
        if not callable(self.timeout):
            return self.timeout
        return self.timeout(arguments if isinstance(arguments, dict) else {})

    @classmethod
    def of(cls, function: ToolFunction, *, timeout: Timeout = 60.0, repeatable: bool = False) -> Tool:
        """The function's name and docstring are what the model sees; its first parameter is the `ToolContext`."""
        return cls(
            name=function.__name__,
            description=(function.__doc__ or "").strip(),
            function=function,
            input_schema=schema.of_function(function),
            timeout=timeout,
            repeatable=repeatable,
        )
