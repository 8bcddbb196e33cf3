"""A door of the host that answers with the body it was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import compression_utils, web

from host.ports import door
from host.ports.door import Door


@asynccontextmanager
async def opened(head_deadline: float = 30.0, largest: int = 10) -> AsyncIterator[tuple[str, int]]:
    """Its address. `head_deadline` in seconds, `largest` body in bytes."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return web.Response(body=await door.body(request, largest))
        except door.BodyError as error:
            return web.Response(status=error.status, text=str(error))

    app = web.Application()
    app.router.add_post("/", answer)
    entrance = Door(app, head_deadline=head_deadline)
    await entrance.open("127.0.0.1", 0)
    try:
        yield entrance.address
    finally:
        await entrance.close()


def counted_unpacking(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of what any server of this process unpacks from now on, in bytes."""
    sizes = list[int]()
    unpack = compression_utils.ZLibDecompressor.decompress_sync

    def noted(self: compression_utils.ZLibDecompressor, *given: Any, **named: Any) -> bytes:
        found = unpack(self, *given, **named)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(compression_utils.ZLibDecompressor, "decompress_sync", noted)
    return sizes
