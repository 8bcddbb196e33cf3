"""Running tools with a record: a call is durable before it runs, its result and effects commit together (law 5).

A call that has a result is not run again: the recorded result is returned. A call that was started and has none was
interrupted; it is not run again either, and the model is told.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from runner.outbound import Emitted, OutboundWriter
from runner.tools import schema
from runner.tools.approval import Approvals, TooLongError
from runner.tools.caps import Caps
from runner.tools.host import HostLine
from runner.tools.tool import Park, Tool, ToolContext, ToolError
from sessiondb import approving, content
from sessiondb.frozen import frozen
from sessiondb.options import Options
from sessiondb.plan import Item
from sessiondb.records import Destination, MessageIn, Step

INTERRUPTED = "interrupted, outcome unknown: the process died while this call ran"
ANOTHER = (
    "not run: it is not the call that was shown and allowed; make it again, so that people are asked about it"
)
BEFORE = "Not done again: an earlier try of this question had done just that. What it returned then:"
UNKNOWN_THEN = "nothing: it was interrupted, and its outcome is unknown"


class Parked(Exception):
    """The turn waits for a person; everything it did so far is committed."""


@frozen
class ToolResult:
    """`files` are looked at by the model: each a `path` in the workspace, a `type`, and the `digest` of its bytes."""

    text: str
    is_error: bool = False
    files: tuple[dict[str, str], ...] = ()

    def encode(self) -> str:
        files = {"files": self.files} if self.files else {}
        return json.dumps({"text": self.text, "is_error": self.is_error, **files})

    @classmethod
    def decode(cls, encoded: str) -> ToolResult:
        found = json.loads(encoded)
        return cls(str(found["text"]), bool(found["is_error"]), tuple(found.get("files", ())))


class Toolbox:
    """The tools of one turn."""

    def __init__(
        self,
        outbound: OutboundWriter,
        turn: str,
        offered: Callable[[], Iterable[Tool]],
        *,
        answers: str,
        consumed: Callable[[], Sequence[str]],
        pushed: Callable[[], Sequence[str]],
        workspace: Path,
        shared: Path,
        readable: Sequence[Path] = (),
        destinations: Sequence[Destination],
        recorded: Sequence[Step],
        earlier: Sequence[Step] = (),
        now: Callable[[], int],
        approvals: Approvals | None = None,
        host: HostLine | None = None,
        caps: Caps | None = None,
        plan: Callable[[tuple[Item, ...]], None] = lambda _: None,
    ) -> None:
        self._outbound = outbound
        self._turn = turn
        self._offered = offered  # asked each time: an MCP server may have changed its list
        self._added: dict[str, Tool] = {}
        self._answers = answers
        self._consumed = consumed
        self._pushed = pushed
        self._workspace = workspace
        self._shared = shared
        self._readable = readable
        self._destinations = destinations
        self._now = now
        self._approvals = approvals or Approvals()
        self._host = host
        self._plan = plan
        self.caps = caps or Caps.of(Options(), recorded)
        self.parked = False  # some call waits for a person: the turn ends without an answer of its own
        self._results = {s.tool_use_id: s.content for s in recorded if s.kind == "tool_result"}
        self._started = {s.tool_use_id for s in recorded if s.kind == "tool_call"}
        self._done_before = _done(earlier)

    @property
    def tools(self) -> list[Tool]:
        return list(self._known().values())

    @property
    def destinations(self) -> Sequence[Destination]:
        return self._destinations

    def asks_first(self, tool: Tool) -> bool:
        return self._approvals.covers(tool.label or tool.name)

    def waits(self, call_id: str) -> bool:
        """Whether the call was put to a person who has not answered yet."""
        return self._outbound.parked(f"{self._turn}:{call_id}:question", "") is not None

    def add(self, tool: Tool) -> None:
        self._added[tool.name] = tool

    def _known(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in self._offered()} | self._added

    async def call(self, name: str, arguments: object, call_id: str) -> ToolResult:
        """Runs the tool once in the life of the turn. Raises `Parked` when it waits for a person.

        Every other failure is a `ToolResult` with `is_error`, in words for the model.
        """
        if (recorded := self._results.get(call_id)) is not None:
            return ToolResult.decode(recorded)
        tool = self._known().get(name)
        timeout = tool.timeout_of(arguments) if tool else 1.0
        deadline = self._now() + int(timeout * 1000)
        before = None if _repeatable(tool) else self._done_before.get(_same(name, arguments))
        if call_id not in self._started:
            call = json.dumps({"name": name, "arguments": arguments})
            self._outbound.start_call(self._turn, call_id, call, name, deadline)
            if beyond := self.caps.call():
                return self._finish(call_id, ToolResult(beyond, is_error=True), ())
            if tool is not None and before is None:
                try:
                    self._ask_first(tool, arguments, call_id)
                except TooLongError as error:
                    return self._finish(call_id, ToolResult(str(error), is_error=True), ())
        elif (allowed := self._outbound.allowed(self._turn, call_id)) and allowed != _digest(
            tool, name, arguments
        ):
            return self._finish(call_id, ToolResult(ANOTHER, is_error=True), ())
        elif not self._outbound.start_approved(self._turn, call_id, name, deadline) and not _repeatable(tool):
            return self._finish(call_id, ToolResult(INTERRUPTED, is_error=True), ())
        if tool is None:
            return self._finish(call_id, ToolResult(f"there is no tool {name!r}", is_error=True), ())
        if before is not None:
            return self._finish(call_id, ToolResult(f"{BEFORE}\n{before}"), ())
        context = ToolContext(
            self._turn,
            call_id,
            self._answers,
            self._workspace,
            self._shared,
            self._destinations,
            self._host,
            self._readable,
            plan=self._plan,
        )
        result, emitted = await self._run(tool, arguments, context)
        if beyond := self.caps.post(emitted):
            result, emitted = ToolResult(beyond, is_error=True), ()
        return self._finish(call_id, result, emitted, context.consumed)

    def _ask_first(self, tool: Tool, arguments: object, call_id: str) -> None:
        """Raises `Parked` where a person has to allow the call; their answer decides whether it runs. Raises `TooLongError`."""
        question = self._approvals.question(tool.label or tool.name, arguments, self._now())
        if question is None:
            return
        try:
            _checked(tool, arguments)
        except schema.ArgumentError:
            return  # it cannot run anyway: nobody is asked
        self._park(call_id, question)
        raise Parked

    async def _run(
        self, tool: Tool, arguments: object, context: ToolContext
    ) -> tuple[ToolResult, Sequence[Emitted]]:
        try:
            checked = _checked(tool, arguments)
            async with asyncio.timeout(tool.timeout_of(arguments)):
                text = await tool.function(context, **checked)
        except Park as park:
            self._park(context.call_id, park.question)
            raise Parked from park
        except TimeoutError:
            return ToolResult(
                f"{tool.name} took longer than {tool.timeout_of(arguments):g} s and was stopped",
                is_error=True,
            ), ()
        except (schema.ArgumentError, ToolError) as error:
            return ToolResult(str(error), is_error=True), ()
        except (OSError, ValueError, LookupError) as error:
            return ToolResult(f"{tool.name} failed: {error}", is_error=True), ()
        return ToolResult(text, files=tuple(context.shown)), context.emitted

    def _park(self, call_id: str, question: content.Question) -> None:
        asked = Emitted(f"{self._turn}:{call_id}:question", question, self._answers)
        self._outbound.park(self._turn, call_id, asked, self._consumed(), self._pushed())
        self.parked = True

    def _finish(
        self, call_id: str, result: ToolResult, emitted: Sequence[Emitted], consumed: Sequence[MessageIn] = ()
    ) -> ToolResult:
        self._outbound.finish_call(self._turn, call_id, result.encode(), emitted, consumed)
        self._results[call_id] = result.encode()
        return result


def _done(earlier: Sequence[Step]) -> dict[str, str]:
    """What earlier tries did, each with what it returned; what failed did nothing and may be tried again."""
    results = {s.tool_use_id: ToolResult.decode(s.content) for s in earlier if s.kind == "tool_result"}
    found = {}
    for step in earlier:
        if step.kind == "tool_call":
            result = results.get(step.tool_use_id)
            if result is None or not result.is_error or result.text == INTERRUPTED:
                found[_same(*call_of(step))] = UNKNOWN_THEN if result is None else result.text
    return found


def _same(name: str, arguments: object) -> str:
    return json.dumps([name, arguments], sort_keys=True, default=str)


def _digest(tool: Tool | None, name: str, arguments: object) -> str:
    return approving.digest(approving.spelled((tool.label if tool else "") or name, arguments))


def _repeatable(tool: Tool | None) -> bool:
    return tool is not None and tool.repeatable


def call_of(step: Step) -> tuple[str, object]:
    """Name and arguments of a `tool_call` step."""
    found = json.loads(step.content)
    return str(found["name"]), found["arguments"]


def _checked(tool: Tool, arguments: object) -> dict[str, Any]:
    """The arguments, when they fit. Raises `schema.ArgumentError`."""
    if not tool.checked_by_server:
        return schema.check(tool.input_schema, arguments)
    if not isinstance(arguments, dict):
        raise schema.ArgumentError("arguments must be an object")
    return arguments
