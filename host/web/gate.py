"""Who is inside: sign-in by a one-time link, a cookie for hours, and what a form must bring so that it is theirs.

A cookie says nothing by itself: it is looked up by its hash, in memory, so that a new start signs everybody out. A form counts
only when it carries the token of its own visitor and comes from a page of ours.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from host.governance.access import LOCAL
from host.ports.door import BodyError, body
from host.ports.events import Author, Viewer
from host.registry import links
from host.registry.port import Registry
from sessiondb.records import Address

COOKIE, SIGNING_IN = "dovecote", "dovecote-signin"
FOR_HOST = "__Host-"  # before the name of a cookie by TLS: no other name of the domain can set it
STAYS = 12 * 3_600_000  # ms until one has to sign in anew
MOST_INSIDE = 100  # sign-ins at a time; the oldest goes
LARGEST_FORM = 262_144  # bytes
MOST_FIELDS = 50


class Refused(Exception):
    """A form that is not taken; the text is for whoever sent it."""


@dataclass
class Visitor:
    """Somebody who is signed in, on one browser."""

    viewer: Viewer
    until: int  # ms UTC
    as_of: int = 0  # ms UTC at which the platform said who they are
    id: str = field(default_factory=lambda: secrets.token_hex(8))  # by which it is ended
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))  # what their forms bring
    told: list[str] = field(default_factory=list)  # shown once, on the next page


class Gate:
    def __init__(self, db: Registry) -> None:
        self._db = db
        self._inside: dict[bytes, Visitor] = {}

    async def enter(self, token: str, now: int) -> str:
        """Redeems a link; the cookie's value, '' when it is not good (any more)."""
        user = await self._db.write(lambda connection: links.redeem(connection, token, now))
        if not user:
            return ""
        return self.admit(Viewer(Author(user, user), Address(LOCAL, "local", ""), "dm"), now)

    def admit(self, viewer: Viewer, now: int) -> str:
        """Lets somebody in who has proven who they are; the cookie's value."""
        cookie = secrets.token_urlsafe(32)
        self._inside = {key: visitor for key, visitor in self._inside.items() if visitor.until > now}
        while len(self._inside) >= MOST_INSIDE:
            del self._inside[next(iter(self._inside))]
        self._inside[_hash(cookie)] = Visitor(viewer, now + STAYS, now)
        return cookie

    def visitor(self, request: web.Request, now: int, *, secure: bool) -> Visitor | None:
        """By the one cookie that belongs to the way it came: what another name of the domain can plant is none by TLS."""
        found = self._inside.get(_hash(shown(request, COOKIE, secure=secure)))
        return found if found is not None and found.until > now else None

    def inside(self, now: int) -> list[Visitor]:
        return [visitor for visitor in self._inside.values() if visitor.until > now]

    def end(self, id_: str) -> None:
        self._inside = {key: visitor for key, visitor in self._inside.items() if visitor.id != id_}


def keep(response: web.StreamResponse, name: str, cookie: str, stays: int, *, secure: bool) -> None:
    response.set_cookie(
        _named(name, secure=secure),
        cookie,
        max_age=stays // 1000,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=secure,
    )


def drop(response: web.StreamResponse, name: str, *, secure: bool) -> None:
    response.del_cookie(
        _named(name, secure=secure), path="/", secure=secure, httponly=True, samesite="Strict"
    )


def shown(request: web.Request, name: str, *, secure: bool) -> str:
    return request.cookies.get(_named(name, secure=secure), "")


def _named(name: str, *, secure: bool) -> str:
    return f"{FOR_HOST}{name}" if secure else name


def is_public(request: web.Request, public_url: str) -> bool:
    """Whether the request came by the public name, which a server that speaks TLS passes on as it is."""
    return bool(public_url) and request.host == urlsplit(public_url).netloc


async def form(request: web.Request) -> Mapping[str, str]:
    """The fields of a form that one of our own pages sent. Raises `Refused`."""
    if not from_here(request):
        raise Refused("This form was sent by another site.")
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused("This is no form.")
    try:
        sent = await body(request, LARGEST_FORM)
        pairs = parse_qsl(sent.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except BodyError as error:
        raise Refused(str(error)) from error
    except ValueError as error:
        raise Refused("This form cannot be read.") from error
    return dict(pairs)


def from_here(request: web.Request) -> bool:
    """By what the browser says of where a request comes from; what says nothing is no browser, and has no cookie to abuse."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    try:
        return origin is None or urlsplit(origin).netloc == request.host
    except ValueError:  # it is no address
        return False


def is_theirs(visitor: Visitor, fields: Mapping[str, str]) -> bool:
    return hmac.compare_digest(fields.get("csrf", "").encode("utf-8", "replace"), visitor.token.encode())


def _hash(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).digest()
