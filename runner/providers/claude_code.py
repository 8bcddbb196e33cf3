"""Claude Code by its Agent SDK: the harness keeps the conversation and runs its own tools, Dovecote's come by MCP.

The only module that imports the SDK, which is no part of the default image (extra `claude-code`). The harness's files lie
in `outbound/claude_code`, so that a session goes on in another container; its requests reach the model by the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import claude_agent_sdk as sdk

from runner import doings, egress, turn
from runner.formatter import PromptMessage, prompt
from runner.providers import base, failures, harness, waits
from runner.providers.attachments import Attachments, bare
from runner.providers.conversation import UNREADABLE, Answer
from runner.settings import Settings
from runner.sockets import reachable
from sessiondb.options import Options

INTERRUPT_GRACE = 0.5  # s the harness gets to end its tools when the turn is stopped

log = logging.getLogger(__name__)

_ABORTED = "aborted"
_STATUS = {
    "authentication_failed": 401,
    "billing_error": 402,
    "rate_limit": 429,
    "invalid_request": 400,
    "server_error": 500,
}


class ClaudeCodeProvider:
    name = "claude_code"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._options = settings.agent.options
        self._gateway = reachable(settings.folder.gateway_socket)

    def query(self, given: base.QueryInput) -> ClaudeCodeQuery:
        return ClaudeCodeQuery(self._settings, self._options, self._gateway, given)


class ClaudeCodeQuery:
    def __init__(self, settings: Settings, options: Options, gateway: str, given: base.QueryInput) -> None:
        self._settings = settings
        self._options = options
        self._gateway = gateway
        self._given = given
        self._tools = given.tools
        self._session = given.continuation or str(uuid.uuid4())
        self._attachments = Attachments(settings.folder.inbound_files, settings.workspace)
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()  # the harness's messages, and what the loop wants
        self._client: sdk.ClaudeSDKClient | None = None
        self._over = asyncio.Event()
        self._aborted = False

    # ── the port ─────────────────────────────────────────────────────────────────────────────────────────

    def push(self, push: base.Push) -> None:
        self._inbox.put_nowait(push)

    def end(self) -> None:
        self._inbox.put_nowait(None)

    async def abort(self) -> None:
        self._aborted = True
        self._inbox.put_nowait(_ABORTED)
        if self._client is not None:
            with contextlib.suppress(TimeoutError, sdk.ClaudeSDKError, OSError):
                async with asyncio.timeout(INTERRUPT_GRACE):
                    await self._client.interrupt()

    async def events(self) -> AsyncGenerator[base.Event, None]:
        # Recorded before the harness hears of it: a session that nobody knows could not be taken up again.
        yield base.Init(self._session)
        known = await asyncio.to_thread(harness.knows, self._settings, self._session)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        owner = asyncio.create_task(self._own(known, ready), name="claude-code")
        try:
            await asyncio.wait({ready, owner}, return_when=asyncio.FIRST_COMPLETED)
            opening = await self._opening(self._given, known=known)
            while not self._aborted:
                async with aclosing(self._turn(opening)) as turn_events:
                    async for event in turn_events:
                        yield event
                if (following := await self._next_turn()) is None:
                    return
                self._tools = following.tools or self._tools
                opening = await self._opening(following, known=True)
        finally:
            self._over.set()
            await asyncio.wait({owner})

    # ── the harness's process ────────────────────────────────────────────────────────────────────────────

    async def _own(self, known: bool, ready: asyncio.Future[None]) -> None:
        """Opens and closes the client in one task, whatever tasks the events are asked for in."""
        try:
            async with egress.port(self._gateway, self._overhear) as url:
                told = harness.options(self._settings, self._options, self._tools, url, self._session, known)
                hooks = {"PreCompact": [sdk.HookMatcher(hooks=[self._before_compaction])]}
                client = sdk.ClaudeSDKClient(sdk.ClaudeAgentOptions(**told, hooks=hooks, stderr=_log))
                try:
                    await client.connect()
                    self._client = client
                    ready.set_result(None)
                    await self._listen(client)
                finally:
                    self._client = None
                    await client.disconnect()
        except (sdk.ClaudeSDKError, OSError) as error:
            log.warning("Claude Code ended: %s", error)
            self._inbox.put_nowait(base.Error("The agent's harness ended unexpectedly.", retryable=True))

    def _overhear(self, came: bytes) -> None:
        """The harness may sleep for as long as the API asks, or give up and say nothing of the time: a long wait ends the
        attempt here, as soon as it is asked for, and the harness with it."""
        status, headers = waits.refusal_in(came)
        if pause := waits.beyond_a_turn(headers):
            refusal = failures.refused(status, "", "")
            self._inbox.put_nowait(replace(refusal, retryable=True, wait=pause))

    async def _listen(self, client: sdk.ClaudeSDKClient) -> None:
        async def take() -> None:
            async for message in client.receive_messages():
                self._inbox.put_nowait(message)
            self._inbox.put_nowait(base.Error("The agent's harness ended before its answer.", retryable=True))

        over = asyncio.create_task(self._over.wait())
        taking = asyncio.create_task(take())
        try:
            await asyncio.wait({over, taking}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                taking.result()
        finally:
            for task in (over, taking):
                task.cancel()
            await asyncio.wait({over, taking})

    async def _before_compaction(self, *_: Any) -> dict[str, Any]:
        """The harness waits for this hook, and so for the archive."""
        archived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait(archived)
        await archived
        return {}

    async def _send(self, blocks: list[dict[str, Any]]) -> str:
        """Returns the message's id, under which the harness says that it took it in."""
        id_ = str(uuid.uuid4())

        async def messages() -> AsyncIterator[dict[str, Any]]:
            said = {"role": "user", "content": blocks}
            yield {"type": "user", "message": said, "parent_tool_use_id": None, "uuid": id_}

        if self._client is not None:
            with contextlib.suppress(sdk.ClaudeSDKError, OSError):  # its end is told by the inbox
                await self._client.query(messages())
        return id_

    # ── turns ────────────────────────────────────────────────────────────────────────────────────────────

    async def _opening(self, given: base.QueryInput | base.Push, *, known: bool) -> list[dict[str, Any]]:
        """What a turn begins with; for one that was interrupted, what became of its calls."""
        messages, resumed = given.messages, given.resumed
        notes = []
        if not known and given.history:
            notes.append(UNREADABLE)
        if known and any(step.kind != "user" for step in resumed):
            shown = set(turn.ids_of_steps(resumed))
            messages = tuple(message for message in messages if message.id not in shown)
            notes.append(harness.interrupted(await harness.results(self._tools, resumed)))
        text = "\n".join([*notes, prompt(messages)]).strip()
        return self._blocks(messages, text)

    def _blocks(self, messages: Sequence[PromptMessage], text: str) -> list[dict[str, Any]]:
        return [*bare(self._attachments.blocks(turn.files_of(messages))), {"type": "text", "text": text}]

    async def _turn(self, opening: list[dict[str, Any]]) -> AsyncGenerator[base.Event, None]:
        """To the result after which nothing that was pushed is unread: the harness answers a late push in a turn of its own."""
        await self._send(opening)
        heard = _Heard()
        while not heard.over:
            item = await self._inbox.get()
            if isinstance(item, base.Push):
                if (
                    item.tools is None
                ):  # the harness keeps it until it takes it, and lets nobody change it there
                    id_ = await self._send(self._blocks(item.messages, item.prompt))
                    heard.waiting[id_] = len(item.messages)
            elif isinstance(item, asyncio.Future):
                yield base.Summarising()
                item.set_result(None)
            elif item == _ABORTED:
                return
            else:
                for event in heard.take(item):
                    yield event
                    if isinstance(event, base.Error) and event.wait:
                        self._aborted = True

    async def _next_turn(self) -> base.Push | None:
        """Waits for the next turn of the open stream; None when there will be none."""
        while True:
            item = await self._inbox.get()
            if item is None or isinstance(item, base.Error) or item == _ABORTED:
                return None
            if isinstance(item, asyncio.Future):
                item.set_result(None)
            if isinstance(item, base.Push) and item.tools is not None:
                return item


