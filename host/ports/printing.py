"""What the commands print on: whatever people, models and other programs called themselves or wrote drives no terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

DRIVES = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)  # or turns a terminal


def escaped(text: str) -> str:
    """For what is no list of ours and goes to programs, too: as JSON writes what is odd."""
    return DRIVES.sub(lambda odd: odd[0] if odd[0] == "\t" else f"\\u{ord(odd[0]):04x}", text)


def echo(text: str) -> None:
    print(escaped(text))  # noqa: T201 - the command's output


class SafeConsole(Console):
    """Nothing that is left out takes room, so that columns stand."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(DRIVES.sub("", segment.text), segment.style)
