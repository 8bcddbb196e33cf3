"""The agent's plan for a turn: what it did, does and will do, for people to see while it works."""

from __future__ import annotations

import json
from collections.abc import Iterable

from runner.tools.tool import ToolContext, ToolError
from sessiondb import plan
from sessiondb.records import Step


async def update_plan(
    context: ToolContext, now: str, done: list[str] | None = None, todo: list[str] | None = None
) -> str:
    """Show people your plan while you work: steps that are done, the one under way, and those to come, a few words each.

    For work of three steps and more. Give the whole plan each time a step ends, in its order; with an empty `now` and no
    `todo` all is done. Say what you do in verbs, without names of files or commands.
    """
    items = plan.of(done or (), now, todo or ())
    if not items:
        raise ToolError("the plan is empty")
    context.plan(items)
    return "shown"


def last(recorded: Iterable[Step]) -> tuple[plan.Item, ...]:
    """The plan of a turn that is taken up again."""
    found: tuple[plan.Item, ...] = ()
    for step in recorded:
        call = json.loads(step.content) if step.kind == "tool_call" else {}
        told = call.get("arguments")
        if call.get("name") == update_plan.__name__ and isinstance(told, dict):
            found = (
                plan.of(_texts(told.get("done")), str(told.get("now", "")), _texts(told.get("todo"))) or found
            )
    return found


def _texts(told: object) -> list[str]:
    return [text for text in told if isinstance(text, str)] if isinstance(told, list) else []