class _Heard:
    """What came of one turn so far."""

    def __init__(self) -> None:
        self.waiting: dict[
            str, int
        ] = {}  # pushes not taken in, by the id they were sent under: how many messages
        self.over = False
        self._texts: list[str] = []  # results
        self._failure = ""  # of the harness's last request
        self._said = ""  # of the answer that streams

    def take(self, item: object) -> Iterator[base.Event]:
        match item:
            case base.Error():
                self.over = True
                yield item
            case sdk.StreamEvent() if item.parent_tool_use_id is None:
                self._said, event = _streamed(self._said, item.event)
                yield event
            case sdk.AssistantMessage() if item.parent_tool_use_id is None:
                self._failure = item.error or ""
                if not self._failure and (answer := _answer(item)):
                    yield base.Answered(answer.encode())
                if plan := harness.plan_of(item.content):
                    yield base.Planned(plan)
            case sdk.SystemMessage(subtype="api_retry", data=told):
                words = waits.words(_seconds(told.get("retry_delay_ms")))
                yield base.Progress(words) if words else base.Activity()
            case sdk.UserMessage() if item.uuid in self.waiting:
                yield base.Took(self.waiting.pop(item.uuid))
            case sdk.ResultMessage():
                yield from self._result(item)
            case _:
                yield base.Activity()

    def _result(self, result: sdk.ResultMessage) -> Iterator[base.Event]:
        for id_ in result.user_message_uuids or ():
            if id_ in self.waiting:
                yield base.Took(self.waiting.pop(id_))
        self._texts.append((result.result or "").strip())
        if (error := _failure(result, self._failure)) is not None:
            self.over = True
            yield error
        elif not self.waiting:
            self.over = True
            yield base.Result((base.Reply("\n\n".join(filter(None, self._texts))),))


