"""A small MCP server: `add` adds, `die` ends the process in mid-call, `refuse` is an error in words."""

from __future__ import annotations

import os

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def refuse() -> str:
    """Refuse."""
    raise ToolError("not on a Sunday")


def die() -> str:
    """End the process."""
    os._exit(1)


def server() -> MCPServer:
    made = MCPServer("fake")
    for tool in (add, refuse, die):
        made.tool()(tool)
    return made


if __name__ == "__main__":
    server().run("stdio")
