"""Claude by the Messages API: its own history, its own tool loop, every step recorded before the next one runs.

The only module that imports the API's library.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar, cast

import anthropic
import httpx2
from anthropic.lib.streaming import BetaAsyncMessageStream

from runner import instructions, turn
from runner.formatter import PromptMessage, prompt
from runner.providers import base, failures
from runner.providers.attachments import Attachments
from runner.providers.compaction import SUMMARY_TOKENS, Compaction
from runner.providers.conversation import JSON, WINDOW, Answer, Conversation, Summary
from runner.providers.options import DEFAULT_MODEL, Options
from runner.settings import Settings
from runner.sockets import reachable
from runner.tools.tool import Tool

CONTINUATIONS = 5  # answers in a row that may reach their limit before the turn ends with what there is
STREAM_ATTEMPTS = 3  # of one answer whose stream broke; nothing has run before it is complete
FIRST_PAUSE = 0.5  # s before a broken answer is asked for again; doubles
REQUEST_TIMEOUT = 600.0  # s without a byte
SERVER_TOOLS: dict[str, JSON] = {
    "web_search": {"type": "web_search_20250305", "name": "web_search", "max_uses": 10},
    "web_fetch": {"type": "web_fetch_20260209", "name": "web_fetch", "max_uses": 10},
}

T = TypeVar("T")

log = logging.getLogger(__name__)


class _Aborted(Exception):
    """The loop wants no more of this stream."""


class _Broken(Exception):
    """A stream ended before its answer did."""


class ClaudeProvider:
    name = "claude"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._options = Options.of(settings.agent.options)
        self._compaction = Compaction(self._options)
        self._client = _client(settings, self._options)

    def query(self, given: base.QueryInput) -> ClaudeQuery:
        return ClaudeQuery(self._client, self._settings, self._options, self._compaction, given)


class ClaudeQuery:
    def __init__(
        self,
        client: anthropic.AsyncAnthropic,
        settings: Settings,
        options: Options,
        compaction: Compaction,
        given: base.QueryInput,
    ) -> None:
        self._client = client
        self._settings = settings
        self._options = options
        self._compaction = compaction
        self._unsummarised = False  # no summary could be had: this turn goes on as long as it can without
        self._tools = given.tools
        self._attachments = Attachments(settings.folder.inbound_files)
        self._conversation = self._begin(given.history, given.resumed, given.messages)
        self._pushes: deque[base.Push] = deque()
        self._pushed = asyncio.Event()
        self._ended = False
        self._aborted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def push(self, push: base.Push) -> None:
        self._pushes.append(push)
        self._pushed.set()

    def end(self) -> None:
        self._ended = True
        self._pushed.set()

    async def abort(self) -> None:
        if not self._aborted.done():
            self._aborted.set_result(None)

    async def events(self) -> AsyncGenerator[base.Event, None]:
        yield base.Init()
        with contextlib.suppress(_Aborted):
            while True:
                async with aclosing(self._turn()) as turn_events:
                    async for event in turn_events:
                        yield event
                if not await self._next_turn():
                    return

    # ── turns ────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(
        self, history: Sequence[base.Step], resumed: Sequence[base.Step], messages: Sequence[PromptMessage]
    ) -> Conversation:
        conversation = Conversation.of(history, resumed, self._attachments.blocks)
        shown = set(turn.ids_of_steps(resumed))
        if fresh := [message for message in messages if message.id not in shown]:
            conversation.user(prompt(fresh), turn.files_of(fresh))
        return conversation

    async def _next_turn(self) -> bool:
        """Waits for the next turn of the open stream; False when there will be none."""
        while True:
            while not self._pushes:
                if self._ended:
                    return False
                self._pushed.clear()
                await self._unless_aborted(self._pushed.wait())
            push = self._pushes.popleft()
            if push.tools is not None:
                break  # anything else is a follow-up of the turn that ended: the loop gives it again
        self._tools = push.tools
        self._unsummarised = False
        self._conversation = self._begin(push.history, push.resumed, push.messages)
        return True

    async def _turn(self) -> AsyncGenerator[base.Event, None]:
        """From the prompt, or from where it was interrupted, to the result."""
        conversation = self._conversation
        cut = 0  # messages of the model in a row that reached their limit
        try:
            for _ in range(self._options.max_calls):
                if conversation.last is None or conversation.continues or conversation.overflowed:
                    async with aclosing(self._next_answer()) as answering:
                        async for event in answering:
                            yield event
                answer = cast(Answer, conversation.last)
                for call in answer.calls:
                    yield base.Progress(f"{call['name']}…")
                    await self._call(call)
                cut = cut + 1 if answer.stop_reason == "max_tokens" else 0
                ends = answer.stop_reason == WINDOW or not conversation.continues or cut > CONTINUATIONS
                if not answer.calls and ends:
                    self._drop_pushes()
                    yield _end(answer, "".join(conversation.said))
                    return
                conversation.last = None
            self._drop_pushes()
            yield base.Error(f"I stopped after {self._options.max_calls} steps.", retryable=False)
        except anthropic.APIStatusError as error:
            self._drop_pushes()
            yield failures.refused(error.status_code, str(error.type or ""), str(error.api_message or ""))
        except (anthropic.APIError, httpx2.HTTPError, _Broken):
            self._drop_pushes()
            yield failures.connection_lost()

    async def _next_answer(self) -> AsyncGenerator[base.Event, None]:
        """With a summary before it where the conversation has grown, or once where the model's window cut the answer off."""
        conversation = self._conversation
        steps = [] if conversation.overflowed else [self._grown, self._answer]
        for step in (*steps, self._cut_off):
            async with aclosing(step()) as events:
                async for event in events:
                    yield event

    async def _grown(self) -> AsyncGenerator[base.Event, None]:
        for taken in self._take():
            yield taken
        if self._compaction.is_due(self._conversation) and not self._unsummarised:
            async with aclosing(self._summarise()) as summarising:
                async for event in summarising:
                    yield event

    async def _cut_off(self) -> AsyncGenerator[base.Event, None]:
        if not self._conversation.overflowed:
            return
        async with aclosing(self._summarise()) as summarising:
            async for event in summarising:
                yield event
        if self._conversation.last is None:
            async with aclosing(self._answer()) as answering:
                async for event in answering:
                    yield event

    def _take(self) -> list[base.Event]:
        """Follow-ups reach the model here, between its answers."""
        taken: list[base.Event] = []
        while self._pushes:
            push = self._pushes.popleft()
            self._conversation.user(push.prompt, turn.files_of(push.messages))
            taken.append(base.Took(len(push.messages)))
        return taken

    def _drop_pushes(self) -> None:
        """What was not taken opens the next turn; the loop gives it again."""
        self._pushes.clear()

    async def _call(self, call: JSON) -> None:
        result = await self._unless_aborted(
            self._tools.call(str(call["name"]), call["input"], str(call["id"]))
        )
        self._conversation.result(str(call["id"]), result)

    # ── one answer ───────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self) -> AsyncGenerator[base.Event, None]:
        conversation = self._conversation
        said = "".join(conversation.said) if conversation.continues else ""
        async with aclosing(self._ask(self._request, said)) as asking:
            async for event in asking:
                if isinstance(event, Answer):
                    yield base.Answered(event.encode())
                    conversation.answered(event)
                else:
                    yield event

    async def _summarise(self) -> AsyncGenerator[base.Event, None]:
        """Asks for a summary in a call of its own. A crash before it is recorded leaves everything as it was, and another
        archive; the turn asks again. Without one the turn goes on with what there is.
        """
        messages, kept = self._conversation.to_summarise()
        if not messages:
            self._unsummarised = True
            return
        yield base.Progress("summarising…")
        yield base.Summarising()
        text = ""
        async with aclosing(self._ask(lambda: self._summary_request(messages))) as asking:
            async for event in asking:
                if isinstance(event, Answer):
                    text = event.text.strip()
                else:
                    yield base.Activity()
        if not text:
            log.warning("The model made no summary")
            self._unsummarised = True
            return
        summary = Summary(text, kept)
        yield base.Summarised(summary.encode())
        self._conversation.summarised(summary)

    async def _ask(
        self, request: Callable[[], dict[str, Any]], said: str = ""
    ) -> AsyncGenerator[base.Event | Answer, None]:
        """Streams one answer, which comes last. A stream that breaks is asked for again: nothing runs before the answer is
        complete. `said` is what its text goes on from.
        """
        pause = FIRST_PAUSE
        attempt = 1
        while True:
            try:
                async with aclosing(self._stream(request(), said)) as streaming:
                    async for event in streaming:
                        yield event
                return
            except (anthropic.APIStatusError, anthropic.APIConnectionError) as error:
                if isinstance(error, anthropic.APIStatusError) and self._compaction.is_refused(
                    error.status_code, str(error.api_message or "")
                ):
                    continue
                broke_in_stream = getattr(error, "status_code", 0) == 200
                if not broke_in_stream or attempt == STREAM_ATTEMPTS:
                    raise
            except (httpx2.HTTPError, _Broken):
                if attempt == STREAM_ATTEMPTS:
                    raise
            await self._unless_aborted(asyncio.sleep(pause))
            pause *= 2
            attempt += 1

    async def _stream(self, request: dict[str, Any], text: str) -> AsyncGenerator[base.Event | Answer, None]:
        manager = self._client.beta.messages.stream(**request)
        stream = await self._unless_aborted(manager.__aenter__())
        complete = False
        try:
            while (event := await self._unless_aborted(_next(stream))) is not None:
                match event.type:
                    case "text":
                        text += event.text
                        yield base.Text(text)
                    case "content_block_start" if event.content_block.type in ("tool_use", "server_tool_use"):
                        yield base.Progress(f"{event.content_block.name}…")
                    case "content_block_start" if event.content_block.type == "compaction":
                        yield base.Summarising()
                    case "message_stop":
                        complete = True
                    case _:
                        yield base.Activity()
            if not complete:
                raise _Broken
            answer = _answer_of(stream.current_message_snapshot)
        finally:
            await manager.__aexit__(None, None, None)
        yield answer

    def _request(self) -> dict[str, Any]:
        plain = not self._compaction.arguments()
        return {
            **self._asking(self._conversation.messages(plain=plain), self._options.max_tokens),
            **self._compaction.arguments(),
        }

    def _summary_request(self, messages: list[JSON]) -> dict[str, Any]:
        return self._asking(messages, min(self._options.max_tokens, SUMMARY_TOKENS))

    def _asking(self, messages: list[JSON], max_tokens: int) -> dict[str, Any]:
        """Stable in front, growing at the end: what earlier requests cached is read again."""
        agent, options = self._settings.agent, self._options
        request: dict[str, Any] = {
            "model": agent.model or DEFAULT_MODEL,
            "max_tokens": max_tokens,
            "system": [
                {
                    "type": "text",
                    "text": instructions.compose(self._settings, self._tools.destinations),
                    "cache_control": {"type": "ephemeral"},
                }
            ],
            "messages": messages,
            "cache_control": {"type": "ephemeral"},
            "timeout": REQUEST_TIMEOUT,
        }
        if tools := [*map(_tool, self._tools.tools), *self._server_tools()]:
            request["tools"] = tools
        if options.effort:
            request["output_config"] = {"effort": options.effort}
        if options.thinking:
            request["thinking"] = {"type": "adaptive"}
        return request

    def _server_tools(self) -> list[JSON]:
        wanted = {"web_search": self._options.web_search, "web_fetch": self._options.web_fetch}
        return [SERVER_TOOLS[name] for name, allowed in wanted.items() if allowed]

    async def _unless_aborted(self, work: Awaitable[T]) -> T:
        """Raises `_Aborted` as soon as the loop says so, and ends the work before it does."""
        task = asyncio.ensure_future(work)
        waited: set[asyncio.Future[Any]] = {task, self._aborted}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if self._aborted.done():
                raise _Aborted
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})


