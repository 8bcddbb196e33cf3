"""HTTP request URLs ("Using HTTP Request URLs", "Verifying requests from Slack") instead of sockets."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlencode

import aiohttp

from .delivery import Attempt, Courier, Delivery
from .records import Json

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


class ChallengeError(Exception):
    """The URL did not give the challenge back ("url_verification"); Slack would not save it."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()


class HttpMode:
    """The `Transport` that posts signed requests to one URL; 2xx acknowledges."""

    timeout_reason = "http_timeout"

    def __init__(self, url: str, secret: str, courier: Courier, spawn: Callable[..., object]) -> None:
        self._url = url
        self._secret = secret
        self._courier = courier
        self._spawn = spawn
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))

    async def verify(self) -> None:
        challenge = secrets.token_hex(16)
        body = json.dumps({"type": "url_verification", "token": "fake", "challenge": challenge}).encode()
        async with self._post(body, JSON_TYPE, {}) as answer:
            text = await answer.text()
        if answer.status != 200 or challenge not in text:
            raise ChallengeError(answer.status, text)

    def send(self, delivery: Delivery, attempt: Attempt) -> bool:
        self._spawn(self._carry(delivery, attempt))
        return True

    def _post(
        self, body: bytes, content_type: str, headers: dict[str, str]
    ) -> aiohttp.client._RequestContextManager:
        timestamp = str(int(time.time()))
        return self._session.post(
            self._url,
            data=body,
            headers={
                "Content-Type": content_type,
                "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
                "X-Slack-Request-Timestamp": timestamp,
                "X-Slack-Signature": signature(self._secret, timestamp, body),
                **headers,
            },
        )

    async def _carry(self, delivery: Delivery, attempt: Attempt) -> None:
        """`X-Slack-No-Retry: 1` on the answer ends the retries ("Events API": errors)."""
        body, content_type = self._body(delivery)
        retry = {"X-Slack-Retry-Num": str(attempt.number), "X-Slack-Retry-Reason": attempt.reason}
        try:
            async with self._post(body, content_type, retry if attempt.number else {}) as answer:
                text = await answer.text()
        except (TimeoutError, aiohttp.ClientError):
            self._courier.fail(attempt.envelope_id, "connection_failed")
            return
        if 200 <= answer.status < 300:
            self._courier.acknowledge(attempt.envelope_id, self._response(text, answer.content_type))
        else:
            again = answer.headers.get("X-Slack-No-Retry") != "1"
            self._courier.fail(attempt.envelope_id, "http_error", retry=again)

    @staticmethod
    def _body(delivery: Delivery) -> tuple[bytes, str]:
        if delivery.kind == "events_api":
            return json.dumps(delivery.payload).encode(), JSON_TYPE
        if delivery.kind == "interactive":
            return urlencode({"payload": json.dumps(delivery.payload)}).encode(), FORM_TYPE
        return urlencode(delivery.payload).encode(), FORM_TYPE

    @staticmethod
    def _response(text: str, content_type: str) -> Json | None:
        if not text:
            return None
        if content_type == JSON_TYPE:
            answer: Json = json.loads(text)
            return answer
        return {"text": text}

    async def close(self) -> None:
        await self._session.close()
