"""The body of a container's request: counted as it comes, against its session's room, and never for longer than a while."""

from __future__ import annotations

import asyncio

from aiohttp import web

from host.gateway.permits import Refused
from host.gateway.readers import Holding
from host.ports.door import PACKED, is_packed


async def whole(
    request: web.BaseRequest, held: Holding, *, most: int, deadline: float, what: str, taken: str
) -> bytearray:
    """At most so many bytes, within so many seconds. Raises `Refused`, which says `what` is larger than is `taken`."""
    if is_packed(request):
        raise Refused(415, "invalid_request_error", PACKED)
    parts = bytearray()
    try:
        async with asyncio.timeout(deadline):
            async for chunk in request.content.iter_any():
                held.grow(len(chunk))
                parts += chunk
                if len(parts) > most:
                    raise Refused(413, "request_too_large", f"the {what} is larger than {taken}")
    except TimeoutError:
        raise Refused(408, "timeout_error", f"the {what} took too long to arrive") from None
    return parts
