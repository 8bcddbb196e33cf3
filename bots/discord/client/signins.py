"""Sign in with Discord (OAuth2, scope identify): the page that people are sent to, and who came back from it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import aiohttp
import yarl

from host.ports.people import Attempt, SignInError

TIMEOUT = 20.0  # s for both calls
LARGEST = 65_536  # bytes of an answer


def at(attempt: Attempt, api_url: str, application: int) -> str:
    asked = {
        "response_type": "code",
        "client_id": str(application),
        "scope": "identify",
        "state": attempt.state,
        "redirect_uri": attempt.back,
        "prompt": "none",  # whoever agreed before is not asked again
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
    }
    return f"{yarl.URL(api_url).origin()}/oauth2/authorize?{urlencode(asked)}"


async def who(code: str, attempt: Attempt, api_url: str, application: int, secret: str) -> int:
    """The person's id. Raises `SignInError`."""
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.back,
        "client_id": str(application),
        "client_secret": secret,
        "code_verifier": attempt.verifier,
    }
    try:
        async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as session:
            sent = session.post(f"{api_url}/oauth2/token", data=asked, allow_redirects=False)
            status, given = await _answer(sent)
            if status != 200:
                raise SignInError(_words(status, str(given.get("error") or "")))
            if "identify" not in str(given.get("scope") or "").split():
                raise SignInError("Discord was not allowed to say who you are; begin again.")
            bearer = {"Authorization": f"Bearer {given.get('access_token')}"}
            status, told = await _answer(session.get(f"{api_url}/users/@me", headers=bearer))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise SignInError("Discord does not answer right now; try again.") from error
    id_ = str(told.get("id") or "")
    if status != 200 or not id_.isdecimal():
        raise SignInError("Discord does not say who you are; begin again.")
    return int(id_)


async def _answer(sent: Any) -> tuple[int, dict[str, Any]]:
    """Raises `ValueError` for what is no JSON."""
    async with sent as answer:
        if (answer.content_length or 0) > LARGEST:
            raise ValueError("too large")
        found = await answer.json(content_type=None)
        return answer.status, found if isinstance(found, dict) else {}


def _words(status: int, error: str) -> str:
    if error == "invalid_grant":
        return "This sign-in is used up or too old; begin again."
    if error in ("invalid_client", "unauthorized_client") or status == 401:
        return "Discord refuses the application: whoever runs Dovecote has to look at its redirect and client secret."
    return f"Discord refuses this sign-in: {error or status}."
