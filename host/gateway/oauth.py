"""Signing in at an MCP server by OAuth, with the protocol's own library: the only module of the host that imports it.

The library says which requests are to be sent, one after the other, and reads the answers; sending them is the caller's
(`fetch`), who bounds them.
"""

from __future__ import annotations

import logging
from typing import Any

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl, BaseModel, ValidationError

from host.gateway.fetching import Asked, Fetch
from host.gateway.landing import Landing, SignInFailed
from host.registry.logins import Login

NAME = "Dovecote"
PROTOCOL = "2025-06-18"  # from which on tokens name the server they are for
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": {"name": NAME, "version": "1"}},
}
# What a server says can be; OverflowError: tokens that end after more seconds than a clock can count.
FAULTS = (OAuthFlowError, ValidationError, httpx2.HTTPError, ValueError, OverflowError)
LONGEST_REASON = 200  # characters of what a server says

logging.getLogger("mcp.client.auth").setLevel(
    logging.CRITICAL
)  # it logs tracebacks of what is said in words here


class _Shelf:
    """The library's storage, for the time of one flow."""

    def __init__(
        self, tokens: OAuthToken | None = None, client: OAuthClientInformationFull | None = None
    ) -> None:
        self.tokens = tokens
        self.client = client

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def sign_in(agent: str, server: str, url: str, landing: Landing, fetch: Fetch) -> Login:
    """From the server's refusal to tokens. Raises `SignInFailed`, and what `fetch` raises."""

    async def came() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**await landing.result())

    shelf = _Shelf()
    provider = OAuthClientProvider(url, _about(landing.redirect_uri), shelf, landing.shown, came)
    try:
        answer = await _driven(provider, _hello(url), fetch)
    except FAULTS as error:
        raise SignInFailed(_words(error)) from error
    if shelf.tokens is None or shelf.client is None:
        raise SignInFailed(f"it asks for no sign-in (status {answer.status_code})")
    if answer.status_code == 401:
        raise SignInFailed("it does not take the token that it has just given")
    return _login(agent, server, url, provider, shelf)


async def refreshed(login: Login, fetch: Fetch) -> Login | None:
    """With new tokens; None where the authorisation server gives none any more. Raises what `fetch` raises."""
    if not login.tokens.get("refresh_token"):
        return None
    try:
        shelf = _Shelf(
            OAuthToken.model_validate(login.tokens), OAuthClientInformationFull.model_validate(login.client)
        )
        provider = OAuthClientProvider(login.url, _about("http://127.0.0.1/"), shelf)
        context = provider.context
        context.token_expiry_time = 1.0  # whatever it says: the server has had enough of the one we have
        if login.metadata:
            context.oauth_metadata = OAuthMetadata.model_validate(login.metadata)
        if login.resource:
            context.protected_resource_metadata = ProtectedResourceMetadata.model_validate(login.resource)
        flow = provider.async_auth_flow(_hello(login.url))
        try:
            asked = await anext(flow)
            if str(asked.url) == login.url:
                return None
            told = await flow.asend(await _sent(asked, fetch))
        finally:
            await flow.aclose()
    except (*FAULTS, StopAsyncIteration):
        return None
    if "authorization" not in told.headers:
        return None
    return _login(login.agent, login.server, login.url, provider, shelf)


async def _driven(provider: OAuthClientProvider, request: httpx2.Request, fetch: Fetch) -> httpx2.Response:
    flow = provider.async_auth_flow(request)
    try:
        asked = await anext(flow)
        while True:
            answer = await _sent(asked, fetch)
            try:
                asked = await flow.asend(answer)
            except StopAsyncIteration:
                return answer
    finally:
        await flow.aclose()


async def _sent(request: httpx2.Request, fetch: Fetch) -> httpx2.Response:
    got = await fetch(Asked(request.method, str(request.url), dict(request.headers), request.read()))
    return httpx2.Response(got.status, headers=dict(got.headers), content=got.body, request=request)


def _login(agent: str, server: str, url: str, provider: OAuthClientProvider, shelf: _Shelf) -> Login:
    context = provider.context
    return Login(
        agent,
        server,
        url,
        _told(shelf.tokens),
        context.token_expiry_time or 0.0,
        _told(shelf.client),
        _told(context.oauth_metadata) or None,
        _told(context.protected_resource_metadata) or None,
    )


def _told(model: BaseModel | None) -> dict[str, Any]:
    return {} if model is None else model.model_dump(mode="json", exclude_none=True)


def _about(redirect_uri: str) -> OAuthClientMetadata:
    return OAuthClientMetadata(client_name=NAME, redirect_uris=[AnyUrl(redirect_uri)])


def _hello(url: str) -> httpx2.Request:
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": PROTOCOL}
    return httpx2.Request("POST", url, json=HELLO, headers=headers)


def _words(error: Exception) -> str:
    said = " ".join(str(error).split())
    return (
        "".join(char if char.isprintable() else "?" for char in said)[:LONGEST_REASON] or type(error).__name__
    )
