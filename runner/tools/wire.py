"""What an MCP server sends, before the library judges it: it refuses a whole page or result for one part it cannot read.

Each tool and each piece of a result is looked at alone here. The library is given what it needs in the form it demands; the
tools as the server told them are read from `Wire.listed`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.client import Transport
    from mcp.client._transport import TransportStreams

JSON = dict[str, Any]

MOST_ASKED = 1_000  # requests without an answer that are remembered
LONGEST_STRANGE = 20_000  # characters of a piece of a result that nobody can read
_COMPLETE = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}  # demanded by some revisions


@dataclass
class Wire:
    """One connection. `listed` is the latest page of tools, each as it was sent."""

    listed: list[Any] = field(default_factory=list)
    _asked: dict[str, str] = field(default_factory=dict)

    def over(self, transport: Transport) -> AbstractAsyncContextManager[TransportStreams]:
        """The transport, with this at its ear."""

        @asynccontextmanager
        async def wrapped() -> AsyncIterator[TransportStreams]:
            async with transport as (reading, writing):
                yield _Reading(reading, self._received), _Writing(writing, self._sent)

        return wrapped()

    def _sent(self, message: Any) -> None:
        method = getattr(message, "method", "")
        if method in _MENDED and hasattr(message, "id"):
            if len(self._asked) >= MOST_ASKED:
                self._asked.clear()
            self._asked[str(message.id)] = method

    def _received(self, message: Any) -> None:
        method = self._asked.pop(str(getattr(message, "id", "")), "")
        result = getattr(message, "result", None)
        if not method or not isinstance(result, dict):
            return
        if method == "tools/list":
            self.listed = _tools_of(result)
        message.result = _MENDED[method](result)


def _tools_of(result: JSON) -> list[Any]:
    tools = result.get("tools")
    return tools if isinstance(tools, list) else []


def page(result: JSON) -> JSON:
    """With the tools that have a name, and of those only what the library uses."""
    cursor = result.get("nextCursor")
    further = {"nextCursor": cursor} if isinstance(cursor, str) else {}
    tools = [_tool(told) for told in _tools_of(result) if isinstance(told, dict) and name_of(told)]
    return {**_COMPLETE, **further, "tools": tools}


def name_of(told: JSON) -> str:
    """'' for a tool that cannot be called."""
    name = told.get("name")
    return name if isinstance(name, str) and name.strip() else ""


def _tool(told: JSON) -> JSON:
    schema = told.get("inputSchema")
    return {
        "name": told["name"],
        "inputSchema": {**(schema if isinstance(schema, dict) else {}), "type": "object"},
    }


def answer(result: JSON) -> JSON:
    """The result of a call; what nobody can read of it is text."""
    if result.get("resultType", "complete") != "complete":
        return result
    content = result.get("content")
    pieces = content if isinstance(content, list) else [] if content is None else [content]
    made = {
        **_COMPLETE,
        "content": [_piece(told) for told in pieces],
        "isError": result.get("isError") is True,
    }
    structured = result.get("structuredContent")
    if structured is not None:
        made["structuredContent"] = structured if isinstance(structured, dict) else {"result": structured}
    return made


def _piece(told: Any) -> JSON:
    kind = told.get("type") if isinstance(told, dict) else None
    made = _PIECES[kind](told) if isinstance(kind, str) and kind in _PIECES else None
    return made or _text(
        told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)[:LONGEST_STRANGE]
    )


def _text(text: str) -> JSON:
    return {"type": "text", "text": text}


def _words(told: JSON) -> JSON | None:
    text = told.get("text")
    return (
        None
        if text is None
        else _text(text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))
    )


def _bytes(told: JSON) -> JSON | None:
    data, kind = told.get("data"), told.get("mimeType")
    if not isinstance(data, str):
        return None
    return {"type": told["type"], "data": data, "mimeType": kind if isinstance(kind, str) else ""}


def _link(told: JSON) -> JSON | None:
    uri, name = told.get("uri"), told.get("name")
    if not isinstance(uri, str):
        return None
    known = {key: told[key] for key in ("title", "description", "mimeType") if isinstance(told.get(key), str)}
    size = {"size": told["size"]} if type(told.get("size")) is int else {}
    return {
        "type": "resource_link",
        "uri": uri,
        "name": name if isinstance(name, str) else uri,
        **known,
        **size,
    }


def _resource(told: JSON) -> JSON | None:
    inner = told.get("resource")
    if not isinstance(inner, dict):
        return None
    held = {key: inner[key] for key in ("text", "blob") if isinstance(inner.get(key), str)}
    if not held:
        return None
    kind = {"mimeType": inner["mimeType"]} if isinstance(inner.get("mimeType"), str) else {}
    uri = inner.get("uri")
    return {"type": "resource", "resource": {"uri": uri if isinstance(uri, str) else "", **kind, **held}}


_PIECES: dict[str, Callable[[JSON], JSON | None]] = {
    "text": _words,
    "image": _bytes,
    "audio": _bytes,
    "resource_link": _link,
    "resource": _resource,
}
_MENDED: dict[str, Callable[[JSON], JSON]] = {"tools/list": page, "tools/call": answer}


class _Stream:
    """Stands before one of the library's streams."""

    def __init__(self, inner: Any, heard: Callable[[Any], None]) -> None:
        self._inner = inner
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aenter__(self) -> Any:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *exception: Any) -> Any:
        return await self._inner.__aexit__(*exception)


class _Reading(_Stream):
    def __aiter__(self) -> _Reading:
        return self

    async def __anext__(self) -> Any:
        return self._let_in(await self._inner.__anext__())

    async def receive(self) -> Any:
        return self._let_in(await self._inner.receive())

    def _let_in(self, item: Any) -> Any:
        if not isinstance(item, Exception):
            self._heard(item.message)
        return item


class _Writing(_Stream):
    async def send(self, item: Any) -> None:
        self._heard(item.message)
        await self._inner.send(item)
