"""The HTTP side: /api/, uploads, downloads, response URLs and the socket's door, on a port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from . import scopes
from .api import METHODS, Args
from .api.files import stored
from .core import Call, Core
from .errors import ApiError, RateLimitedError
from .faults import Exchange
from .records import Json

LARGEST_BODY = 64 * 1024 * 1024  # bytes; more than any test uploads
Perform = Callable[[], web.StreamResponse]


class Server:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._tasks: set[asyncio.Task[Any]] = set()
        self._app = web.Application(client_max_size=LARGEST_BODY)
        core.sign_ins.mount(self._app)
        core.installs.mount(self._app)
        self._app.router.add_route("*", "/api/{method}", self._api)
        self._app.router.add_get("/link/", core.socket_mode.serve)
        self._app.router.add_post("/upload/{file_id}", self._upload)
        self._app.router.add_get("/files-pri/{file_id}/{path:.*}", self._download)
        self._app.router.add_post("/response/{key}", self._response)
        # A handler is cancelled when its caller hangs up: that is how `posted_late` learns of it.
        self._runner = web.AppRunner(
            self._app, handler_cancellation=True, access_log=None, shutdown_timeout=1
        )

    async def start(self) -> str:
        """The origin it listens on."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._core.socket_mode.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _exchange(self, request: web.Request, name: str, perform: Perform) -> web.StreamResponse:
        """Carries a request out under whatever fault is due.

        The work is a task of its own: a caller that hangs up cannot undo what it asked for.
        """

        def perform_and_tell() -> web.StreamResponse:
            response = perform()
            self._core.changes.pulse()
            return response

        fault = self._core.faults.for_call(name)
        self._core.changes.pulse()
        if fault is None:
            return perform_and_tell()
        exchange = Exchange(perform_and_tell, lambda: _cut(request))
        work = self.spawn(fault.answer(exchange))
        try:
            response: web.StreamResponse = await asyncio.shield(work)
        except asyncio.CancelledError:
            exchange.abandoned.set()
            raise
        return response

    async def _api(self, request: web.Request) -> web.StreamResponse:
        values = dict(request.query) | await _body(request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        token = values.pop("token", None) or bearer or None
        call = Call(request.match_info["method"], values, token)
        (self._core.of_token(token, values) or self._core).recorded.append(call)
        return await self._exchange(request, call.method, lambda: self._answer(call))

    def _answer(self, call: Call) -> web.StreamResponse:
        headers, status = {}, 200
        if call.token == self._core.app_token or self._core.of_token(call.token, call.args) is not None:
            headers["x-oauth-scopes"] = ",".join(sorted(self._granted(call)))
        try:
            call.answer = {"ok": True, **self._carry_out(call)}
        except RateLimitedError as refusal:
            call.answer = {"ok": False, "error": refusal.error}
            headers["Retry-After"], status = str(refusal.retry_after), 429
        except ApiError as refusal:
            call.answer = {"ok": False, "error": refusal.error, **refusal.details}
        return web.json_response(call.answer, status=status, headers=headers)

    def _granted(self, call: Call) -> set[str]:
        core = self._core.of_token(call.token, call.args)
        return self._core.app_scopes if core is None else core.scopes

    def _carry_out(self, call: Call) -> Json:
        """The refusals that every method shares come first ("Slack Web API": errors)."""
        method = METHODS.get(call.method)
        if method is None:
            raise ApiError("unknown_method", req_method=call.method)
        if call.token is None:
            raise ApiError("not_authed")
        core = self._core.of_token(call.token, call.args)
        if core is None and call.token != self._core.app_token:
            raise ApiError("invalid_auth")
        if core is not None and core.refuses:
            raise ApiError(core.refuses)
        if core is not None and core.organisation is not None and call.token == core.organisation.token:
            answer = core.organisation.judge(core, call)
            if answer is not None:
                return answer
        if method.token not in ("app" if core is None else "bot", "any"):
            raise ApiError("not_allowed_token_type")
        scopes.demand(self._granted(call), *method.scopes)
        return method.handler(core or self._core, Args(call.args))

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """Raw bytes or a multipart form; the URL is the permission ("files.getUploadURLExternal")."""
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            parts = [part.file.read() for part in form.values() if isinstance(part, web.FileField)]
            content = b"".join(parts)
        else:
            content = await request.read()

        def perform() -> web.StreamResponse:
            core, id_ = self._filed(request)
            file = core.workspace.files.get(id_)
            if file is None or len(content) != file.size:
                return web.Response(status=400, text="upload does not match")
            file.content = content
            return web.Response(text=f"OK - {len(content)}")

        return await self._exchange(request, "files:upload", perform)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """Without a good token Slack shows its sign-in page, with 200 ("File object": url_private)."""

        def perform() -> web.StreamResponse:
            bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
            core, id_ = self._filed(request)
            if not core.is_of(bearer) or core.refuses or "files:read" not in core.scopes:
                return web.Response(text="<!DOCTYPE html><title>Sign in</title>", content_type="text/html")
            try:
                file = stored(core, id_)
            except ApiError:
                return web.Response(status=404)
            return web.Response(body=file.content, content_type=file.content_type)

        return await self._exchange(request, "files:download", perform)

    def _filed(self, request: web.Request) -> tuple[Core, str]:
        """Whose file it is: an address of Slack's names the workspace before the file ("File object": url_private)."""
        team, _, id_ = request.match_info["file_id"].rpartition("-")
        return next((core for core in self._core.cores if core.team_id == team), self._core), id_

    async def _response(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)

        def perform() -> web.StreamResponse:
            try:
                key = request.match_info["key"]
                core = next((one for one in self._core.cores if one.interactions.knows(key)), self._core)
                core.interactions.respond(key, body)
            except ApiError as refusal:
                return web.json_response({"ok": False, "error": refusal.error}, status=404)
            return web.Response(text="ok")

        return await self._exchange(request, "response_url", perform)


def _cut(request: web.Request) -> web.StreamResponse:
    """The TCP connection is reset; what is returned is written to nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _body(request: web.Request) -> Json:
    """Form fields or a JSON object ("Slack Web API": POST bodies)."""
    if request.content_type == "application/json":
        try:
            parsed = json.loads(await request.text() or "{}")
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return {}
