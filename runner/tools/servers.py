"""MCP servers that an agent lists: started with the first turn, kept, started again when they die.

    options.mcp = { github = { command = "github-mcp", args = ["stdio"], env = { … } }, wiki = { url = "http://gateway/…" } }

Their tools are called `mcp__github__search`; where people name tools (`approve`), `mcp:github/search`. What cannot be
offered is told to the model by the description of one tool more, `mcp_status`, which is there while there is something to tell.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import egress
from runner.sockets import reachable
from runner.tools import offers, results
from runner.tools.listing import Changes, Listing, Told, hearing, listed, listening
from runner.tools.results import short
from runner.tools.tool import Tool, ToolContext, ToolError
from runner.tools.wire import Wire
from sessiondb.frozen import frozen
from sessiondb.options import McpServer
from sessiondb.remote_servers import AWAY

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client import Transport
    from mcp.client._transport import TransportStreams
    from mcp_types import CallToolResult

START_DEADLINE = 30.0  # s a server gets to start and list its tools
PATIENCE = 10.0  # s that a turn waits for it; it goes on starting meanwhile
FIRST_PAUSE = 5.0  # s before a server that fell twice in a row is started again; doubled each time
LONGEST_PAUSE = 300.0  # s
LONGEST_PAUSE_REMOTE = 10.0  # s; asking the gateway again costs little, and somebody may have signed in
CALL_TIMEOUT = 300.0  # s of one call
CLOSING_DEADLINE = 8.0  # s a server gets to end; the library kills it after four
ANSWER_DEADLINE = CALL_TIMEOUT - 10.0  # s after which a server is taken to hang, and is stopped
HASTY = 5  # listings in a row that a server may ask for at once
LIST_AGAIN_AFTER = 5.0  # s between two of them after that
RENEWAL = 5.0  # s that a result or a turn waits for the list that its server said has changed
STALE_AFTER = 300.0  # s after which a list is asked for again, for not every server tells
MOST_NOTES = 20  # told to the model
CERTIFICATES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CURL_CA_BUNDLE",
)

log = logging.getLogger(__name__)


@frozen
class _Life:
    """One connection to a server, from its start to its end."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    changes: Changes = field(default_factory=Changes)
    wire: Wire = field(default_factory=Wire)


