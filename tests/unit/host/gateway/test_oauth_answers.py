"""What an authorisation server says of its tokens is a stranger's word."""

from __future__ import annotations

import pytest

from host.gateway import oauth
from host.gateway.fetching import Asked, Fetch, Got
from host.registry.logins import Login

LOGIN = Login(
    "default",
    "docs",
    "https://mcp.example/mcp",
    {"access_token": "old", "token_type": "Bearer", "refresh_token": "again"},
    1.0,
    {"client_id": "c", "redirect_uris": ["http://127.0.0.1/"], "token_endpoint_auth_method": "none"},
)


def answering(ends_in: str) -> Fetch:
    body = f'{{"access_token": "new", "token_type": "Bearer", "expires_in": {ends_in}}}'

    async def fetch(asked: Asked) -> Got:
        return Got(200, {"content-type": "application/json"}, body.encode())

    return fetch


async def test_tokens_are_renewed() -> None:
    renewed = await oauth.refreshed(LOGIN, answering("3600"))
    assert renewed is not None
    assert renewed.token == "new"


@pytest.mark.parametrize("ends_in", ["1" + "0" * 400, "1e999", "[" * 5_000, '"soon"', "NaN", "null" * 2])
async def test_tokens_that_end_at_no_time_are_none(ends_in: str) -> None:
    assert await oauth.refreshed(LOGIN, answering(ends_in)) is None
