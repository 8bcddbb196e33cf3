"""The HTTP side: routes, faults, pacing and the record of what was asked."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.fakes.model_api.answers import Answer, Compaction, answer, new_id
from tests.fakes.model_api.cache import PromptCache, TokenCounter, about_four_characters
from tests.fakes.model_api.errors import JSON, Refused, error_body
from tests.fakes.model_api.faults import (
    DropBeforeAnswer,
    ErrorInStream,
    Fault,
    FaultInAnswer,
    Hang,
    HttpError,
    LoseAnswer,
    MalformedEvent,
    TruncateStream,
)
from tests.fakes.model_api.record import RecordedRequest
from tests.fakes.model_api.script import AnswerFunction, Rule, Script, Step
from tests.fakes.model_api.validation import MAX_BODY, check_headers, check_request, parse_body
from tests.fakes.model_api.wire import Event, Reply, reply_to

KEY = "sk-ant-fake-model-api-key"
MODELS = {"claude-opus-5-5": 128_000, "claude-sonnet-5-5": 128_000, "claude-haiku-5-5": 64_000}
WINDOW = 1_000_000  # tokens of input that a model can hold
DEFAULT_COMPACTION_TRIGGER = 150_000  # tokens
CLOSING_GRACE = 0.1  # seconds that requests under way get when the server stops


class FakeModelAPI:
    """An imitation of the Messages API on loopback, and on a Unix socket where one is named.

    `keys` are the credentials it accepts and `models` what it offers, with the most output tokens of each.
    """

    def __init__(
        self,
        *,
        keys: Iterable[str] = (KEY,),
        models: Mapping[str, int] = MODELS,
        unix_socket: Path | None = None,
        count_tokens: TokenCounter = about_four_characters,
        window: int = WINDOW,
    ) -> None:
        self.keys = set(keys)
        self.models = dict(models)
        self.window = window
        self.unix_socket = unix_socket
        self.cache = PromptCache(count_tokens)
        self.requests: list[RecordedRequest] = []
        self.base_url = ""
        self._script = Script()
        self._refusals: list[tuple[Callable[[RecordedRequest], bool], Refused]] = []
        self._arrived = asyncio.Condition()
        self._runner = self._build_runner()

    @property
    def key(self) -> str:
        return min(self.keys)

    @property
    def billed(self) -> list[JSON]:
        """The usage of every answer that was worked out, in order, lost and broken ones included."""
        return [request.billed for request in self.requests if request.billed is not None]

    @property
    def unused_steps(self) -> int:
        """Scripted steps and faults that no request has used up."""
        return len(self._script.steps) + len(self._script.faults)

    def script(self, *steps: Step) -> None:
        """Answers (texts, functions of the request) and faults, in the order requests use them up."""
        self._script.steps.extend(steps)

    def fail_next(self, *faults: Fault) -> None:
        """Faults that strike ahead of the script, one per attempt."""
        self._script.faults.extend(faults)

    def refuse_when(
        self, matching: Callable[[RecordedRequest], bool], message: str, *, status: int = 400
    ) -> None:
        """Every request that meets the condition: what stands before the API, or a rule of it that is not imitated here."""
        self._refusals.append((matching, Refused(status, message)))

    def answer_with(self, function: AnswerFunction) -> None:
        """Answers what neither the script nor a rule covers; without it, that is an echo."""
        self._script.fallback = function

    def when(
        self,
        *,
        text_contains: str = "",
        tool_result_contains: str = "",
        system_contains: str = "",
        conversation_contains: str = "",
        matching: Callable[[RecordedRequest], bool] = lambda request: True,
    ) -> Rule:
        """A rule for requests that meet every condition given.

            api.when(text_contains="weather").answer(answer(ToolUse("forecast")))

        `text_contains` looks at the last user message alone, so a rule does not apply again to the tool
        result that it led to. Rules are tried in the order they were made.
        """

        def applies(request: RecordedRequest) -> bool:
            return (
                text_contains in request.user_text
                and tool_result_contains in "\n".join(request.tool_results.values())
                and system_contains in request.system_text
                and conversation_contains in request.conversation
                and matching(request)
            )

        rule = Rule(applies)
        self._script.rules.append(rule)
        return rule

    async def received(self, count: int) -> RecordedRequest:
        """The `count`-th request (from 1), as soon as it has arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}"
        if self.unix_socket is not None:
            await web.UnixSite(self._runner, str(self.unix_socket)).start()

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _build_runner(self) -> web.AppRunner:
        app = web.Application(client_max_size=2 * MAX_BODY)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/messages/count_tokens", self._count_tokens)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_get("/v1/models/{model}", self._one_model)
        app.router.add_route("*", "/{rest:.*}", self._unknown)
        return web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=CLOSING_GRACE)

    # Routes

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        record = await self._receive(request)
        try:
            self._admit(record, counting=False)
            return await self._work(request, record)
        except Refused as refusal:
            return _refuse(record, refusal)
        except (asyncio.CancelledError, ConnectionError):
            if record.outcome == "pending":
                record.end("abandoned", 0)
            raise

    async def _count_tokens(self, request: web.Request) -> web.StreamResponse:
        record = await self._receive(request)
        try:
            self._admit(record, counting=True)
        except Refused as refusal:
            return _refuse(record, refusal)
        counted: JSON = {"input_tokens": record.cache.prompt_tokens}
        if record.json.get("context_management"):
            counted["context_management"] = {"original_input_tokens": record.cache.prompt_tokens}
        return _answered(record, counted)

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        record = await self._receive(request)
        try:
            check_headers(record.headers, self.keys)
        except Refused as refusal:
            return _refuse(record, refusal)
        offered = [self._model_info(model) for model in self.models]
        ends = {"first_id": offered[0]["id"], "last_id": offered[-1]["id"]} if offered else {}
        return _answered(record, {"data": offered, "has_more": False, **ends})

    async def _one_model(self, request: web.Request) -> web.StreamResponse:
        record = await self._receive(request)
        model = request.match_info["model"]
        try:
            check_headers(record.headers, self.keys)
            if model not in self.models:
                raise Refused(404, f"model: {model}")
        except Refused as refusal:
            return _refuse(record, refusal)
        return _answered(record, self._model_info(model))

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        return _refuse(await self._receive(request), Refused(404, "Not found"))

    # Steps of a request

    async def _receive(self, request: web.Request) -> RecordedRequest:
        record = RecordedRequest(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            raw=await request.read(),
            id=new_id("req"),
        )
        async with self._arrived:
            self.requests.append(record)
            self._arrived.notify_all()
        return record

    def _admit(self, record: RecordedRequest, *, counting: bool) -> None:
        check_headers(record.headers, self.keys)
        record.json = parse_body(record.raw)
        check_request(record.json, record.betas, self.models, counting=counting)
        for matching, refusal in self._refusals:
            if matching(record):
                raise refusal
        record.cache = self.cache.look_up(record.json)
        tokens = record.cache.prompt_tokens
        if not counting and tokens > self.window:
            raise Refused(400, f"prompt is too long: {tokens} tokens > {self.window} maximum")

    async def _work(self, request: web.Request, record: RecordedRequest) -> web.StreamResponse:
        fault = self._script.next_fault()
        while isinstance(fault, Hang):
            await fault.gate.wait()
            fault = self._script.next_fault()
        if isinstance(fault, HttpError):
            raise Refused(fault.status, fault.message, headers=fault.headers)
        if isinstance(fault, DropBeforeAnswer):
            return _drop(request, record)
        reply = self._reply_to(record)
        if isinstance(fault, LoseAnswer):
            return _drop(request, record)
        if record.streams:
            return await _stream(request, record, reply, fault)
        return await _send_whole(request, record, reply, fault)

    def _reply_to(self, record: RecordedRequest) -> Reply:
        """The work done: the prompt is cached and the usage billed, whatever becomes of the answer."""
        chosen = self._answer_to(record)
        beta = bool(record.betas) or record.query.get("beta") == "true"
        reply = reply_to(record.json, chosen, record.cache, self.cache.count_tokens, beta=beta)
        self.cache.store(record.json)
        record.billed = reply.usage
        return reply

    def _answer_to(self, record: RecordedRequest) -> Answer:
        """The scripted answer, behind a summary where the request asked for one at this size."""
        edits = (record.json.get("context_management") or {}).get("edits") or ()
        compact = next((edit for edit in edits if edit["type"] == "compact_20260112"), None)
        trigger = (compact or {}).get("trigger") or {"value": DEFAULT_COMPACTION_TRIGGER}
        if compact is None or record.cache.prompt_tokens < trigger["value"]:
            return self._script.next_answer(record)
        summary = Compaction(f"Summary of {len(record.json['messages'])} messages.")
        if compact.get("pause_after_compaction"):
            return answer(summary)
        chosen = self._script.next_answer(record)
        if any(isinstance(block, Compaction) for block in chosen.blocks):
            return chosen
        return replace(chosen, blocks=(summary, *chosen.blocks))

    def _model_info(self, model: str) -> JSON:
        return {
            "type": "model",
            "id": model,
            "display_name": model.replace("-", " ").title(),
            "created_at": "2026-10-01T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": self.window,
            "max_tokens": self.models[model],
        }


