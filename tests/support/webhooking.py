"""Signing requests as the programs do that send them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

SECRET = "0123456789abcdef-secret"


def generic(body: bytes, id_: str, *, at: int | None = None, secret: str = SECRET) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    seconds = str(int(time.time()) if at is None else at)
    signed = f"{id_}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": id_, "webhook-timestamp": seconds, "webhook-signature": f"v1,{signature}"}


def github(body: bytes, event: str = "push", delivery: str = "d-1", secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "x-hub-signature-256": f"sha256={digest}",
        "x-github-event": event,
        "x-github-delivery": delivery,
    }
