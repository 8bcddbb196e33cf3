"""Tools that say something to people."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runner.tools.paths import among
from runner.tools.tool import Park, ToolContext, ToolError
from sessiondb import content

LARGEST_FILE = 25_000_000  # bytes of a file that is sent
LONGEST_TEXT = 100_000  # characters; the host refuses more
MOST_OPTIONS = 25  # of a question: what every platform can show
LONGEST_OPTION = 200  # characters


async def send_message(context: ToolContext, text: str, destination: str = "") -> str:
    """Send a message right now, before the turn ends: a progress note, or a post to one of the listed destinations.

    Without a destination it goes to the conversation that asked. The final answer needs no tool: just answer.
    """
    _check(text)
    _known(context, destination)
    return f"queued as {context.emit(content.Text(text), destination)}"


async def edit_message(context: ToolContext, message_id: str, text: str) -> str:
    """Replace the text of a message you sent earlier, by the id it was queued as."""
    _check(text)
    context.emit(content.Edit(message_id, text))
    return "queued"


async def add_reaction(context: ToolContext, emoji: str, message_id: str = "") -> str:
    """React to a message with an emoji's name, such as eyes or white_check_mark; without an id, to the one you answer."""
    name = emoji.strip().strip(":")
    if not name:
        raise ToolError("emoji must be a name such as eyes")
    context.emit(content.Reaction(message_id or context.answers, name))
    return "queued"


async def send_card(
    context: ToolContext, title: str, text: str = "", fields: dict[str, str] | None = None, url: str = ""
) -> str:
    """Show a card: a title, a text, named values and a link."""
    _check(title)
    rows = tuple(content.Field(str(name), str(value)) for name, value in (fields or {}).items())
    return f"queued as {context.emit(content.Card(title, text, rows, url))}"


async def send_document(
    context: ToolContext, title: str, text: str, comment: str = "", destination: str = ""
) -> str:
    """Send a long result, in Markdown, as a document of its own: a report, minutes, a comparison of several screens.

    People read it as a page where their platform has pages, else as a file. The comment stands beside it in the conversation,
    and what is short belongs into the answer.
    """
    _check(title)
    _check(text)
    _known(context, destination)
    return f"queued as {context.emit(content.Document(title, text, comment), destination)}"


class Outbox:
    """Files on their way to people: copied out of the workspace, so that later changes do not reach what was sent."""

    def __init__(self, files: Path) -> None:
        self._files = files

    async def send_file(
        self, context: ToolContext, path: str, comment: str = "", destination: str = ""
    ) -> str:
        """Send a file of the workspace or the shared folder to the conversation that asked, or to a listed destination."""
        source = among([context.workspace, context.shared], path)
        if not source.is_file():
            raise ToolError(f"there is no file {path!r}")
        if (size := source.stat().st_size) > LARGEST_FILE:
            raise ToolError(f"{path!r} has {size} bytes; at most {LARGEST_FILE} are sent")
        _known(context, destination)
        folder = Path("".join(c if c.isalnum() else "-" for c in f"{context.turn}-{context.call_id}"))
        (self._files / folder).mkdir(parents=True, exist_ok=True)
        from shutil import copyfile

        await asyncio.to_thread(copyfile, source, self._files / folder / source.name)
        row = content.File(str(folder / source.name), source.name, comment)
        return f"queued as {context.emit(row, destination)}"


async def ask_user_question(
    context: ToolContext, question: str, options: list[str] | None = None, free_text: bool = False
) -> str:
    """Ask the person who wrote, and wait for the answer. Give short options for buttons, or allow free text."""
    _check(question)
    for option in options or ():
        if not option.strip() or len(option) > LONGEST_OPTION:
            raise ToolError(f"an option has 1 to {LONGEST_OPTION} characters")
    if len(options or ()) > MOST_OPTIONS:
        raise ToolError(f"at most {MOST_OPTIONS} options")
    if not options and not free_text:
        free_text = True
    raise Park(content.Question(question, tuple(options or ()), free_text))


def _check(text: str) -> None:
    if not text.strip():
        raise ToolError("the text is empty")
    if len(text) > LONGEST_TEXT:
        raise ToolError(f"the text has {len(text)} characters; at most {LONGEST_TEXT} are sent")


def _known(context: ToolContext, destination: str) -> None:
    known = [listed.name for listed in context.destinations]
    if destination and destination not in known:
        raise ToolError(f"unknown destination {destination!r}; known: {', '.join(known) or 'none'}")
