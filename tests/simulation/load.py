"""What people do during a run: messages with scripts for the mock, edits, deletions, answers, orders to stop."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from host.ports.events import Author, EventClass, InboundEvent
from sessiondb import Address
from tests.simulation.clock import EPOCH
from tests.simulation.platform import CHUNK, Platform, Post

PLACES = (
    ("D1", ""),  # a direct conversation
    ("C1", "t1"),  # two threads of a channel that is one session
    ("C1", "t2"),
    ("C2", ""),  # a channel where each question opens a thread
)


OWN = re.compile(r"question \d+")


@dataclass
class Said:
    """One message of a person and what may come of it."""

    number: int
    event: InboundEvent
    effects: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asks: bool = False
    crashes: int = 0
    fails: str = ""
    changes: list[InboundEvent] = field(default_factory=list)
    edited: bool = False
    deleted: bool = False


class People:
    """Plans everything at the start; only answers to questions are given as questions appear."""

    def __init__(
        self,
        chance: random.Random,
        platform: Platform,
        messages: int,
        places: Sequence[tuple[str, str]] = PLACES,
    ) -> None:
        self._chance = chance
        self._platform = platform
        self._seed = chance.getrandbits(32)
        self.said: list[Said] = []
        self.stopped: set[str] = set()  # channels in which somebody said stop
        self._answered: set[str] = set()
        self._rough = random.Random(f"{self._seed}-rough").random() < 0.25  # much of what they ask for fails
        # Now and then everybody speaks at one place, and at once.
        crowd = chance.random() < 0.3
        self._places = (chance.choice(places),) if crowd else places
        self._pauses = (0.0, 0.05, 0.5, 0.5, 2.0) if crowd else (0.0, 0.05, 0.5, 3.0, 12.0)
        platform.on_question = self._asked
        self.stops = chance.random() < 0.2
        self.restless = chance.choice((0.15, 0.15, 0.6))  # how often they edit what they said
        self._plan(messages)

    def _plan(self, messages: int) -> None:
        chance = self._chance
        at = 0.0
        for _ in range(messages):
            number = len(self.said) + 1
            at += chance.choice(self._pauses)
            said = self._message(number)
            self.said.append(said)
            self._platform.publish(said.event, at + chance.random() * 0.3)
            if chance.random() < self.restless:
                self.edit(said, at + chance.choice((0.1, 1.0, 5.0)))
            elif chance.random() < 0.1:
                said.deleted = True
                self._about(
                    said, EventClass.DELETE, said.event.natural_id, "", at + chance.choice((0.1, 2.0, 9.0))
                )
            if self.stops and chance.random() < 0.15:
                self._stop(said, at + chance.uniform(0.5, 4))
            if said.fails == "final":
                self._follow_up(said, at)

    def _follow_up(self, said: Said, at: float) -> None:
        """Somebody goes on while the turn still works on what it will fail at. From chance of its own."""
        chance = random.Random(f"{self._seed}-after-{said.number}")
        for _ in range(chance.choice((0, 1, 2))):
            address = said.event.address
            more = self.asks(address.platform_id, address.thread_id)
            self._platform.publish(more.event, at + chance.uniform(0.5, 8))

    def asks(self, channel: str, thread: str) -> Said:
        """A question that wants an answer and nothing else; the caller publishes it."""
        number = len(self.said) + 1
        said = Said(number, self.event(number, channel, thread))
        said.event = replace(said.event, text=answer(number, 1))
        self.said.append(said)
        return said

    def _message(self, number: int) -> Said:
        said = Said(number, self.event(number, *self._chance.choice(self._places)))
        said.event = replace(said.event, text=self._script(said))
        return said

    def event(self, number: int, channel: str, thread: str) -> InboundEvent:
        id_ = f"p{number}"
        return InboundEvent(
            event_class=EventClass.MESSAGE,
            address=Address("sim", "w", channel, thread),
            natural_id=id_,
            author=Author("U1", "Ada"),
            at=EPOCH + number,
            platform_message_id=id_,
            mentioned=True,
            privacy="dm" if channel.startswith("D") else "public",
            opens_thread=id_ if channel == "C2" else "",
        )

    def _script(self, said: Said) -> str:
        chance, number = self._chance, said.number
        lines: list[str] = []
        for step in range(chance.choice((0, 0, 1, 2, 3))):
            name = f"{number}-{step}"
            match chance.choice(("call", "call", "note", "sleep", "stream")):
                case "call":
                    said.effects.append(name)
                    lines.append(f"@@call mock_append {json.dumps({'file': 'f', 'line': name})}")
                case "note":
                    said.notes.append(f"note {name}")
                    lines.append(f"@@call send_message {json.dumps({'text': f'note {name}'})}")
                case "sleep":
                    lines.append(f"@@sleep {chance.choice((0.1, 1, 6))}")
                case _:
                    lines.append("@@stream 0.2")
        self._task(number, lines)
        kind = chance.random()
        if self._rough and random.Random(f"{self._seed}-fails-{number}").random() < 0.4:
            self._fails(said, "final", lines)
        elif kind < 0.12:
            said.asks = True
            lines.insert(chance.randint(0, len(lines)), f"@@ask question {number}? | yes | no")
        elif kind < 0.18:
            said.crashes = chance.choice((1, 2, 9))
            lines.append(f"@@crash {said.crashes}")
        elif kind < 0.28:
            self._fails(said, chance.choice(("retryable", "final")), lines)
        return "\n".join([*lines, answer(number, chance.choice((1, 1, 1, 3)))])

    def _fails(self, said: Said, how: str, lines: list[str]) -> None:
        said.fails = how
        if how == "final":
            lines.append(f"@@sleep {random.Random(f'{self._seed}-before-{said.number}').choice((0, 3, 6))}")
        lines.append(f"@@fail {how}")

    def _task(self, number: int, lines: list[str]) -> None:
        """Some ask for work at a later time, here or as a message in the channel. From chance of its own."""
        chance = random.Random(f"{self._seed}-{number}")
        if chance.random() < 0.3:
            at = datetime.fromtimestamp((EPOCH + chance.randint(20_000, 140_000)) / 1000, UTC).isoformat()
            where = chance.choice(("", "", "channel"))
            wish = {"title": f"T{number}", "prompt": f"tick {number}", "at": at, "destination": where}
            lines.append(f"@@call schedule_task {json.dumps(wish)}")

    def edit(self, said: Said, at: float) -> None:
        said.edited = True
        self._about(said, EventClass.EDIT, f"{said.event.natural_id}:1", said.event.text + " edited", at)

    def _about(self, said: Said, kind: EventClass, natural_id: str, text: str, at: float) -> None:
        said.changes.append(replace(said.event, event_class=kind, natural_id=natural_id, text=text))
        self._platform.publish(said.changes[-1], at)

    def _stop(self, said: Said, at: float) -> None:
        self.stopped.add(said.event.address.platform_id)
        order = replace(
            said.event,
            event_class=EventClass.CONTROL,
            natural_id=f"stop-{said.number}",
            platform_message_id=f"stop-{said.number}",
            text="",
            value="stop",
        )
        self._platform.publish(order, at)

    def _asked(self, post: Post) -> None:
        """Answered late, sometimes twice with different choices; the first counts."""
        if post.question in self._answered or not OWN.match(post.text):
            return
        self._answered.add(post.question)
        for value in ("yes", "no")[: self._chance.choice((1, 1, 2))]:
            event = InboundEvent(
                event_class=EventClass.ANSWER,
                address=post.address,
                natural_id=post.question,
                author=Author("U1", "Ada"),
                at=EPOCH + 100_000,
                privacy="dm" if post.address.platform_id.startswith("D") else "public",
                mentioned=True,
                value=value,
                refers_to=post.question,
            )
            self._platform.publish(event, self._chance.choice((1.0, 30.0, 400.0)))


def answer(number: int, parts: int) -> str:
    """A text whose every chunk names its message and its place."""
    return "".join(f"answer {number} part {part}".ljust(CHUNK, ".") for part in range(1, parts + 1))
