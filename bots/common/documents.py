"""A document as a file, where a platform has no pages or does not let us make one."""

from __future__ import annotations

import re

from bots.common.short import shortened
from host.ports.bot import Delivery

LONGEST = 80  # characters of a title in a file's name


def named(title: str) -> str:
    """The file's name."""
    words = " ".join(re.sub(r"[^\w.\- ]+", " ", title).split()).strip(". ")
    return f"{shortened(words, LONGEST) or 'document'}.md"


def attached(delivery: Delivery, path: str, **limit: int) -> bytes:
    """The bytes of a payload's file: a document's text, else what lies where `path` of the payload says. Raises `Rejected`."""
    text = delivery.payload.get("document")
    if text is not None:
        return str(text).encode()
    return delivery.read(str(delivery.payload[path]), **limit)
