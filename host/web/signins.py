"""Signing in by a platform. The browser that began it is the one that ends it, and what is remembered of it lies there.

A strict cookie does not come along when another site sends people back: they land on a page of ours, whose form brings it.
State, nonce and verifier follow from that cookie and a key of this process; so nothing is kept of those who never come back.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Protocol

from aiohttp import web

from host.governance import words
from host.ports.bot import Bots
from host.ports.controls import Forbidden
from host.ports.events import Viewer
from host.ports.people import Attempt, SignInError, SignsIn
from host.ports.strangers import Few
from host.web import gate, looks
from host.web.gate import Gate, Refused

GOOD_FOR = 600_000  # ms from the first step to the last
AT_A_TIME = 4  # questions to platforms
LONGEST_CODE = 2_000  # characters
BEGAN = re.compile(r"[0-9]{1,18}", re.ASCII)  # ms UTC, in the cookie
LABELS = {"slack": "Slack", "discord": "Discord"}

log = logging.getLogger(__name__)


class House(Protocol):
    """What the page has for those who are not inside yet."""

    gate: Gate

    async def permit(self, viewer: Viewer) -> None: ...

    def plain(self, request: web.Request, template: str, status: int, **values: object) -> web.Response: ...


class SignIns:
    def __init__(self, page: House, bots: Bots, public_url: str, now: Callable[[], int]) -> None:
        """`public_url`: '' where people sign in by links alone."""
        self._page = page
        self._bots = bots
        self._url = public_url
        self._now = now
        self._key = secrets.token_bytes(32)
        self._asking = asyncio.Semaphore(AT_A_TIME)
        self._few = Few(log)

    def ways(self, request: web.Request) -> Mapping[str, str]:
        """The platforms by which one can sign in where the request came to."""
        if not self._url or not gate.is_public(request, self._url):
            return {}
        nobody = Attempt(self._url, "", "", "")
        found = {name: bot for name, bot in self._bots.by_platform.items() if isinstance(bot, SignsIn)}
        return {name: LABELS.get(name, name) for name, bot in found.items() if bot.sign_in_at(nobody)}

    def serve(self, app: web.Application) -> None:
        app.router.add_get("/signin/{platform}", self._begin)
        app.router.add_get("/signin/{platform}/back", self._land)
        app.router.add_post("/signin/{platform}", self._end)

    # ── the three steps ──────────────────────────────────────────────────────────────────────────────────

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        platform, bot = self._bot(request)
        if bot is None:
            return self._no(request, "One cannot sign in that way here.")
        cookie = f"{platform}.{self._now()}.{secrets.token_urlsafe(32)}"
        response = web.Response(
            status=303, headers={"Location": bot.sign_in_at(self._attempt(cookie)), **looks.HEADERS}
        )
        gate.keep(response, gate.SIGNING_IN, cookie, GOOD_FOR, secure=True)
        return response

    async def _land(self, request: web.Request) -> web.StreamResponse:
        """Where the platform sends people back to. What it says counts once the browser has shown its cookie."""
        platform, bot = self._bot(request)
        code, state = request.query.get("code", ""), request.query.get("state", "")
        if bot is None:
            return self._no(request, "One cannot sign in that way here.")
        if error := request.query.get("error", ""):
            said = "you did not agree" if error == "access_denied" else words.one_line(error)[:100]
            return self._no(request, f"{LABELS.get(platform, platform)} signed nobody in: {said}.")
        if not code or not state or len(code) + len(state) > LONGEST_CODE:
            return self._no(request, "This is no answer of a sign-in; begin again.")
        values = {"platform": platform, "label": LABELS.get(platform, platform), "code": code, "state": state}
        return self._page.plain(request, "landing.html", 200, **values)

    async def _end(self, request: web.Request) -> web.StreamResponse:
        try:
            fields = await gate.form(request)
            viewer = await self._viewer(request, fields)
            await self._page.permit(viewer)
        except (Refused, SignInError, Forbidden) as error:
            said = {"action": "page_refused"}
            self._few.say(logging.WARNING, "A sign-in was refused: %s", error, extra=said)
            return self._no(request, str(error))
        cookie = self._page.gate.admit(viewer, self._now())
        log.info("Somebody signed in to the page", extra={"action": "page_entered"})
        response = web.Response(status=303, headers={"Location": "/", **looks.HEADERS})
        gate.keep(response, gate.COOKIE, cookie, gate.STAYS, secure=True)
        gate.drop(response, gate.SIGNING_IN, secure=True)
        return response

    async def _viewer(self, request: web.Request, fields: Mapping[str, str]) -> Viewer:
        """Raises `SignInError`."""
        platform, bot = self._bot(request)
        cookie = gate.shown(request, gate.SIGNING_IN, secure=True)
        began = cookie.split(".")[1:2]
        at = int(began[0]) if began and BEGAN.fullmatch(began[0]) else 0
        attempt = self._attempt(cookie)
        state = fields.get("state", "").encode("utf-8", "replace")
        theirs = hmac.compare_digest(state, attempt.state.encode())
        if bot is None or not theirs or not cookie.startswith(f"{platform}."):
            raise SignInError("This sign-in was begun in another browser; begin again.")
        if not 0 <= self._now() - at < GOOD_FOR:
            raise SignInError("This sign-in took too long; begin again.")
        async with self._asking:
            return await bot.who(fields.get("code", "")[:LONGEST_CODE], attempt)

    # ── ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _bot(self, request: web.Request) -> tuple[str, SignsIn | None]:
        platform = request.match_info["platform"]
        bot = self._bots.get(platform) if platform in self.ways(request) else None
        return platform, bot if isinstance(bot, SignsIn) else None

    def _attempt(self, cookie: str) -> Attempt:
        platform = cookie.partition(".")[0]
        state, nonce, verifier = (self._follows(what, cookie) for what in ("state", "nonce", "verifier"))
        return Attempt(f"{self._url}/signin/{platform}/back", state, nonce, verifier)

    def _follows(self, what: str, cookie: str) -> str:
        told = f"{what}|{cookie}".encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(hmac.digest(self._key, told, hashlib.sha256)).rstrip(b"=").decode()

    def _no(self, request: web.Request, problem: str) -> web.Response:
        return self._page.plain(request, "enter.html", 403, token="", problem=problem)