class Server:
    """One server. Its connection lives in a task of its own, as the library demands that one task opens and closes it."""

    def __init__(self, launch: McpServer, gateway: str) -> None:
        self._launch = launch
        self._gateway = gateway
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()  # connections that are being closed
        self._begun: asyncio.Task[None] | None = None  # a start that a turn may have stopped waiting for
        self._life = _Life()  # the latest
        self._listed_at = 0.0
        self._client: Client | None = None
        self._starting = asyncio.Lock()
        self._not_before = 0.0
        self._fell = 0  # times in a row
        self._trouble = ""
        self._left_out: list[str] = []
        self.tools: list[Tool] = []

    @property
    def notes(self) -> list[str]:
        """What the model should know."""
        return [*([self._trouble] if self._trouble else []), *self._left_out]

    async def prepare(self) -> None:
        """Starts it for a turn, which goes on without it where that fails or lasts."""
        if self._client is not None:
            if asyncio.get_running_loop().time() - self._listed_at > STALE_AFTER:
                self._life.changes.mark()
            await self._life.changes.settled(RENEWAL)
            return
        patience = 0.0  # for one that an earlier turn has waited for already
        if self._begun is None or self._begun.done():
            patience = PATIENCE
            self._begun = asyncio.create_task(self._tried(), name=f"mcp-start:{self._launch.name}")
        await asyncio.wait({self._begun}, timeout=patience)
        if not self._begun.done():
            self._trouble = f"the MCP server {self._launch.name!r} is still starting"

    async def _tried(self) -> None:
        try:
            await self.start()
        except ToolError as error:
            log.warning("%s", error)

    async def start(self) -> None:
        """Does nothing when it runs. Raises `ToolError`."""
        async with self._starting:
            if self._client is not None:
                return
            wait = self._not_before - asyncio.get_running_loop().time()
            if wait > 0:
                raise ToolError(f"{self._trouble}; it is started again in {wait:.0f} s at the earliest")
            self._end()
            try:
                await self._open()
            except ToolError as error:
                self._falls(str(error))
                raise
            self._trouble = ""

    async def stop(self) -> None:
        """When this returns, its processes are gone."""
        if self._begun is not None:
            self._begun.cancel()
        self._end()
        if self._ending:
            await asyncio.wait(self._ending, timeout=CLOSING_DEADLINE)

    def _end(self) -> None:
        """Has the connection closed. What the library does for that must not be cancelled: it would leave the process behind."""
        started, self._client = self._client is not None, None
        self._life.stop.set()
        if self._task is None:
            return
        task, self._task = self._task, None
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        if not started:
            task.cancel()  # it waits for the server, and for nothing else

    async def _open(self) -> None:
        """Raises `ToolError`."""
        self._life = _Life()
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(self._life, ready), name=f"mcp:{self._launch.name}")
        try:
            async with asyncio.timeout(START_DEADLINE):
                await ready
        except TimeoutError as error:
            self._end()
            late = f"the MCP server {self._launch.name!r} did not start in {START_DEADLINE:g} s"
            raise ToolError(late) from error

    def _falls(self, trouble: str) -> None:
        self._trouble = trouble
        longest = LONGEST_PAUSE_REMOTE if self._launch.url else LONGEST_PAUSE
        pause = 0.0 if self._fell == 0 else min(longest, FIRST_PAUSE * 2 ** min(self._fell - 1, 10))
        self._fell += 1
        self._not_before = asyncio.get_running_loop().time() + pause

    async def _run(self, life: _Life, ready: asyncio.Future[None]) -> None:
        from mcp import Client

        transport = life.wire.over(_transport(self._launch, self._gateway))
        client: Client | None = None
        try:
            async with (
                Client(transport, message_handler=hearing(life.changes), cache=None) as client,
                listening(client, life.changes),
            ):
                await self._list(client, life)
                if not ready.done():
                    self._client = client
                    ready.set_result(None)
                await self._follow(client, life)
        except Exception as error:  # noqa: BLE001 - a third party's process: whatever it does is told to the model
            log.warning("MCP server %s ended: %s", self._launch.name, _words(error))
            if not ready.done():
                away = _is_away(_first_of(error))
                started = f"the MCP server {self._launch.name!r} does not start: "
                ready.set_exception(ToolError(_words(error) if away else started + _words(error)))
        finally:
            if self._client is client:
                self._client = None
            life.changes.end()

    async def _follow(self, client: Client, life: _Life) -> None:
        """Reads the list again whenever the server says that it has changed. One that never ends to change is slowed down."""
        clock = asyncio.get_running_loop().time
        hasty = 0
        while not life.stop.is_set():
            await _first(life.stop, life.changes.told)
            if life.changes.told.is_set() and not life.stop.is_set():
                hasty = hasty + 1 if clock() - self._listed_at < LIST_AGAIN_AFTER else 0
                if hasty > HASTY:
                    await _first(life.stop, within=LIST_AGAIN_AFTER)
                await self._list(client, life)

    async def _list(self, client: Client, life: _Life) -> None:
        life.changes.begin()
        self._offer(await listed(client, life.wire))
        self._listed_at = asyncio.get_running_loop().time()
        life.changes.done()

    def _offer(self, listing: Listing) -> None:
        """Takes the tools that can be offered; each of the others costs itself alone."""
        tools, self._left_out = [], [f"{self._launch.name}: {note}" for note in listing.notes]
        legal = offers.names(self._launch.name, [tool.name for tool in listing.tools])
        for tool in listing.tools:
            try:
                tools.append(self._tool(tool, legal[tool.name], offers.schema(tool.schema)))
            except (offers.Unusable, RecursionError, TypeError, ValueError, AttributeError) as error:
                self._left_out.append(f"{self._launch.name}: no tool {short(tool.name)!r}: {_words(error)}")
        for note in self._left_out:
            log.warning("MCP server %s", note)
        self.tools = tools

    def _tool(self, tool: Told, legal: str, schema: dict[str, Any]) -> Tool:
        async def call(context: ToolContext, **arguments: Any) -> str:
            return await self._call(context, tool.name, arguments)

        return Tool(
            name=legal,
            description=results.plain(tool.description)[: offers.LONGEST_DESCRIPTION],
            function=call,
            input_schema=schema,
            timeout=CALL_TIMEOUT,
            label=f"mcp:{self._launch.name}/{short(tool.name)}",
            checked_by_server=True,
        )

    async def _call(self, context: ToolContext, name: str, arguments: dict[str, Any]) -> str:
        try:
            async with asyncio.timeout(ANSWER_DEADLINE):
                try:
                    result = await self._asked(name, arguments)
                except Exception as error:
                    if not _has_forgotten(error):
                        raise
                    self._end()
                    result = await self._asked(name, arguments)
        except ToolError:
            raise
        except Exception as error:
            raise ToolError(self._failed(error)) from error
        self._fell = 0
        await self._life.changes.settled(
            RENEWAL
        )  # the model's next request shows the list as this call left it
        text, context.shown[:] = await asyncio.to_thread(results.read, result, context.workspace)
        if result.is_error:
            raise ToolError(text or "the tool failed")
        return text

    async def _asked(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        """Raises `ToolError` when it does not run, and whatever the library raises."""
        await self.start()
        client = self._client
        if client is None:
            raise ToolError(f"the MCP server {self._launch.name!r} is not running")
        return await client.call_tool(name, arguments)

    def _failed(self, error: Exception) -> str:
        """What the model is told. The call is not repeated: the server may have done what was asked."""
        if _is_away(error):
            return _words(error)
        if _still_serves(error):
            return f"the MCP server {self._launch.name!r} refused the call: {_words(error)}"
        words = f"no answer in {ANSWER_DEADLINE:g} s" if isinstance(error, TimeoutError) else _words(error)
        self._falls(f"the MCP server {self._launch.name!r} failed: {words}")
        self._end()
        return self._trouble


class Servers:
    def __init__(self, launches: Iterable[McpServer], gateway: Path) -> None:
        told = list(launches)
        way = reachable(gateway) if any(launch.url for launch in told) else ""
        self._servers = [Server(launch, way) for launch in told]

    async def start(self) -> None:
        await asyncio.gather(*(server.prepare() for server in self._servers))

    def tools(self) -> list[Tool]:
        """Names are unique over all servers: the first in the configuration keeps its own."""
        found: dict[str, Tool] = {}
        for tool in [tool for server in self._servers for tool in server.tools]:
            if tool.name in found:
                [name] = offers.names("", [tool.label], found).values()
                tool = replace(tool, name=name)
            found[tool.name] = tool
        notes = [note for server in self._servers for note in server.notes]
        return [*found.values(), *([_status(notes)] if notes else [])]

    async def stop(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers))


