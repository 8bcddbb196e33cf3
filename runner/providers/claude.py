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
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

import anthropic
import httpx2
from anthropic.lib.streaming import BetaAsyncMessageStream

from runner import doings, turn
from runner.formatter import PromptMessage, prompt
from runner.providers import base, failures, leftout, request, waits
from runner.providers.attachments import Attachments
from runner.providers.compaction import (
    CHARACTERS_PER_TOKEN,
    SUMMARY_TOKENS,
    TIGHT,
    Compaction,
    tightened,
)
from runner.providers.conversation import JSON, SILENT, WINDOW, Answer, Conversation, Summary
from runner.providers.mending import Mending
from runner.providers.ways import Ways
from runner.settings import Settings
from runner.sockets import reachable
from sessiondb import model_fields
from sessiondb.options import Options

CONTINUATIONS = 5  # answers in a row that may reach their limit before the turn ends with what there is
LEAST_SUMMARISED = 2_000  # characters; a summary of less is not worth asking for
NOTHING_SAID = "I was asked twice and found nothing to say. Please ask in other words."
FORGOTTEN = "(What was said before could not be sent to the model any more; this is a fresh start.)"

T = TypeVar("T")

log = logging.getLogger(__name__)


class _Aborted(Exception):
    """The loop wants no more of this stream."""


class _TooLong(Exception):
    """The API says that the request is more than the model can hold."""

    def __init__(self, error: anthropic.APIStatusError) -> None:
        super().__init__(model_fields.detail_of(error.body))
        self.error = error


class _Broken(Exception):
    """A stream ended before its answer did."""


class ClaudeProvider:
    name = "claude"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._options = settings.agent.options
        self._attachments = Attachments(settings.folder.inbound_files, settings.workspace)
        self._ways = Ways(settings, partial(_client, settings))

    def query(self, given: base.QueryInput) -> ClaudeQuery:
        return ClaudeQuery(self._ways, self._settings, self._options, self._attachments, given)

    async def title(self, said: str) -> str:
        """Asked once: a refusal or a lost connection leaves the thread as it is called."""
        made = await self._ways.own.client.beta.messages.create(**request.of_title(self._settings, said))
        return "".join(block.text for block in made.content if block.type == "text")


