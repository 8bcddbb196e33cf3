"""MCP servers that an agent lists: started with the first turn, kept, started again when they die.

    options.mcp = { github = { command = "github-mcp", args = ["stdio"], env = { … } }, wiki = { url = "http://…" } }

Their tools are called `mcp__github__search`; where people name tools (`approve`), `mcp:github/search`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner import egress
from runner.settings import SettingsError
from runner.tools.tool import Tool, ToolContext, ToolError

if TYPE_CHECKING:
    from mcp import Client

START_DEADLINE = 30.0  # s a server gets to start and list its tools
START_AGAIN_AFTER = 60.0  # s a turn does not wait for a server that failed to start
CALL_TIMEOUT = 300.0  # s of one call
LONGEST_RESULT = 100_000  # characters shown to the model
CERTIFICATES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CURL_CA_BUNDLE",
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Launch:
    """How to reach one server: by a command in the container, or by a URL."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    @classmethod
    def all_of(cls, options: Mapping[str, Any]) -> list[Launch]:
        """Raises `SettingsError`."""
        found = options.get("mcp", {})
        if not isinstance(found, dict):
            raise SettingsError("DOVECOTE_AGENT", "options.mcp must be a table of servers")
        made = []
        for name, told in found.items():
            try:
                launch = cls(name, **{**told, "args": tuple(told.get("args", ()))})
            except (TypeError, AttributeError) as error:
                raise SettingsError("DOVECOTE_AGENT", f"options.mcp.{name}: {error}") from error
            if bool(launch.command) == bool(launch.url):
                raise SettingsError("DOVECOTE_AGENT", f"options.mcp.{name} needs a command or a url")
            made.append(launch)
        return made


class Server:
    """One server. Its connection lives in a task of its own, as the library demands that one task opens and closes it."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._client: Client | None = None
        self._starting = asyncio.Lock()
        self._not_before = 0.0
        self.tools: list[Tool] = []

    async def prepare(self) -> None:
        """Starts it for a turn, which goes on without it where that fails."""
        clock = asyncio.get_running_loop().time
        if clock() < self._not_before:
            return
        try:
            await self.start()
        except ToolError as error:
            self._not_before = clock() + START_AGAIN_AFTER
            log.warning("%s", error)

    async def start(self) -> None:
        """Does nothing when it runs. Raises `ToolError`."""
        async with self._starting:
            if self._client is not None:
                return
            await self.stop()
            self._stop = asyncio.Event()
            ready: asyncio.Future[list[Tool]] = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(ready), name=f"mcp:{self._launch.name}")
            try:
                async with asyncio.timeout(START_DEADLINE):
                    self.tools = await ready
            except TimeoutError as error:
                await self.stop()
                raise ToolError(
                    f"the MCP server {self._launch.name!r} did not start in {START_DEADLINE:g} s"
                ) from error

    async def stop(self) -> None:
        self._client = None
        self._stop.set()
        if self._task is not None:
            task, self._task = self._task, None
            await asyncio.wait({task}, timeout=5.0)
            task.cancel()

    async def _run(self, ready: asyncio.Future[list[Tool]]) -> None:
        from mcp import Client, StdioServerParameters

        launch = self._launch
        target: str | StdioServerParameters = launch.url or StdioServerParameters(
            command=launch.command, args=list(launch.args), env={**_way_out(), **launch.env}
        )
        try:
            async with Client(target) as client:
                listed = (await client.list_tools()).tools
                self._client = client
                if not ready.done():
                    ready.set_result(
                        [self._tool(tool.name, tool.description or "", tool.input_schema) for tool in listed]
                    )
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001 - a third party's process: whatever it does is told to the model
            log.warning("MCP server %s ended: %s", launch.name, _words(error))
            if not ready.done():
                ready.set_exception(
                    ToolError(f"the MCP server {launch.name!r} does not start: {_words(error)}")
                )
        finally:
            self._client = None

    def _tool(self, name: str, description: str, input_schema: dict[str, Any]) -> Tool:
        async def call(_: ToolContext, **arguments: Any) -> str:
            return await self._call(name, arguments)

        return Tool(
            name=f"mcp__{self._launch.name}__{name}"[:128],
            description=description,
            function=call,
            input_schema=input_schema,
            timeout=CALL_TIMEOUT,
            label=f"mcp:{self._launch.name}/{name}",
            checked_by_server=True,
        )

    async def _call(self, name: str, arguments: dict[str, Any]) -> str:
        await self.start()
        client = self._client
        if client is None:
            raise ToolError(f"the MCP server {self._launch.name!r} is not running")
        try:
            result = await client.call_tool(name, arguments)
        except Exception as error:
            # It may have done what was asked before it died: the call is not repeated, the next one finds it started anew.
            await self.stop()
            raise ToolError(f"the MCP server {self._launch.name!r} failed: {_words(error)}") from error
        text = "\n".join(
            getattr(block, "text", f"({block.type} content)") for block in getattr(result, "content", ())
        )
        if len(text) > LONGEST_RESULT:
            text = text[:LONGEST_RESULT] + f"\n… cut, {len(text)} characters in all"
        if getattr(result, "is_error", False):
            raise ToolError(text or "the tool failed")
        return text


class Servers:
    def __init__(self, launches: Iterable[Launch]) -> None:
        self._servers = [Server(launch) for launch in launches]

    async def start(self) -> None:
        await asyncio.gather(*(server.prepare() for server in self._servers))

    def tools(self) -> list[Tool]:
        return [tool for server in self._servers for tool in server.tools]

    async def stop(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers))


def _way_out() -> dict[str, str]:
    """The proxy and the certificates: the library hands on next to nothing of this process's environment."""
    return {name: os.environ[name] for name in (*egress.VARIABLES, *CERTIFICATES) if name in os.environ}


def _words(error: BaseException) -> str:
    """The first plain error inside of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)[:300] or type(error).__name__
