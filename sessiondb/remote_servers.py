"""How a runner and the gateway speak of MCP servers on the web: where on the session's socket, and that one is away."""

from __future__ import annotations

from urllib.parse import quote

PREFIX = "/mcp/"  # of the path; the server's name follows, quoted
AWAY = -32_011  # code of an error that is the way's to the server, in words for the model


def url_of(name: str) -> str:
    """What a runner is told in place of the server's own address; it leads nowhere but into the session's socket."""
    return f"http://gateway{PREFIX}{quote(name, safe='')}"
