"""How much one turn may do with tools: what is beyond is not done, the model is told, and so are people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from runner.outbound import Emitted
from sessiondb import content
from sessiondb.options import Options
from sessiondb.records import Step

POSTING = frozenset(
    {"send_message", "send_file", "send_document", "send_card"}
)  # whose calls put something new before people
POSTS = content.Text | content.File | content.Document | content.Card
PATIENCE = (
    2  # answers of the model that may still ask for more after it was told; the next that does ends the turn
)


@dataclass(eq=False, repr=False)
class Caps:
    """Of one turn, over crashes and waits of it: `recorded` are its steps so far."""

    most_calls: int
    most_messages: int
    calls: int = 0
    messages: int = 0
    reached: dict[str, str] = field(default_factory=dict)  # what, by setting, in words for people
    _refused: bool = False  # something, since the model's last answer
    _in_vain: int = 0  # answers of the model in a row that something was refused of

    @classmethod
    def of(cls, options: Options, recorded: Sequence[Step]) -> Caps:
        calls = [step for step in recorded if step.kind == "tool_call"]
        names = {step.tool_use_id: json.loads(step.content)["name"] for step in calls}
        posted = [
            step
            for step in recorded
            if step.kind == "tool_result"
            and names.get(step.tool_use_id) in POSTING
            and not json.loads(step.content)["is_error"]
        ]
        return cls(options.max_tool_calls, options.max_messages, len(calls), len(posted))

    def call(self) -> str:
        """Counts a new call; why it is not made, in words for the model, or ''."""
        self.calls += 1
        if self.calls <= self.most_calls:
            return ""
        self._reach("max_tool_calls", _many(self.most_calls, "tool call"))
        return (
            f"not done: this turn has made its {_many(self.most_calls, 'tool call')}, and no more are made."
            " Call nothing; answer now, and say what is left to do"
        )

    def post(self, emitted: Sequence[Emitted]) -> str:
        """Counts what a call is about to post; why it is not posted, in words for the model, or ''."""
        posts = sum(isinstance(one.content, POSTS) for one in emitted)
        if not posts or self.messages + posts <= self.most_messages:
            self.messages += posts
            return ""
        self._reach("max_messages", _many(self.most_messages, "message"))
        return (
            f"not sent: this turn has sent its {_many(self.most_messages, 'message')}, and no more are sent."
            " Put what people still need into your answer"
        )

    def answered(self) -> None:
        """The model gave an answer, which may ask for more."""
        self._in_vain = self._in_vain + 1 if self._refused else 0
        self._refused = False

    @property
    def is_deaf_to(self) -> bool:
        """Whether the model asks for more however often it is told."""
        return self._in_vain > PATIENCE

    @property
    def note(self) -> str:
        """What people read under the answer; '' where nothing was refused."""
        if not self.reached:
            return ""
        what = " and ".join(self.reached.values())
        return f"⚠️ *I reached the most for one turn, {what}. What was beyond is not done. Tell me to go on if it is needed.*"

    def _reach(self, setting: str, words: str) -> None:
        self.reached.setdefault(setting, words)
        self._refused = True


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
