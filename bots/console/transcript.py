"""The console's platform: one append-only file per conversation. What is in the file was said; the screen only shows it.

Because a line is written and synced before it counts as sent, the console can look a delivery up by its key like any other
platform, and a person's line survives a crash between Enter and the inbox.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    id: str
    who: str  # "you" or "agent"
    text: str
    at: int  # ms UTC
    key: str = ""  # of the agent's: the delivery's key
    answers: str = ""  # id of the line it answers
    question: str = ""  # of a question: what the answer refers to
    options: tuple[str, ...] = ()
    answered: str = (
        ""  # of the person's: the question this line answers; of the agent's: the request that was decided
    )
    request: str = ""  # of what asks an owner: what is decided
    choices: tuple[str, ...] = ()  # of a request: the value of each option
    control: str = ""  # of the person's: a command instead of a text


class Transcript:
    """Not thread-safe; every method touches the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, line: Line) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        record = json.dumps(asdict(line), ensure_ascii=True)
        with self._path.open("ab") as out:
            # A crash may have cut the last line short; the newline in front keeps it from swallowing this one.
            lead = b"\n" if self._is_torn() else b""
            out.write(lead + record.encode("ascii") + b"\n")
            out.flush()
            os.fsync(out.fileno())

    def lines(self) -> Iterator[Line]:
        try:
            with self._path.open("rb") as source:
                for raw in source:
                    if (line := _parsed(raw)) is not None:
                        yield line
        except FileNotFoundError:
            return

    def by_key(self, key: str) -> Line | None:
        return next((line for line in self.lines() if line.key == key), None)

    def _is_torn(self) -> bool:
        with self._path.open("rb") as source:
            if source.seek(0, os.SEEK_END) == 0:
                return False
            source.seek(-1, os.SEEK_END)
            return source.read(1) != b"\n"


def _parsed(raw: bytes) -> Line | None:
    try:
        record: dict[str, Any] = json.loads(raw)
        lists = {name: tuple(record.get(name, ())) for name in ("options", "choices")}
        return Line(**{**record, **lists})
    except (ValueError, TypeError):
        return None
