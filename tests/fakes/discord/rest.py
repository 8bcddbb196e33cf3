"""The REST server: reads a request, lets a fault have its way, calls the handler, writes Discord's answer."""

import json
import mimetypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, hdrs, web

from tests.fakes.discord import errors, payloads
from tests.fakes.discord.answers import as_json
from tests.fakes.discord.clock import Clock
from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.faults import Faults
from tests.fakes.discord.journal import Call, Journal
from tests.fakes.discord.model import Json
from tests.fakes.discord.oauth import OAuth
from tests.fakes.discord.quotas import RENAMING, Quotas
from tests.fakes.discord.state import Upload, World

API = "/api/v10"
CDN_PATH = "/attachments/{channel}/{attachment}/{name}"
CDN_ROUTE = "GET /attachments/{}/{}/{}"
ME = "GET /users/@me"  # the one route for people's own tokens
BROKEN = object()  # stands for a body that is not JSON
FIRST_SNOWFLAKE = 1 << 22  # an attachment id below it is an index into the uploads
Handler = Callable[[World, Call], Json | list[Json] | None]
FILE_FIELD = re.compile(r"files\[(\d+)\]")


@dataclass(frozen=True)
class Route:
    """`POST /channels/{channel}/messages` and what serves it. `open`: needs no bot token."""

    method: str
    path: str
    handler: Handler
    open: bool = False

    @property
    def key(self) -> str:
        return f"{self.method} {re.sub(r'{[^}]*}', '{}', self.path)}"


class Rest:
    def __init__(self, world: World, journal: Journal, faults: Faults, routes: list[Route]) -> None:
        self._world = world
        self._journal = journal
        self._faults = faults
        self._routes = routes
        self.quotas = Quotas()
        self.oauth = OAuth(str(world.application_id))

    def mount(self, app: web.Application) -> None:
        self.oauth.mount(app, API)
        for route in self._routes:
            self._faults.know(route.key)
            app.router.add_route(route.method, API + route.path, self._server_of(route))
        self._faults.know(CDN_ROUTE)
        app.router.add_get(CDN_PATH, self._attachment)
        app.router.add_route("*", API + "/{rest:.*}", self._unknown)

    def _server_of(self, route: Route) -> Callable[[web.Request], Any]:
        async def serve(request: web.Request) -> web.StreamResponse:
            call = await self._read(route.key, request)
            return await self._under_faults(request, call, lambda: self._answer(route, call))

        return serve

    async def _under_faults(
        self, request: web.Request, call: Call, answer: Callable[[], web.Response]
    ) -> web.StreamResponse:
        self._journal.calls.append(call)

        async def proceed() -> web.Response:
            free, limits = self.quotas.take(call.route, request.match_info.get("channel", ""))
            response = self._renamed(call, request) or answer() if free else _too_many(limits)
            response.headers.update(limits)
            call.status = response.status
            self._journal.touch()
            return response

        fault = self._faults.draw(call)
        self._journal.touch()
        if fault is None:
            return await proceed()
        call.fault = fault.name
        return await fault.serve(request, proceed)

    def _renamed(self, call: Call, request: web.Request) -> web.Response | None:
        """A refusal, where the call would name a channel too often."""
        if call.route != RENAMING or not isinstance(call.json, dict) or "name" not in call.json:
            return None
        wait = self.quotas.rename(request.match_info.get("channel", ""))
        if not wait:
            return None
        body = {"message": "You are being rate limited.", "retry_after": round(wait, 3), "global": False}
        response = as_json(body, 429)
        response.headers["Via"] = "1.1 google"
        return response

    def _answer(self, route: Route, call: Call) -> web.Response:
        try:
            if route.key == ME and (call.authorization or "").startswith("Bearer "):
                person = self.oauth.tokens.get((call.authorization or "").removeprefix("Bearer "))
                if person is None:
                    raise errors.unauthorized()
                return as_json(payloads.user(person))
            if not route.open and call.authorization != f"Bot {self._world.token}":
                raise errors.unauthorized()
            if call.json is BROKEN:
                raise errors.invalid_json()
            body = route.handler(self._world, call)
        except ApiError as error:
            return as_json(error.body, error.status)
        return web.Response(status=204) if body is None else as_json(body)

    async def _read(self, key: str, request: web.Request) -> Call:
        call = Call(
            key, dict(request.match_info), dict(request.query), request.headers.get(hdrs.AUTHORIZATION)
        )
        if request.content_type == "multipart/form-data":
            await _read_form(request, call)
        elif text := await request.text():
            call.json = _parse(text)
        return call

    async def _attachment(self, request: web.Request) -> web.StreamResponse:
        """Docs, "Reference: CDN", Signed Attachment URLs: a link works until the time in `ex`."""
        call = await self._read(CDN_ROUTE, request)
        return await self._under_faults(request, call, lambda: self._file(call, self._world.clock))

    def _file(self, call: Call, clock: Clock) -> web.Response:
        item = self._world.attachments.get(call.id("attachment"))
        if item is None or int(call.query.get("ex", "0"), 16) * 1000 < clock.ms:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=item.data, headers={hdrs.CONTENT_TYPE: item.content_type})

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        call = await self._read(f"{request.method} {request.path.removeprefix(API)}", request)
        return await self._under_faults(request, call, lambda: as_json(errors.not_found().body, 404))


def _too_many(limits: dict[str, str]) -> web.Response:
    wait = float(limits["X-RateLimit-Reset-After"])
    return as_json({"message": "You are being rate limited.", "retry_after": wait, "global": False}, 429)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return BROKEN


async def _read_form(request: web.Request, call: Call) -> None:
    """Docs, "Reference: Uploading Files": `payload_json` and `files[n]`, described by `attachments[n]`."""
    parts: dict[int, Upload] = {}
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        if part.name == "payload_json":
            call.json = _parse(await part.text())
        elif found := FILE_FIELD.fullmatch(part.name or ""):
            parts[int(found[1])] = Upload(part.filename or "file", bytes(await part.read()))
    described = _new_attachments(call.json) if isinstance(call.json, dict) else {}
    for number, upload in sorted(parts.items()):
        about = described.get(number, {})
        name = about.get("filename") or upload.filename
        call.files.append(Upload(name, upload.data, content_type(name), about.get("description")))


def _new_attachments(form: Json) -> dict[int, Json]:
    """Takes the entries that describe uploads out of `attachments`; what stays names files to keep."""
    body = next((form[key] for key in ("data", "message") if isinstance(form.get(key), dict)), form)
    entries = body.get("attachments")
    if entries is None:
        return {}
    new = {int(entry["id"]): entry for entry in entries if int(entry["id"]) < FIRST_SNOWFLAKE}
    body["attachments"] = [entry for entry in entries if int(entry["id"]) >= FIRST_SNOWFLAKE]
    return new


def content_type(filename: str) -> str:
    """Discord goes by the name's ending, not by what the client says."""
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"
