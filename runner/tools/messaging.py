"""Tools that say something to people."""

from __future__ import annotations

from runner.tools.tool import Park, ToolContext, ToolError
from sessiondb import content

LONGEST_TEXT = 100_000  # characters; the host refuses more


async def send_message(context: ToolContext, text: str, destination: str = "") -> str:
    """Send a message right now, before the turn ends: a progress note, or a post to one of the listed destinations.

    Without a destination it goes to the conversation that asked. The final answer needs no tool: just answer.
    """
    if not text.strip():
        raise ToolError("the text is empty")
    if len(text) > LONGEST_TEXT:
        raise ToolError(f"the text has {len(text)} characters; at most {LONGEST_TEXT} are sent")
    known = [listed.name for listed in context.destinations]
    if destination and destination not in known:
        raise ToolError(f"unknown destination {destination!r}; known: {', '.join(known) or 'none'}")
    return f"queued as {context.emit(content.Text(text), destination)}"


async def ask_user_question(
    context: ToolContext, question: str, options: list[str] | None = None, free_text: bool = False
) -> str:
    """Ask the person who wrote, and wait for the answer. Give short options for buttons, or allow free text."""
    if not options and not free_text:
        free_text = True
    raise Park(content.Question(question, tuple(options or ()), free_text))
