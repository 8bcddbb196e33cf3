"""An MCP server that says what its script says: `pages` of tools/list, the `result` of every call, whose `arguments` it may echo.

python scripted.py '{"pages": [[{"name": "a.b", "inputSchema": {"type": "object"}}]], "result": {…}, "endless": false}'
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import mcp_types as types
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged


def server(script: dict[str, Any]) -> Server[Any]:
    pages = script["pages"]
    state = {"changed": False}
    bus = InMemorySubscriptionBus()

    async def list_tools(context: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        at = int(params.cursor) if params is not None and params.cursor else 1
        following: str | None
        if script.get("grows"):
            page, following = [{"name": f"tool{at}", "inputSchema": {"type": "object"}}], str(at + 1)
        elif script.get("stuck"):
            page, following = pages[0], "1"
        else:
            page, following = pages[at - 1], str(at + 1) if at < len(pages) else None
        if state["changed"]:
            page = [*page, {"name": "new", "inputSchema": {"type": "object"}}]
        tools = [types.Tool.model_validate(tool) for tool in page]
        return types.ListToolsResult(tools=tools, next_cursor=following)

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if script.get("changes"):
            state["changed"] = True
            await bus.publish(ToolsListChanged())
        default = {"content": [{"type": "text", "text": f"{params.name} was called"}]}
        return types.CallToolResult.model_validate(script.get("result", default))

    listen = ListenHandler(bus)
    return Server(
        "scripted", on_list_tools=list_tools, on_call_tool=call_tool, on_subscriptions_listen=listen
    )


async def main(script: dict[str, Any]) -> None:
    made = server(script)
    async with stdio_server() as (reading, writing):
        await made.run(reading, writing, made.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
