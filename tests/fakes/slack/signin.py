"""Sign in with Slack: the authorize page, openid.connect.token and openid.connect.userInfo, as their pages document them.

Sources: "Sign in with Slack", "openid.connect.token", "openid.connect.userInfo": parameters, answers, refusals.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import BasicAuth, web

from .records import Json, User

if TYPE_CHECKING:
    from .core import Core


@dataclass
class SignIns:
    """`person` is who sits before the browser; None says no. `claims` replaces what the id token says."""

    core: Core
    client_id: str = "100.200"
    client_secret: str = "fake-client-secret"
    redirect_urls: list[str] = field(default_factory=list)
    person: User | None = None
    claims: Json = field(default_factory=dict)
    team: str = ""  # of the person, where it is another than the bot's
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, tuple[User, dict[str, str]]] = field(default_factory=dict)
    tokens: dict[str, User] = field(default_factory=dict)

    def mount(self, app: web.Application) -> None:
        app.router.add_get("/openid/connect/authorize", self._authorize)
        app.router.add_post("/api/openid.connect.token", self._token)
        app.router.add_route("*", "/api/openid.connect.userInfo", self._user_info)

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        asked = dict(request.query)
        self.asked.append(asked)
        scopes = asked.get("scope", "").replace(",", " ").split()
        if asked.get("client_id") != self.client_id or asked.get("redirect_uri") not in self.redirect_urls:
            return web.Response(status=400, text="redirect_uri did not match any configured URIs")
        if asked.get("response_type") != "code" or "openid" not in scopes:
            return web.Response(status=400, text="invalid_scope")
        back = {"state": asked.get("state", "")}
        if self.person is None:
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_hex(16)
            self.codes[back["code"]] = self.person, asked
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode(back)}")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        """Twice for the same code is a refusal; who calls shows the secret, in the form or by Basic."""
        sent = {name: str(value) for name, value in (await request.post()).items()}
        if given := request.headers.get("Authorization", ""):
            basic = BasicAuth.decode(given)
            sent |= {"client_id": basic.login, "client_secret": basic.password}
        if sent.get("client_id") != self.client_id:
            return _refused("invalid_client_id")
        if sent.get("client_secret") != self.client_secret:
            return _refused("bad_client_secret")
        if sent.get("grant_type", "authorization_code") != "authorization_code":
            return _refused("invalid_grant_type")
        found = self.codes.pop(sent.get("code", ""), None)
        if found is None:
            return _refused("invalid_code")
        person, asked = found
        if sent.get("redirect_uri") != asked["redirect_uri"]:
            return _refused("bad_redirect_uri")
        token = f"xoxp-{secrets.token_hex(8)}"
        self.tokens[token] = person
        now = int(time.time())
        claims = {
            "iss": "https://slack.com",
            "aud": self.client_id,
            "exp": now + 300,
            "iat": now,
            "nonce": asked.get("nonce", ""),
            **self._who(person),
        } | self.claims
        body = ".".join((_part({"alg": "RS256", "typ": "JWT"}), _part(claims), "signature"))
        answer = {"ok": True, "access_token": token, "token_type": "Bearer", "id_token": body}
        return web.json_response(answer)

    async def _user_info(self, request: web.Request) -> web.StreamResponse:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        person = self.tokens.get(bearer)
        if person is None:
            return _refused("invalid_auth")
        return web.json_response({"ok": True, "name": person.name, **self._who(person)})

    def _who(self, person: User) -> Json:
        team = self.team or person.team_id
        return {"sub": person.id, "https://slack.com/user_id": person.id, "https://slack.com/team_id": team}


def _part(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _refused(error: str) -> web.Response:
    return web.json_response({"ok": False, "error": error})
