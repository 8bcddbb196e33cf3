"""The agent's tools: plain functions with typed arguments. `standard()` lists those every agent has."""

from runner.tools import messaging
from runner.tools.tool import Park, Tool, ToolContext, ToolError

__all__ = ["Park", "Tool", "ToolContext", "ToolError", "standard"]


def standard() -> list[Tool]:
    return [Tool.of(messaging.send_message), Tool.of(messaging.ask_user_question)]
