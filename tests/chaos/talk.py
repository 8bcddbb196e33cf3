"""What people say in the chaos, and what must come of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

Kind = Literal["words", "tool", "question", "file", "task"]
KINDS: tuple[tuple[Kind, int], ...] = (("words", 10), ("tool", 4), ("question", 6), ("file", 2), ("task", 1))
# A line for each of its tenths of a second, with the runner that it belongs to: into the folder that all nodes share.
WRITING = (
    "for i in 1 2 3 4 5 6 7 8 9 10; do"
    " echo {channel} $DOVECOTE_INCARNATION >> $DOVECOTE_SHARED/written; sleep 0.1; done"
)
KEEPING = "echo {id} >> $DOVECOTE_SHARED/kept"  # a line that is to stay
ASKS = 3  # each third conversation: what is said while a question waits may be answered before it
CHOICES = ("left", "right")
AHEAD = timedelta(minutes=3)  # of a task's time: it may not be over when the turn comes to it


@dataclass(frozen=True)
class Message:
    """`id` is the text of its answer, too."""

    id: str
    channel: str
    kind: Kind

    def text(self, now: datetime) -> str:
        """As it is said at that time."""
        return "".join(f"{line}\n" for line in self._steps(now)) + self.id

    def _steps(self, now: datetime) -> list[str]:
        match self.kind:
            case "words":
                return []
            case "tool":
                keeping = KEEPING.format(id=self.id)
                return [_call("bash", command=f"{WRITING.format(channel=self.channel)}; {keeping}")]
            case "question":
                return [f"@@ask {self.id}? | {' | '.join(CHOICES)}"]
            case "file":
                name = f"{self.id}.txt"
                return [_call("bash", command=f"echo {self.held} > {name}"), _call("send_file", path=name)]
            case "task":
                at = (now.astimezone(UTC) + AHEAD).strftime("%Y-%m-%d %H:%M")
                return [
                    _call("schedule_task", title=self.id, prompt=self.later, at=at, zone="UTC", punctual=True)
                ]

    @property
    def held(self) -> str:
        """In the file that it asks for, '' for none."""
        return f"file of {self.id}" if self.kind == "file" else ""

    @property
    def later(self) -> str:
        """What its task says when its time has come, '' for none."""
        return f"task of {self.id}" if self.kind == "task" else ""


def _call(tool: str, **arguments: object) -> str:
    return f"@@call {tool} {json.dumps(arguments)}"


def messages(seed: int, count: int, sessions: int) -> Iterator[Message]:
    """In the order in which they are said; the first of each session says nothing but words."""
    chance = random.Random(seed)
    kinds, weights = zip(*KINDS, strict=True)
    said = dict.fromkeys(range(sessions), 0)
    for _ in range(count):
        session = chance.randrange(sessions)
        kind: Kind = chance.choices(kinds, weights)[0] if said[session] else "words"
        if kind == "question" and session % ASKS:
            kind = "words"
        yield Message(f"m{session}-{said[session]}", f"c{session}", kind)
        said[session] += 1
