"""A small MCP server on stdio: `add` adds, `die` ends the process in mid-call, `refuse` is an error in words."""

from __future__ import annotations

import os

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("fake")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def refuse() -> str:
    """Refuse."""
    raise ToolError("not on a Sunday")


@server.tool()
def die() -> str:
    """End the process."""
    os._exit(1)


if __name__ == "__main__":
    server.run("stdio")
