"""Sign in with Slack (OpenID Connect): the page that people are sent to, and who came back from it.

Slack takes PKCE only of apps that are declared public clients, for good: this one has a secret, and a nonce in what is signed.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client.errors import TRANSIENT, code_of
from host.ports.people import Attempt, SignInError

ISSUER = "https://slack.com"
USER, TEAM = "https://slack.com/user_id", "https://slack.com/team_id"
SKEW = 60.0  # s that Slack's clock may differ from ours
TIMEOUT = 20  # s of one call
USED_UP = ("invalid_code", "code_already_used", "code_expired", "invalid_grant")


class SignIns:
    def __init__(self, client_id: str, secret: str, api_url: str) -> None:
        self._id = client_id
        self._secret = secret
        self._api_url = api_url

    @property
    def set_up(self) -> bool:
        return bool(self._id and self._secret)

    def at(self, attempt: Attempt, team: str) -> str:
        asked = {
            "response_type": "code",
            "scope": "openid profile",
            "client_id": self._id,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "redirect_uri": attempt.back,
            **({"team": team} if team else {}),
        }
        return f"{self._api_url.removesuffix('api/')}openid/connect/authorize?{urlencode(asked)}"

    async def who(self, code: str, attempt: Attempt, teams: Collection[str]) -> tuple[str, str]:
        """The team, one of these, and the id of its member. Raises `SignInError`."""
        try:
            client = AsyncWebClient(base_url=self._api_url, timeout=TIMEOUT, retry_handlers=[])
            given = await client.openid_connect_token(
                self._id,
                self._secret,
                code=code,
                redirect_uri=attempt.back,
                grant_type="authorization_code",
            )
            claims = _claims(str(given.get("id_token") or ""))
            self._check(claims, attempt)
            client.token = str(given.get("access_token") or "")
            told: Any = (await client.openid_connect_userInfo()).data
        except SlackApiError as error:
            raise SignInError(_words(code_of(error))) from error
        except TRANSIENT as error:
            raise SignInError("Slack does not answer right now; try again.") from error
        if told.get("sub") != claims.get("sub") or told.get(USER) != claims.get(USER):
            raise SignInError("Slack named two people.")
        team = str(told.get(TEAM) or "")
        if team not in teams:
            raise SignInError("The agents do not work in that workspace.")
        return team, str(told.get(USER) or "")

    def _check(self, claims: dict[str, Any], attempt: Attempt) -> None:
        """Of a token that came from Slack itself, by TLS: OpenID Connect Core 3.1.3.7, 6, lets that stand for its signature."""
        audience = claims.get("aud")
        theirs = self._id in audience if isinstance(audience, list) else audience == self._id
        until = claims.get("exp")
        fresh = isinstance(until, int | float) and until > time.time() - SKEW
        nonce = str(claims.get("nonce") or "").encode("utf-8", "replace")
        ours = hmac.compare_digest(nonce, attempt.nonce.encode())
        if not (claims.get("iss") == ISSUER and theirs and fresh and ours):
            raise SignInError("What Slack answered belongs to another sign-in; begin again.")


def _claims(token: str) -> dict[str, Any]:
    """The middle of three parts. Raises `SignInError`."""
    try:
        body = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, RecursionError) as error:
        raise SignInError("Slack answered with something that is no identity.") from error
    if not isinstance(found, dict):
        raise SignInError("Slack answered with something that is no identity.")
    return found


def _words(code: str) -> str:
    if code in USED_UP:
        return "This sign-in is used up or too old; begin again."
    if code in ("bad_redirect_uri", "invalid_client_id", "bad_client_secret", "invalid_client"):
        return f"Slack refuses the app ({code}): whoever runs Dovecote has to look at its redirect URL and secret."
    return f"Slack refuses this sign-in: {code or 'it does not say why'}."
