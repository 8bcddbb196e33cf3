"""How an answer of the API looks on the wire."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web


def as_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """The content type must be exactly `application/json`; discord.py compares the whole header (FACTS)."""
    every: dict[str, str] = {hdrs.CONTENT_TYPE: "application/json", **(headers or {})}
    return web.Response(body=json.dumps(body).encode(), status=status, headers=every)