def _transport(launch: McpServer, gateway: str) -> Transport:
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    if launch.url:
        return _by_the_gateway(launch.url, gateway)
    environment = {**_way_out(), **launch.env}
    started = StdioServerParameters(
        command=launch.command,
        args=list(launch.args),
        env=environment,
        encoding_error_handler="replace",  # one wrong byte must not end the connection
    )
    return stdio_client(started)


@asynccontextmanager
async def _by_the_gateway(url: str, gateway: str) -> AsyncIterator[TransportStreams]:
    """The host is the server's client: it knows where it is, and says who asks."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    way = httpx2.AsyncHTTPTransport(uds=gateway)
    async with (
        httpx2.AsyncClient(transport=way, timeout=httpx2.Timeout(CALL_TIMEOUT), trust_env=False) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams


async def _first(*events: asyncio.Event, within: float | None = None) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


def _status(notes: list[str]) -> Tool:
    told = [short(note, 300) for note in notes[:MOST_NOTES]]
    if len(notes) > MOST_NOTES:
        told.append(f"and {len(notes) - MOST_NOTES} more")
    text = "\n".join(told)

    async def mcp_status(_: ToolContext) -> str:
        return text

    description = f"Not available now of this agent's MCP servers (tell people who ask for it):\n{text}"
    return replace(Tool.of(mcp_status, repeatable=True), description=description)


def _is_away(error: BaseException) -> bool:
    """Whether the gateway says so, in words for the model."""
    from mcp import MCPError

    return isinstance(error, MCPError) and error.code == AWAY


def _has_forgotten(error: Exception) -> bool:
    """Whether a server on the web refuses the call because it has ended the connection meanwhile: it did nothing then."""
    from mcp import MCPError

    return isinstance(error, MCPError) and str(error) == "Session terminated"


def _still_serves(error: Exception) -> bool:
    """Whether the server answered, if only with a refusal or something that nobody can read."""
    from mcp import MCPError

    if isinstance(error, MCPError):
        return "connection closed" not in str(error).lower()
    return isinstance(error, RuntimeError | ValueError)


def _way_out() -> dict[str, str]:
    """The proxy and the certificates: the library hands on next to nothing of this process's environment."""
    return {name: os.environ[name] for name in (*egress.VARIABLES, *CERTIFICATES) if name in os.environ}


def _first_of(error: BaseException) -> BaseException:
    """The first plain error inside of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _words(error: BaseException) -> str:
    error = _first_of(error)
    return short(str(error), 300) or type(error).__name__
