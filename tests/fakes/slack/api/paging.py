"""Cursor pagination ("Pagination through collections")."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from ..errors import ApiError
from ..records import Json
from .registry import Args

T = TypeVar("T")
MOST = 1_000  # "conversations.history": limit


def page(args: Args, items: Sequence[T], default: int = 100, most: int | None = None) -> tuple[list[T], Json]:
    """One page, of `most` items where there is such a limit, and the members that tell of the next."""
    limit = args.number("limit", default) or default
    if not 0 < limit <= MOST:
        raise ApiError("invalid_limit")
    limit = min(limit, most or MOST)
    start = _position(args.text("cursor"))
    more = start + limit < len(items)
    cursor = base64.b64encode(f"next:{start + limit}".encode()).decode() if more else ""
    return list(items[start : start + limit]), {
        "has_more": more,
        "response_metadata": {"next_cursor": cursor},
    }


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        word, _, position = base64.b64decode(cursor, validate=True).decode().partition(":")
        if word == "next":
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise ApiError("invalid_cursor")