class ClaudeQuery:
    def __init__(
        self,
        ways: Ways[anthropic.AsyncAnthropic],
        settings: Settings,
        options: Options,
        attachments: Attachments,
        given: base.QueryInput,
    ) -> None:
        self._ways = ways
        self._settings = settings
        self._options = options
        self._compaction = Compaction(options, ways.own.fields)
        self._unsummarised = False  # no summary could be had: this turn goes on as long as it can without
        self._tools = given.tools
        self._attachments = attachments
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
        self._model, self._absent, self._way = turn.model_of(messages), "", self._ways.own
        self._addressed = any(map(turn.wants_words, messages))
        self._mending = Mending(conversation)
        self._told = leftout.from_steps(resumed)  # what the person hears of being left out
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
        asked_again = False
        try:
            for _ in range(self._options.max_calls):
                if conversation.last is None or conversation.continues or conversation.overflowed:
                    async with aclosing(self._next_answer()) as answering:
                        async for event in answering:
                            yield event
                answer = cast(Answer, conversation.last)
                for call in answer.calls:
                    yield base.Progress(doings.under_way(str(call["name"])))
                    await self._call(call)
                cut = cut + 1 if answer.stop_reason == "max_tokens" else 0
                ends = answer.stop_reason == WINDOW or not conversation.continues or cut > CONTINUATIONS
                if conversation.blank and self._addressed and not asked_again:
                    asked_again = True
                elif not answer.calls and ends:
                    self._drop_pushes()
                    yield self._end(answer)
                    return
                conversation.last = None
            self._drop_pushes()
            yield base.Error(f"I stopped after {self._options.max_calls} steps.", retryable=False)
        except anthropic.APIStatusError as error:
            self._drop_pushes()
            for event in self._given_up(error):
                yield event
            refusal = failures.refused(
                error.status_code, str(error.type or ""), model_fields.detail_of(error.body)
            )
            yield replace(refusal, wait=waits.beyond_a_turn(error.response.headers))
        except (anthropic.APIError, httpx2.HTTPError, _Broken):
            self._drop_pushes()
            yield failures.connection_lost()

    async def _next_answer(self) -> AsyncGenerator[base.Event, None]:
        """With a summary before it where the conversation has grown, or once where the model's window cut the answer off."""
        conversation = self._conversation
        steps = [] if conversation.overflowed else [self._grown, self._fitted]
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

    async def _fitted(self) -> AsyncGenerator[base.Event, None]:
        """An answer; where the request is too long, to one whose longest text is cut or that opens with a summary."""
        summarised = False
        while True:
            try:
                async with aclosing(self._answer()) as answering:
                    async for event in answering:
                        yield event
                return
            except _TooLong as too_long:
                sent, error = self._sent(), too_long.error
            if self._mending.shorten(sent, self._settings.workspace):
                continue
            if summarised:
                raise error
            summarised = True
            async with aclosing(self._summarise()) as summarising:
                async for event in summarising:
                    yield event
            if self._unsummarised:  # the same would be refused again
                raise error

    def _given_up(self, error: anthropic.APIStatusError) -> list[base.Event]:
        """What the next turn needs to go on after a refusal that nothing helped against."""
        status, detail = _said_by(error)
        if not failures.is_for_what_was_said(status, detail):
            return []
        note = leftout.note_of(self._mending.give_up(self._sent))
        return [base.LeftOut(note), base.Summarised(Summary(FORGOTTEN).encode())]

    def _sent(self) -> list[JSON]:
        return self._conversation.messages(plain=not self._compaction.arguments())

    def _take(self) -> list[base.Event]:
        """Follow-ups reach the model here, between its answers."""
        taken: list[base.Event] = []
        while self._pushes:
            push = self._pushes.popleft()
            count, push = len(push.messages), push.fresh()
            if push.messages:
                self._conversation.user(push.prompt, turn.files_of(push.messages))
            taken.append(base.Took(count))
        return taken

    def _end(self, answer: Answer) -> base.Event:
        text = "".join(self._conversation.said)
        if answer.stop_reason == "refusal":
            return failures.declined()
        if answer.stop_reason == WINDOW:
            problem = "This conversation has outgrown what the model can hold; `!clear` starts afresh."
            return base.Error(f"{(text + answer.text).strip()}\n\n{problem}".strip(), retryable=False)
        if self._conversation.blank and self._addressed:
            text = NOTHING_SAID
        if text.strip() == SILENT:
            text = ""
        notes = leftout.words(self._told) + failures.stood_in(self._absent, answer.model)
        return base.Result((base.Reply(text + (notes if text.strip() else "")),))

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
                    if left := self._mending.answered():
                        self._told += left
                        yield base.LeftOut(leftout.note_of(left))
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
        text, most = "", 0  # characters of the request, where it has to be made shorter; 0 = as it is
        while True:
            try:
                async with aclosing(self._ask(lambda: self._summary_request(most))) as asking:  # noqa: B023
                    async for event in asking:
                        if isinstance(event, Answer):
                            text = event.text.strip()
                        else:
                            yield event if isinstance(event, base.Progress) else base.Activity()
                break
            except _TooLong as too_long:
                tokens = failures.most_tokens(str(too_long))
                most = most // 2 or tokens * CHARACTERS_PER_TOKEN // 2 or TIGHT
                if most < LEAST_SUMMARISED:
                    break
        if not text:
            log.warning("The model made no summary")
            self._unsummarised = True
            return
        summary = Summary(text, kept)
        yield base.Summarised(summary.encode())
        self._conversation.summarised(summary)

    async def _ask(
        self, make: Callable[[], dict[str, Any]], said: str = ""
    ) -> AsyncGenerator[base.Event | Answer, None]:
        """Streams one answer, which comes last. A stream that breaks is asked for again: nothing runs before the answer is
        complete. `said` is what its text goes on from.
        """
        tries = self._tries()
        while True:
            asked = make()
            try:
                async with aclosing(self._stream(self._sendable(asked), said)) as streaming:
                    async for event in streaming:
                        yield event
                return
            except (anthropic.APIError, httpx2.HTTPError, _Broken) as error:
                if isinstance(error, anthropic.APIStatusError) and self._mended(error, asked):
                    continue
                pause = _pause(tries, error)
                if pause is None and self._stands_in(error, str(asked["model"])):
                    tries, pause = self._tries(), 0.0
                    yield base.Progress(f"{self._absent} is away; asking {self._model}…")
                if pause is None:
                    raise
            if told := waits.words(pause):
                yield base.Progress(told)
            await self._unless_aborted(asyncio.sleep(pause))

    def _tries(self) -> waits.Tries:
        """Where another model can stand in, the first is not waited for long."""
        waiting = bool(self._settings.fallback_model) and not self._absent
        return waits.Tries(min(self._options.retries, 1) if waiting else self._options.retries)

    def _stands_in(self, error: Exception, asked: str) -> bool:
        """Whether the other model is asked from now on, until the turn ends."""
        other = self._settings.fallback_model
        way = self._ways.other
        if not other or (asked == other and self._way is way):
            return False
        if isinstance(error, anthropic.APIStatusError) and not failures.is_away(
            error.status_code, str(error.type or "")
        ):
            return False
        log.warning("A model is away, and another stands in", extra={"action": "stood_in", "model": other})
        self._absent, self._model, self._way = asked, other, way
        return True

    def _mended(self, error: anthropic.APIStatusError, asked: dict[str, Any]) -> bool:
        """Whether the same may be asked for again, without what was refused. Raises `_TooLong`."""
        status, detail = _said_by(error)
        if self._way.fields.are_refused(status, detail, self._way.fields.apply(asked)):
            return True
        if failures.is_too_long(status, detail):
            raise _TooLong(error)
        if self._mending.after(status, detail, asked["messages"]):
            return True
        if status == failures.TOO_LARGE:  # and no file is left that could make room
            raise _TooLong(error)
        return False

    def _sendable(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._way.fields.apply({**asked, "messages": leftout.as_sent(asked["messages"])})

    async def _stream(self, sendable: dict[str, Any], text: str) -> AsyncGenerator[base.Event | Answer, None]:
        manager = self._way.client.beta.messages.stream(**sendable)
        stream = await self._unless_aborted(manager.__aenter__())
        complete = False
        try:
            while (event := await self._unless_aborted(_next(stream))) is not None:
                match event.type:
                    case "text":
                        text += event.text
                        yield base.Activity() if SILENT.startswith(text.strip()) else base.Text(text)
                    case "content_block_start" if event.content_block.type in ("tool_use", "server_tool_use"):
                        yield base.Progress(doings.under_way(event.content_block.name))
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
        return {**self._asking(self._sent(), self._options.max_tokens), **self._compaction.arguments()}

    def _asking(self, messages: list[JSON], max_tokens: int) -> dict[str, Any]:
        return request.of(self._settings, self._options, self._tools, messages, max_tokens, self._model)

    def _summary_request(self, most: int) -> dict[str, Any]:
        messages, _ = self._conversation.to_summarise()
        if most:
            messages = tightened(messages, most)
        return self._asking(messages, min(self._options.max_tokens, SUMMARY_TOKENS))

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


def _client(settings: Settings, base_url: str) -> anthropic.AsyncAnthropic:
    """By the gateway's socket: it knows the session by the socket and adds the real credential."""
    transport = httpx2.AsyncHTTPTransport(uds=reachable(settings.folder.gateway_socket))
    return anthropic.AsyncAnthropic(
        api_key="dovecote",
        base_url=base_url,
        http_client=anthropic.DefaultAsyncHttpxClient(transport=transport),
        max_retries=0,  # the library sleeps as long as it is told, and shows nobody
    )


def _said_by(error: anthropic.APIStatusError) -> tuple[int, str]:
    status = failures.status_of(error.status_code, str(error.type or ""))
    return status, model_fields.detail_of(error.body)


def _pause(tries: waits.Tries, error: Exception) -> float | None:
    """An error in the midst of a stream has the status of the answer that it broke."""
    if isinstance(error, anthropic.APIConnectionError):
        return tries.pause(0, {})
    if not isinstance(error, anthropic.APIStatusError):
        return tries.pause_of_a_stream()
    if error.status_code == 200:
        return tries.pause_of_a_stream()
    return tries.pause(error.status_code, error.response.headers)


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
