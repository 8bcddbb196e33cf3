"""Who sent a request, and whether it is a new one. Pure: headers and body in, the delivery or a refusal out.

Two styles. `generic` is the Standard Webhooks scheme: the signature covers id, time and body, so a copy is refused once it
is late and recognised before. GitHub's covers the body alone, its delivery id not: there the body is what names a delivery,
and a copy under another id is a duplicate.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

TOLERANCE = 300  # s a signed time may differ from ours
LONGEST_ID = 200  # characters
SHORTEST_SECRET = 16  # bytes
_PREFIX = "whsec_"  # Standard Webhooks: what follows is base64


class Unauthorised(Exception):
    """The text may be shown to whoever asked: it says nothing that helps to forge."""


class WeakSecret(Exception):
    """The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str  # the same for a copy
    event: str = ""  # GitHub's kind of event, '' for others


def secret_of(text: str) -> bytes:
    """Raises `WeakSecret`."""
    key = text.encode()
    if text.startswith(_PREFIX):
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except binascii.Error as error:
            raise WeakSecret(f"what follows {_PREFIX} is not base64") from error
    if len(key) < SHORTEST_SECRET:
        raise WeakSecret(f"it needs at least {SHORTEST_SECRET} bytes")
    return key


def verify(style: str, secret: bytes, headers: Mapping[str, str], body: bytes, now: int) -> Delivery:
    """`now` is in seconds. Raises `Unauthorised`."""
    return _github(secret, headers, body) if style == "github" else _generic(secret, headers, body, now)


def _generic(secret: bytes, headers: Mapping[str, str], body: bytes, now: int) -> Delivery:
    id_, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")
    if not (id_ and at and given):
        raise Unauthorised("webhook-id, webhook-timestamp and webhook-signature are needed")
    if len(id_) > LONGEST_ID:
        raise Unauthorised(f"webhook-id has more than {LONGEST_ID} characters")
    if "." in id_:  # what is signed could be read in two ways: part of a body as its time
        raise Unauthorised("webhook-id holds a full stop")
    signed = b".".join((_bytes(id_), _bytes(at), body))
    expected = b"v1," + base64.b64encode(hmac.digest(secret, signed, "sha256"))
    # There may be several: while a secret is exchanged its sender signs with both.
    if not any(hmac.compare_digest(expected, _bytes(one)) for one in given.split(" ")):
        raise Unauthorised("the signature does not fit")
    if not (at.isascii() and at.isdigit() and len(at) <= 12 and abs(now - int(at)) <= TOLERANCE):
        raise Unauthorised(f"webhook-timestamp is more than {TOLERANCE} seconds off")
    return Delivery(id_)


def _github(secret: bytes, headers: Mapping[str, str], body: bytes) -> Delivery:
    given = _bytes(headers.get("x-hub-signature-256", ""))
    if not given:
        raise Unauthorised("x-hub-signature-256 is needed")
    digest = hmac.digest(secret, body, "sha256").hex()
    if not hmac.compare_digest(b"sha256=" + digest.encode(), given):
        raise Unauthorised("the signature does not fit")
    event = "".join(c for c in headers.get("x-github-event", "")[:50] if c.isalnum() or c in "_-")
    return Delivery(hashlib.sha256(body).hexdigest(), event)


def _bytes(header: str) -> bytes:
    return header.encode("utf-8", "surrogateescape")
