"""`python -m runner.tools`: an MCP server on stdio over the tools of the running turn.

It holds nothing and writes nothing: every call goes to the runner by its private socket (see `runner.tools.desk`).
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from typing import Any

import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

from runner.tools.desk import LONGEST_ANSWER, SOCKET


class Runner:
    """One connection per request: calls may run side by side, and a runner that restarted is found again."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises `OSError`, `ValueError`."""
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=LONGEST_ANSWER)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            await writer.drain()
            answer: dict[str, Any] = json.loads(await reader.readline())
            return answer
        finally:
            writer.close()


def server_for(runner: Runner) -> Server[dict[str, Any]]:
    async def list_tools(
        context: ServerRequestContext[dict[str, Any]], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        found = await runner.ask({"list": True})
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=tool["name"], description=tool["description"], input_schema=tool["input_schema"]
                )
                for tool in found["tools"]
            ]
        )

    async def call_tool(
        context: ServerRequestContext[dict[str, Any]], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        request = {"call": params.name, "arguments": params.arguments or {}, "id": secrets.token_hex(8)}
        try:
            answer = await runner.ask(request)
        except (OSError, ValueError) as error:
            answer = {"text": f"the runner cannot be reached: {error}", "is_error": True}
        pictures = [
            types.ImageContent(type="image", data=picture["data"], mime_type=picture["media_type"])
            for picture in answer.get("pictures", ())
        ]
        text = types.TextContent(type="text", text=answer["text"])
        return types.CallToolResult(content=[text, *pictures], is_error=answer["is_error"])

    return Server("dovecote", on_list_tools=list_tools, on_call_tool=call_tool)


async def _serve(socket: str) -> None:
    server = server_for(Runner(socket))
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def main() -> int:
    socket = os.environ.get(SOCKET, "")
    if not socket:
        sys.stderr.write(f"{SOCKET} is not set; this server is started by a runner's children\n")
        return 2
    asyncio.run(_serve(socket))
    return 0


if __name__ == "__main__":
    sys.exit(main())
