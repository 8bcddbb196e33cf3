"""The agent's tools: plain functions with typed arguments. `standard()` lists those every agent has."""

from runner.tools import messaging
from runner.tools.tool import Park, Tool, ToolContext, ToolError

__all__ = ["Park", "Tool", "ToolContext", "ToolError", "standard"]


def standard() -> list[Tool]:
    # A question whose call was recorded and which then was not put, for the process died, is put after all: it has one id.
    return [Tool.of(messaging.send_message), Tool.of(messaging.ask_user_question, repeatable=True)]