def _seconds(milliseconds: object) -> float:
    """What is no number of ms is no wait."""
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else 0.0


def _streamed(said: str, event: dict[str, Any]) -> tuple[str, base.Event]:
    """The text of the answer so far, and what to show of it."""
    match event:
        case {"type": "message_start"}:
            return "", base.Activity()
        case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": str(text)}}:
            return said + text, base.Text(said + text)
        case {"type": "content_block_start", "content_block": {"type": "tool_use", "name": name}}:
            return said, base.Progress(doings.under_way(str(name).removeprefix(harness.PREFIX)))
    return said, base.Activity()


def _answer(message: sdk.AssistantMessage) -> Answer | None:
    """The harness keeps its own record; this one is for the archive, and shows that the turn did something."""
    blocks: list[dict[str, Any]] = []
    for block in message.content:
        if isinstance(block, sdk.TextBlock) and block.text.strip():
            blocks.append({"type": "text", "text": block.text})
        elif isinstance(block, sdk.ToolUseBlock):
            blocks.append({"type": "tool_use", "id": block.id, "name": block.name, "input": block.input})
    usage = {name: count for name, count in (message.usage or {}).items() if isinstance(count, int)}
    return Answer(blocks, "end_turn", message.model, usage) if blocks else None


def _failure(result: sdk.ResultMessage, error: str) -> base.Error | None:
    if result.subtype == "error_max_turns":
        return base.Error("I stopped: this took more steps than I may take.", retryable=False)
    if result.stop_reason == "refusal":
        return failures.declined()
    if not (result.is_error or error):
        return None
    status = result.api_error_status or _STATUS.get(error, 0)
    if not status:
        return failures.connection_lost()
    return failures.refused(status, "", _detail(result.result or ""))


def _detail(text: str) -> str:
    """The API's own words out of the harness's line."""
    return text.partition('"message":"')[2].partition('"')[0] or text


def _log(line: str) -> None:
    log.info("claude: %s", line.rstrip()[:1_000])
