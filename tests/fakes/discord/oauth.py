"""OAuth2 by the authorization code grant, scope identify (Discord docs, "OAuth2"; S256 as its metadata names it)."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode

from aiohttp import web

from tests.fakes.discord.model import User


@dataclass
class OAuth:
    """`person` is who sits before the browser; None says no."""

    client_id: str = ""
    client_secret: str = "fake-client-secret"
    redirects: list[str] = field(default_factory=list)
    person: User | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, tuple[User, dict[str, str]]] = field(default_factory=dict)
    tokens: dict[str, User] = field(default_factory=dict)

    def mount(self, app: web.Application, api: str) -> None:
        app.router.add_get("/oauth2/authorize", self._authorize)
        app.router.add_post(f"{api}/oauth2/token", self._token)

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        asked = dict(request.query)
        self.asked.append(asked)
        if asked.get("client_id") != self.client_id or asked.get("redirect_uri") not in self.redirects:
            return web.Response(status=400, text="Invalid OAuth2 redirect_uri")
        if asked.get("response_type") != "code" or asked.get("scope") != "identify":
            return web.Response(status=400, text="invalid_scope")
        back = {"state": asked.get("state", "")}
        if self.person is None:
            back |= {"error": "access_denied", "error_description": "The resource owner denied the request"}
        else:
            back["code"] = secrets.token_hex(16)
            self.codes[back["code"]] = self.person, asked
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode(back)}")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        """The form alone is taken: "JSON content is not permitted and will return an error"."""
        if request.content_type != "application/x-www-form-urlencoded":
            return _refused("invalid_request", 415)
        sent = {name: str(value) for name, value in (await request.post()).items()}
        if (sent.get("client_id"), sent.get("client_secret")) != (self.client_id, self.client_secret):
            return _refused("invalid_client", 401)
        if sent.get("grant_type") != "authorization_code":
            return _refused("unsupported_grant_type", 400)
        person, asked = self.codes.pop(sent.get("code", ""), (None, {}))
        proven = asked.get("code_challenge") in (None, _challenge(sent.get("code_verifier", "")))
        if person is None or sent.get("redirect_uri") != asked.get("redirect_uri") or not proven:
            return _refused("invalid_grant", 400)
        token = secrets.token_hex(15)
        self.tokens[token] = person
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 604800, "scope": "identify"}
        return web.json_response({**answer, "refresh_token": secrets.token_hex(15)})


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _refused(error: str, status: int) -> web.Response:
    return web.json_response({"error": error, "error_description": error.replace("_", " ")}, status=status)