def _refuse(record: RecordedRequest, refusal: Refused) -> web.Response:
    record.refusal = refusal.message
    record.end("refused", refusal.status)
    return web.json_response(
        error_body(refusal.status, refusal.message, record.id),
        status=refusal.status,
        headers={"request-id": record.id, **refusal.headers},
    )


def _answered(record: RecordedRequest, body: JSON) -> web.Response:
    record.end("answered", 200)
    return web.json_response(body, headers={"request-id": record.id})


def _drop(request: web.Request, record: RecordedRequest) -> web.Response:
    record.end("dropped", 0)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _stream(
    request: web.Request, record: RecordedRequest, reply: Reply, fault: FaultInAnswer | None
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "request-id": record.id,
        }
    )
    await response.prepare(request)
    events = list(reply.events())
    strike_at = min(fault.after_events, len(events)) if isinstance(fault, _IN_STREAM) else len(events)
    for event in events[:strike_at]:
        if event.is_delta and reply.answer.gate is not None:
            await reply.answer.gate.wait()
        await response.write(event.encode())
    if isinstance(fault, ErrorInStream):
        body = error_body(fault.status, fault.message, record.id)
        await response.write(Event("error", body).encode())
    elif isinstance(fault, MalformedEvent):
        await response.write(fault.raw)
    record.end("truncated" if fault else "answered", 200)
    if isinstance(fault, TruncateStream) and not fault.clean and request.transport is not None:
        request.transport.close()
        return response
    await response.write_eof()
    return response


_IN_STREAM = (TruncateStream, ErrorInStream, MalformedEvent)


async def _send_whole(
    request: web.Request, record: RecordedRequest, reply: Reply, fault: FaultInAnswer | None
) -> web.StreamResponse:
    """A message in one piece. Faults of a stream become an error, half a body, or a body that is no JSON."""
    if isinstance(fault, ErrorInStream):
        raise Refused(fault.status, fault.message)
    if isinstance(fault, TruncateStream):
        return await _send_half(request, record, reply)
    if isinstance(fault, MalformedEvent):
        record.end("truncated", 200)
        return web.Response(body=fault.raw, content_type="application/json")
    if reply.answer.gate is not None:
        await reply.answer.gate.wait()
    return _answered(record, reply.message())


async def _send_half(request: web.Request, record: RecordedRequest, reply: Reply) -> web.StreamResponse:
    whole = web.json_response(reply.message()).body
    half = whole[: len(whole) // 2] if isinstance(whole, bytes) else b""
    response = web.StreamResponse(headers={"content-type": "application/json", "request-id": record.id})
    response.content_length = 2 * len(half)
    await response.prepare(request)
    await response.write(half)
    record.end("truncated", 200)
    if request.transport is not None:
        request.transport.close()
    return response
