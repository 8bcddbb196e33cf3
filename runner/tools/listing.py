"""The tools of one MCP server: every page of its list, and hearing that the list has changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from runner.tools import results, wire
from runner.tools.wire import Wire
from sessiondb.frozen import frozen

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import MessageHandlerFnT

MOST_PAGES = 50  # of one listing
MOST_TOOLS = 256  # of one server
LISTEN_AGAIN_AFTER = 5.0  # s from the end of a subscription to the next
CHANGED = "notifications/tools/list_changed"


class Changes:
    """A server's word that its list has changed, and whether the new one has been read."""

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self._read = asyncio.Event()

    def mark(self) -> None:
        self.told.set()
        self._read.clear()

    def begin(self) -> None:
        """What is told from here on wants another reading."""
        self.told.clear()

    def done(self) -> None:
        if not self.told.is_set():
            self._read.set()

    def end(self) -> None:
        """There is nothing to wait for any more."""
        self._read.set()

    async def settled(self, within: float) -> None:
        """Until what is offered is what the server last said, or `within` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._read.wait()


@frozen
class Told:
    """A tool as its server told it."""

    name: str
    description: str
    schema: object


@frozen
class Listing:
    tools: list[Told]
    notes: list[str]


async def listed(client: Client, heard: Wire) -> Listing:
    """Every page, to a cursor that was there before or a bound."""
    tools: dict[str, Told] = {}
    notes: list[str] = []
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        kept = {tool.name for tool in page.tools}
        for told in heard.listed:
            _add(told, tools, kept, notes)
        cursor = page.next_cursor
        if not cursor or cursor in seen or len(tools) > MOST_TOOLS:
            break
        seen.add(cursor)
    else:
        notes.append(f"it lists more than {MOST_PAGES} pages of tools; the rest is left out")
    if len(tools) > MOST_TOOLS:
        notes.append(f"it lists more than {MOST_TOOLS} tools; the rest is left out")
    return Listing(list(tools.values())[:MOST_TOOLS], list(dict.fromkeys(notes)))


def _add(told: Any, tools: dict[str, Told], kept: set[str], notes: list[str]) -> None:
    name = wire.name_of(told) if isinstance(told, dict) else ""
    if not name:
        notes.append("a tool without a name is left out")
    elif name not in kept:
        notes.append(f"no tool {results.short(name)!r}: it asks for headers that nobody may send")
    elif name in tools:
        notes.append(f"tool {results.short(name)!r} is listed more than once; the first counts")
    else:
        description = told.get("description")
        tools[name] = Told(name, description if isinstance(description, str) else "", told.get("inputSchema"))


@contextlib.asynccontextmanager
async def listening(client: Client, changes: Changes) -> AsyncIterator[None]:
    """While the block runs, a server that speaks the newer protocol is asked to tell of changes.

    Entered before the first listing, so that no change falls between the two.
    """
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

    if client.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        yield
        return
    open_ = asyncio.Event()
    task = asyncio.create_task(_subscribed(client, changes, open_), name="mcp-listen")
    try:
        waiting = asyncio.ensure_future(open_.wait())
        await asyncio.wait({task, waiting}, timeout=LISTEN_AGAIN_AFTER, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _subscribed(client: Client, changes: Changes, open_: asyncio.Event) -> None:
    """Until the server says that it has no subscriptions, or the connection ends."""
    from mcp import MCPError
    from mcp.client.subscriptions import SubscriptionLost

    while True:
        with contextlib.suppress(SubscriptionLost):
            try:
                async with client.listen(tools_list_changed=True) as events:
                    if open_.is_set():
                        changes.mark()  # what came in between is not told again
                    open_.set()
                    async for _ in events:
                        changes.mark()
            except MCPError:
                return
        await asyncio.sleep(LISTEN_AGAIN_AFTER)


def hearing(changes: Changes) -> MessageHandlerFnT:
    """For servers of the older protocol, which tell unasked."""

    async def hear(message: Any) -> None:
        if getattr(message, "method", "") == CHANGED:
            changes.mark()

    return hear
