"""A provider without a model: it echoes, and obeys a small script in the message.

Every line that starts with `@@` is a step; the other lines are the text of the answer (the whole message without steps).

    @@call TOOL {json}       call a tool; several lines are several calls of one turn
    @@ask Question? | a | b  ask the person, with options; without options, free text
    @@stream SECONDS         stream the answer word by word, so long between two words
    @@sleep SECONDS          wait, showing progress
    @@fail retryable|final   end the turn with an error; retryable ones succeed at the second attempt
    @@crash                  kill the process here, at the first attempt (`@@crash 3`: at the first three)
    @@crash-in-call          kill the process inside a tool call, before its result is recorded
    @@text N                 answer with N characters
    @@title TITLE            of a first message: what its thread is called after the answer
    @@model                  append the model that was chosen for the message
    @@told                   append what the agent is told for the channel
    @@results                append every tool's result to the answer
    @@recall                 append what was answered before

Each message of a batch gets an answer of its own. Two more tools exist here: `mock_append` (adds a line to a file of the
workspace or, with "shared", of the shared folder: an effect that can be counted) and `mock_die` (what `@@crash-in-call` calls).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

from runner import doings
from runner.formatter import PromptMessage
from runner.providers.base import (
    Activity,
    Error,
    Event,
    Init,
    Progress,
    Push,
    QueryInput,
    Reply,
    Result,
    Text,
    Took,
)
from runner.settings import Agent
from runner.tools.box import Toolbox
from runner.tools.tool import Tool, ToolContext, ToolError
from runner.turn import model_of
from sessiondb import content


class MockProvider:
    name = "mock"

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def query(self, given: QueryInput) -> MockQuery:
        return MockQuery(self._agent, given)

    async def title(self, said: str) -> str:
        found = (line.removeprefix("@@title ") for line in said.splitlines() if line.startswith("@@title "))
        return next(found, "")


class _Failed(Exception):
    def __init__(self, event: Error) -> None:
        self.event = event


class MockQuery:
    def __init__(self, agent: Agent, given: QueryInput) -> None:
        self._agent = agent
        self._given = given
        self._tools: Toolbox = given.tools
        self._pushes: asyncio.Queue[Push | None] = asyncio.Queue()
        self._aborted = asyncio.Event()
        self._own = Tool.of(mock_append), Tool.of(mock_die)

    def push(self, push: Push) -> None:
        if push.tools is not None:
            self._tools = push.tools
        self._pushes.put_nowait(push)

    def end(self) -> None:
        self._pushes.put_nowait(None)

    async def abort(self) -> None:
        self._aborted.set()

    async def events(self) -> AsyncGenerator[Event, None]:
        yield Init()
        messages, attempt = self._given.messages, self._given.attempt
        while True:
            async for event in self._turn(messages, attempt):
                yield event
            while (push := await self._pushes.get()) is not None and push.tools is None:
                pass  # a follow-up of the turn that ended: it opens the next one
            if push is None:
                return
            messages, attempt = push.messages, push.attempt

    async def _turn(self, messages: tuple[PromptMessage, ...], attempt: int) -> AsyncGenerator[Event, None]:
        for tool in self._own:
            self._tools.add(tool)
        queue = list(messages)
        replies: list[Reply] = []
        try:
            while queue:
                async for event in self._message(queue.pop(0), attempt, replies):
                    yield event
                while not self._pushes.empty() and (push := self._pushes.get_nowait()) is not None:
                    fresh = push.fresh()
                    yield Took(1)
                    queue.extend(fresh.messages)
        except _Failed as failed:
            yield failed.event
            return
        yield Result(tuple(replies))

    async def _message(
        self, message: PromptMessage, attempt: int, replies: list[Reply]
    ) -> AsyncGenerator[Event, None]:
        text = _text(message)
        if text is None:
            return
        results: list[str] = []
        lines = text.splitlines()
        answer = "\n".join(line for line in lines if not line.startswith("@@"))
        for number, line in enumerate(lines):
            if not line.startswith("@@"):
                continue
            name, _, rest = line[2:].partition(" ")
            if name in ("text", "results"):
                answer = _suffix(name, rest, answer, results)
            elif name == "title":
                pass  # when the turn is over
            elif name == "recall":
                answer = "\n".join([answer, *self._answered()]).strip()
            elif (own := self._told(name, message)) is not None:
                answer = "\n".join([answer, own]).strip()
            elif name == "stream":
                async for event in self._stream(answer, float(rest or 0.05)):
                    yield event
            else:
                yield Progress(_doing(name, rest))
                if result := await self._step(name, rest, f"{message.id}-{number}", attempt):
                    results.append(result)
            yield Activity()
        if self._aborted.is_set():
            return
        replies.append(Reply(answer or "\n".join(results) or "(done)", message.id))

    def _answered(self) -> list[str]:
        """In earlier turns, as the transcript has them."""
        finals = (json.loads(step.content) for step in self._given.history if step.kind == "final")
        return [str(text) for texts in finals for text in texts]

    def _told(self, name: str, message: PromptMessage) -> str | None:
        """What it was told to be, None for what is no question about that."""
        match name:
            case "model":
                return model_of([message]) or self._agent.model or "its own"
            case "effort":
                return self._agent.options.effort or "as the API has it"
            case "tools":
                return ", ".join(sorted(tool.name for tool in self._tools.tools))
            case "told":
                return self._agent.channel
        return None

    async def _step(self, name: str, rest: str, call_id: str, attempt: int) -> str:
        if name == "call":
            tool, _, arguments = rest.partition(" ")
            return (await self._tools.call(tool, _json(arguments), call_id)).text
        if name == "ask":
            question, *options = [part.strip() for part in rest.split("|")]
            asked = {"question": question, "options": options}
            return (await self._tools.call("ask_user_question", asked, call_id)).text
        if name == "sleep":
            await self._pause(float(rest or 1))
        elif name == "crash" and attempt <= int(rest or 1):
            os.kill(os.getpid(), signal.SIGKILL)
        elif name == "crash-in-call":
            return (await self._tools.call("mock_die", {}, call_id)).text
        elif name == "fail" and (rest != "retryable" or attempt == 1):
            raise _Failed(Error(f"The mock failed as told ({rest or 'final'}).", rest == "retryable"))
        return ""

    async def _stream(self, answer: str, pause: float) -> AsyncGenerator[Event, None]:
        words = answer.split(" ")
        for count in range(1, len(words) + 1):
            yield Text(" ".join(words[:count]))
            await self._pause(pause)
            if self._aborted.is_set():
                return

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._aborted.wait()
        except TimeoutError:
            return


async def mock_append(context: ToolContext, file: str, line: str, shared: bool = False) -> str:
    """Append a line to a file of the workspace, or of the shared folder."""
    path = (context.shared if shared else context.workspace) / Path(file).name
    with path.open("a", encoding="utf-8") as out:
        out.write(line + "\n")
    return f"appended to {path.name}"


async def mock_die(context: ToolContext) -> str:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise ToolError("still alive")


def _text(message: PromptMessage) -> str | None:
    """What the message asks for; None when it asks for nothing."""
    body = message.content
    if not message.trigger:
        return None
    if isinstance(body, content.Chat):
        return body.text
    if isinstance(body, content.Task):
        return f"{body.prompt}\n{body.begun_by}".strip()
    if isinstance(body, content.Webhook):
        return body.payload
    return None


def _suffix(name: str, rest: str, answer: str, results: list[str]) -> str:
    if name == "text":
        return "x" * int(rest or 1)
    return "\n".join([answer, *results]).strip()


def _doing(name: str, rest: str) -> str:
    if name == "sleep":
        return "waiting"
    tool = {"call": rest.partition(" ")[0], "ask": "ask_user_question"}.get(name, name)
    return doings.under_way(tool)


def _json(text: str) -> object:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text
