"""What follows from a browser's cookie, and from nothing else: state, nonce and proof key of its sign-in."""

from __future__ import annotations

import base64
import hashlib

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from host.ports.bot import Bots
from host.ports.events import Author, Viewer
from host.ports.people import Attempt
from host.web import gate
from host.web.gate import Gate
from host.web.signins import SignIns
from sessiondb import Address

URL = "https://dovecote.example.com"


def sign_ins() -> SignIns:
    return SignIns(None, Bots({}), URL, lambda: 1)  # type: ignore[arg-type]


def test_an_attempt_is_its_cookies_alone() -> None:
    one = sign_ins()
    attempt = one._attempt("slack.1.abc")
    assert attempt == one._attempt("slack.1.abc")
    assert attempt.back == f"{URL}/signin/slack/back"
    values = {attempt.state, attempt.nonce, attempt.verifier}
    assert len(values) == 3
    others = [one._attempt("slack.1.abd"), one._attempt("discord.1.abc"), sign_ins()._attempt("slack.1.abc")]
    for other in others:
        assert values.isdisjoint({other.state, other.nonce, other.verifier})
    assert all(len(value) == 43 and value.isascii() for value in values)  # as RFC 7636 wants a verifier


def test_the_challenge_is_the_verifiers_digest() -> None:
    """The example of RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert Attempt("", "", "", verifier).challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    digest = hashlib.sha256(verifier.encode()).digest()
    assert base64.urlsafe_b64decode(Attempt("", "", "", verifier).challenge + "=") == digest


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("dovecote.example.com", True),
        ("dovecote.example.com:443", False),
        ("127.0.0.1:8760", False),
        ("evil.example", False),
        ("dovecote.example.com.evil.example", False),
        ("DOVECOTE.example.com", False),
    ],
)
def test_the_public_name_is_the_one_that_is_configured(host: str, public: bool) -> None:
    request = make_mocked_request("GET", "/", headers={"Host": host})
    assert gate.is_public(request, URL) is public
    assert gate.is_public(request, "") is False
    assert sign_ins().ways(request) == {}  # nobody has a bot here


@pytest.mark.parametrize(("secure", "name"), [(True, "__Host-dovecote"), (False, "dovecote")])
def test_a_cookie_by_tls_is_of_this_host_alone(secure: bool, name: str) -> None:
    response = web.Response()
    gate.keep(response, gate.COOKIE, "value", 60_000, secure=secure)
    cookie = response.cookies[name]
    assert (cookie.value, cookie["path"], cookie["samesite"], cookie["httponly"]) == (
        "value",
        "/",
        "Strict",
        True,
    )
    assert (bool(cookie["secure"]), cookie["max-age"], cookie["domain"]) == (secure, "60", "")
    request = make_mocked_request("GET", "/", headers={"Cookie": f"{name}=value"})
    assert gate.shown(request, gate.COOKIE, secure=secure) == "value"
    assert gate.shown(request, gate.COOKIE, secure=not secure) == ""
    gate.drop(response, gate.COOKIE, secure=secure)
    assert str(response.cookies[name]["max-age"]) == "0"


def test_whoever_was_let_in_is_in_until_their_time_is_over_or_somebody_ends_it() -> None:
    inside = Gate(None)  # type: ignore[arg-type]
    viewer = Viewer(Author("U1"), Address("slack", "T1", ""), "dm")
    cookies = [inside.admit(viewer, now) for now in (0, 0, 10)]
    assert len(set(cookies)) == 3

    def who(cookie: str, now: int) -> object:
        request = make_mocked_request("GET", "/", headers={"Cookie": f"__Host-dovecote={cookie}"})
        assert inside.visitor(request, now, secure=False) is None
        planted = make_mocked_request("GET", "/", headers={"Cookie": f"dovecote={cookie}"})
        assert inside.visitor(planted, now, secure=True) is None
        assert inside.visitor(planted, now, secure=False) == inside.visitor(request, now, secure=True)
        return inside.visitor(request, now, secure=True)

    assert all(who(cookie, 20) is not None for cookie in cookies)
    assert who("guessed", 20) is None
    assert [visitor.until for visitor in inside.inside(20)] == [gate.STAYS, gate.STAYS, gate.STAYS + 10]
    inside.end(inside.inside(20)[0].id)
    assert (who(cookies[0], 20), who(cookies[1], 20) is not None) == (None, True)
    assert who(cookies[1], gate.STAYS) is None
    assert len(inside.inside(gate.STAYS)) == 1
    for _ in range(gate.MOST_INSIDE + 5):
        inside.admit(viewer, 30)
    assert len(inside.inside(30)) == gate.MOST_INSIDE
