"""What a person may order in the terminal behind a slash: the list, the nearest to a slip, and completion."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from host.ports.commands import NEAR, distance

LOCAL = {  # what the terminal does itself
    "new": ("[name]", "start a conversation"),
    "switch": ("name", "go to another conversation"),
    "sessions": ("", "list the conversations, with their last lines"),
    "help": ("", "this list"),
    "quit": ("", "leave; what runs goes on at the next start"),
}
OF_THE_HOST = {  # what it passes on
    "stop": ("", "stop what runs; Ctrl-C does it, too"),
    "clear": ("", "forget what was said"),
    "status": ("", "what runs here"),
    "tasks": ("", "what is scheduled here"),
    "usage": ("", "what it costs"),
    "why": ("", "what became of the last message"),
    "memory": ("[words]", "what the agent noted"),
}
COMMANDS = {**LOCAL, **OF_THE_HOST}
_COMMAND = re.compile(r"/(?P<name>[A-Za-z][\w-]*)(?:\s+(?P<rest>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no such command; `why` says which is the nearest."""

    why: str


def read(text: str) -> Command | Refused | str:
    """A command, a slip, or what is to be said. A path such as /etc/hosts is none; "//" says a line that begins with a slash."""
    line = text.strip()
    if line.startswith("//"):
        return line[1:]
    found = _COMMAND.fullmatch(line)
    if found is None:
        return text
    name = found["name"].lower()
    if name in COMMANDS:
        return Command(name, (found["rest"] or "").strip())
    near = nearest(name, COMMANDS)
    hint = f"Did you mean /{near}?" if near else "/help lists them."
    return Refused(f"There is no /{found['name']}. {hint} Two slashes send the line as it is.")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that begins so, or the nearest by letters; '' when none is near."""
    beginning = [one for one in known if one.startswith(word)]
    if beginning:
        return min(beginning, key=len)
    far, near = min((distance(word, one), one) for one in known)
    return near if far <= NEAR else ""


def listed() -> Sequence[tuple[str, str]]:
    """Each command as it is written, and what it does."""
    return [(f"/{name} {argument}".strip(), does) for name, (argument, does) in COMMANDS.items()]


class Completing(Completer):
    """Of commands by Tab, and of conversations behind /switch."""

    def __init__(self, conversations: Callable[[], Sequence[str]]) -> None:
        self._conversations = conversations

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        if text.startswith("/switch "):
            begun = text.removeprefix("/switch ")
            for name in self._conversations():
                if name.startswith(begun):
                    yield Completion(name, -len(begun))
        elif text.startswith("/") and " " not in text:
            for name, (_, does) in COMMANDS.items():
                if name.startswith(text[1:].lower()):
                    yield Completion(f"/{name}", -len(text), display_meta=does)
