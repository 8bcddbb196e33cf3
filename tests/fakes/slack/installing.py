"""Installing the app: the page that asks whether to, and oauth.v2.access ("Installing with OAuth", "oauth.v2.access")."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import BasicAuth, web

from .organisations import Organisation
from .records import Json, User
from .scopes import MANIFEST

if TYPE_CHECKING:
    from .core import Core


@dataclass
class Installs:
    """`where` is the workspace that whoever sits before the browser is signed in to; None: they say no."""

    core: Core
    redirect_urls: list[str] = field(default_factory=list)
    where: tuple[Core, User] | None = None
    whole: Organisation | None = None  # for which it is installed as a whole
    codes: dict[str, tuple[Core, User, str]] = field(default_factory=dict)

    def mount(self, app: web.Application) -> None:
        app.router.add_get("/oauth/v2/authorize", self._authorize)
        app.router.add_post("/api/oauth.v2.access", self._access)

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        asked = request.query
        back = asked.get("redirect_uri", "")
        if asked.get("client_id") != self.core.sign_ins.client_id or back not in self.redirect_urls:
            return web.Response(status=400, text="redirect_uri did not match any configured URIs")
        if set(asked.get("scope", "").split(",")) != set(MANIFEST) or asked.get("user_scope"):
            return web.Response(status=400, text="invalid_scope")
        sent = {"state": asked.get("state", "")}
        if self.where is None:
            sent["error"] = "access_denied"
        else:
            sent["code"] = secrets.token_hex(16)
            self.codes[sent["code"]] = (*self.where, back)
        raise web.HTTPFound(f"{back}?{urlencode(sent)}")

    async def _access(self, request: web.Request) -> web.StreamResponse:
        """A code is good once, for the redirect_uri it was asked with. Who installs again gets a new token if theirs is gone."""
        form = await request.post()
        app = self.core.sign_ins
        given = BasicAuth.decode(request.headers.get("Authorization", "Basic Og=="))
        if (given.login, given.password) != (app.client_id, app.client_secret):
            return _answer({"ok": False, "error": "bad_client_secret"})
        found = self.codes.pop(str(form.get("code")), None)
        if found is None:
            return _answer({"ok": False, "error": "invalid_code"})
        core, person, back = found
        if form.get("redirect_uri") != back:
            return _answer({"ok": False, "error": "bad_redirect_uri"})
        if self.whole is not None:
            return _answer(self._of_organisation(self.whole, core, person))
        if core.refuses:
            core.refuses, core.bot_token = "", f"xoxb-fake-{secrets.token_hex(8)}"
        team = {"id": core.team_id, "name": core.workspace.name}
        return _answer(
            {
                "ok": True,
                "access_token": core.bot_token,
                "token_type": "bot",
                "scope": ",".join(sorted(core.scopes)),
                "bot_user_id": core.bot_user_id,
                "app_id": core.app_id,
                "team": team,
                "enterprise": None,
                "is_enterprise_install": False,
                "authed_user": {"id": person.id},
            }
        )

    def _of_organisation(self, whole: Organisation, core: Core, person: User) -> Json:
        """ "Organization-ready apps": sample oauth.v2.access response."""
        if whole.refuses:
            whole.refuses, whole.token = "", f"xoxb-fake-{secrets.token_hex(8)}"
        return {
            "ok": True,
            "access_token": whole.token,
            "token_type": "bot",
            "scope": ",".join(sorted(core.scopes)),
            "bot_user_id": core.bot_user_id,
            "app_id": core.app_id,
            "team": None,
            "enterprise": {"id": whole.id, "name": whole.name},
            "is_enterprise_install": True,
            "authed_user": {"id": person.id},
        }


def _answer(body: Json) -> web.Response:
    return web.json_response(body)
