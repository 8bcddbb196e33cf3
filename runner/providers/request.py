"""What is asked of the Messages API: stable in front, growing at the end, so that what earlier requests cached is read again."""

from __future__ import annotations

from typing import Any

from runner import instructions
from runner.settings import Settings
from runner.tools.box import Toolbox
from runner.tools.tool import Tool
from sessiondb.options import DEFAULT_MODEL, Options

JSON = dict[str, Any]

TIMEOUT = 600.0  # s without a byte
TITLE_TOKENS = 100
SERVER_TOOLS: dict[str, JSON] = {
    "web_search": {"type": "web_search_20250305", "name": "web_search", "max_uses": 10},
    "web_fetch": {"type": "web_fetch_20260209", "name": "web_fetch", "max_uses": 10},
}


def of(
    settings: Settings,
    options: Options,
    tools: Toolbox,
    messages: list[JSON],
    max_tokens: int,
    model: str = "",
) -> JSON:
    told = instructions.compose(settings, tools.destinations)
    request: JSON = {
        "model": model or settings.agent.model or DEFAULT_MODEL,
        "max_tokens": max_tokens,
        "system": [{"type": "text", "text": told, "cache_control": {"type": "ephemeral"}}],
        "messages": messages,
        "cache_control": {"type": "ephemeral"},
        "timeout": TIMEOUT,
    }
    if offered := [*map(_tool, tools.tools), *_server_tools(options)]:
        request["tools"] = offered
    if options.effort:
        request["output_config"] = {"effort": options.effort}
    if options.thinking:
        request["thinking"] = {"type": "adaptive"}
    return request


def of_title(settings: Settings, said: str) -> JSON:
    messages = [{"role": "user", "content": said}]
    return {
        "model": settings.title_model,
        "max_tokens": TITLE_TOKENS,
        "messages": messages,
        "timeout": TIMEOUT,
    }


def _server_tools(options: Options) -> list[JSON]:
    wanted = {"web_search": options.web_search, "web_fetch": options.web_fetch}
    return [SERVER_TOOLS[name] for name, allowed in wanted.items() if allowed]


def _tool(tool: Tool) -> JSON:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