def _client(settings: Settings, options: Options) -> anthropic.AsyncAnthropic:
    """By the gateway's socket: it knows the session by the socket and adds the real credential."""
    transport = httpx2.AsyncHTTPTransport(uds=reachable(settings.folder.gateway_socket))
    return anthropic.AsyncAnthropic(
        api_key="dovecote",
        base_url="http://gateway",
        http_client=anthropic.DefaultAsyncHttpxClient(transport=transport),
        max_retries=options.retries,
    )


async def _next(stream: BetaAsyncMessageStream[Any]) -> Any:
    try:
        return await anext(stream, None)
    except ValueError as error:
        raise _Broken from error


def _answer_of(message: Any) -> Answer:
    content = [block.to_dict(mode="json", exclude_none=True) for block in message.content]
    for block in content:
        block.pop("parsed_output", None)
    usage = message.usage.to_dict(mode="json", exclude_none=True)
    return Answer(content, str(message.stop_reason), str(message.model), usage)


def _end(answer: Answer, text: str) -> base.Event:
    if answer.stop_reason == "refusal":
        return failures.declined()
    if answer.stop_reason == "model_context_window_exceeded":
        problem = "This conversation has outgrown what the model can hold; /clear starts afresh."
        return base.Error(f"{(text + answer.text).strip()}\n\n{problem}".strip(), retryable=False)
    return base.Result((base.Reply(text),))


def _tool(tool: Tool) -> JSON:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
