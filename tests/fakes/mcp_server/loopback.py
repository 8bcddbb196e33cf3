"""An MCP server on loopback by streamable HTTP, and perhaps the library's own authorisation server before it.

`agree` is a person: opens the link, agrees, and is sent on to where the sign-in said; returns that address.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from types import TracebackType
from typing import Any, Self

import httpx2
import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import Context
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.types import ASGIApp, Receive, Scope, Send

LIFETIME = 3600  # s of an access token


class Authority(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Gives tokens to whoever agrees. A refresh token is good once."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.access: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}
        self.denies = False

    def expire(self) -> None:
        """The access tokens; those who hold them can renew them."""
        self.access.clear()

    def revoke(self) -> None:
        self.access.clear()
        self.refresh.clear()

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        if self.denies:
            return construct_redirect_uri(str(params.redirect_uri), error="access_denied", state=params.state)
        code = secrets.token_urlsafe(24)
        self.codes[code] = AuthorizationCode(
            code=code,
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        return construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._given(client, authorization_code.resource)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        del self.refresh[refresh_token.token]
        return self._given(client, None)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.access.pop(token.token, None)
        self.refresh.pop(token.token, None)

    def _given(self, client: OAuthClientInformationFull, resource: str | None) -> OAuthToken:
        access, refresh = f"access-{secrets.token_hex(8)}", f"refresh-{secrets.token_hex(8)}"
        self.access[access] = AccessToken(
            token=access, client_id=client.client_id, scopes=[], resource=resource
        )
        self.refresh[refresh] = RefreshToken(token=refresh, client_id=client.client_id, scopes=[])
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=LIFETIME)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def grow(ctx: Context[Any, Any]) -> str:
    """Have another tool."""
    made: MCPServer = ctx.mcp_server
    made.add_tool(add, name="more")
    await ctx.notify_tools_changed()
    return "grown"


class LoopbackMCP:
    """`guarded` asks for a sign-in; `secret` is what a plain header has to hold; `seen` are the headers of all requests."""

    def __init__(self, *, guarded: bool = False, secret: str = "", header: str = "authorization") -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"{self.origin}/mcp"
        self.authority = Authority()
        self.seen: list[dict[str, str]] = []
        self.moved_to = ""  # where requests are sent on to
        self._secret = secret
        self._header = header.lower()
        more: dict[str, Any] = {}
        if guarded:
            auth = AuthSettings(
                issuer_url=AnyHttpUrl(self.origin),
                resource_server_url=AnyHttpUrl(self.url),
                client_registration_options=ClientRegistrationOptions(enabled=True),
                validate_token_resource=False,
            )
            more = {"auth_server_provider": self.authority, "auth": auth}
        self.server = MCPServer("loopback", **more)
        for tool in (add, grow):
            self.server.tool()(tool)
        self._app: ASGIApp = self.server.streamable_http_app()

    async def _front(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            self.seen.append({**headers, ":path": scope["path"], ":method": scope["method"]})
            refused = self._secret and headers.get(self._header) != self._secret
            if refused or (self.moved_to and scope["path"] != "/moved"):
                location = [(b"location", self.moved_to.encode())] if not refused else []
                status = 401 if refused else 307
                await send({"type": "http.response.start", "status": status, "headers": location})
                await send({"type": "http.response.body", "body": b""})
                return
            if scope["path"] == "/moved":
                scope = {**scope, "path": "/mcp", "raw_path": b"/mcp"}
        await self._app(scope, receive, send)

    async def __aenter__(self) -> Self:
        config = uvicorn.Config(
            self._front, log_level="warning", timeout_graceful_shutdown=1, lifespan="on", interface="asgi3"
        )
        self._server = uvicorn.Server(config)
        self._socket.listen()
        self._task = asyncio.create_task(self._server._serve([self._socket]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        await self._task
        self._socket.close()


async def agree(link: str) -> str:
    async with httpx2.AsyncClient(follow_redirects=False, trust_env=False) as browser:
        answer = await browser.get(link)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])


async def land(address: str) -> str:
    """The browser on the host's own machine; what the page says."""
    async with httpx2.AsyncClient(trust_env=False) as browser:
        return (await browser.get(address)).text
