"""Addresses as words, for calls that have no switch against previews: streams, updates, ephemerals.

A preview is fetched from where the address leads, with whatever the address carries: a way out for a model's words. What such
a call shows is not linkable; the answer itself goes by a call with the switch, and its links work.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

JOINT = "\N{WORD JOINER}"
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_WHOLE = (
    re.compile(r"(?:https?|ftp|slack):(?=//)|(?:mailto|tel):", re.IGNORECASE),
    re.compile(r"(?<=[^\W_])\.(?=[^\W\d_]{2})"),
    re.compile(r"(?<=[\w.+-])@(?=\w)"),
    re.compile(r"\](?=\()"),
)
# These look backwards alone: a text that grows at its end keeps what was shown of it.
_GROWING = (
    re.compile(r"(?:https?|ftp|slack|mailto|tel):", re.IGNORECASE),
    re.compile(r"(?<=[^\W\d_])\."),
    re.compile(r"(?<=[\w.+-])@"),
    re.compile(r"(?<!\[[xX ])\]"),
)


def growing(text: str) -> str:
    """Of a text that is shown while it grows: the same to the eye, and an address to nobody."""
    return _apart(text, _GROWING)


def unlinked(text: str) -> str:
    """Code, in which nothing is a link, can still be copied."""
    return "".join(piece if n % 2 else _apart(piece, _WHOLE) for n, piece in enumerate(_CODE.split(text)))


def _apart(text: str, patterns: Sequence[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub(rf"\g<0>{JOINT}", text)
    return text


def shown(payload: Any) -> Any:
    """A message's text and blocks, for a call without the switch. What a button opens when it is pressed stays."""
    if isinstance(payload, list):
        return [shown(one) for one in payload]
    if not isinstance(payload, dict):
        return payload
    return {
        key: unlinked(value) if key == "text" and isinstance(value, str) else shown(value)
        for key, value in payload.items()
    }
