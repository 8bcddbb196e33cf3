"""Which answer comes next: queued faults, the script, rules by content, a function, and at last an echo."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.model_api.answers import Answer, Compaction, answer
from tests.fakes.model_api.faults import Fault

if TYPE_CHECKING:
    from tests.fakes.model_api.record import RecordedRequest

AnswerFunction = Callable[["RecordedRequest"], "Answer | str"]
Step = Answer | str | Fault | AnswerFunction


@dataclass
class Rule:
    """Answers requests of a certain content, in order; the last answer stays."""

    applies: Callable[["RecordedRequest"], bool]
    _answers: deque[Answer | str | AnswerFunction] = field(default_factory=deque)

    def answer(self, *answers: Answer | str | AnswerFunction) -> None:
        self._answers.extend(answers)

    def matches(self, request: "RecordedRequest") -> bool:
        return bool(self._answers) and self.applies(request)

    def next(self) -> Answer | str | AnswerFunction:
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]


class Script:
    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.steps: deque[Step] = deque()
        self.rules: list[Rule] = []
        self.fallback: AnswerFunction | None = None

    def next_fault(self) -> Fault | None:
        """The fault that strikes now, queued by itself or in the script's order."""
        if self.faults:
            return self.faults.popleft()
        if self.steps and isinstance(fault := self.steps[0], Fault):
            self.steps.popleft()
            return fault
        return None

    def next_answer(self, request: "RecordedRequest") -> Answer:
        chosen = self._choose(request)
        if callable(chosen):
            chosen = chosen(request)
        return answer(chosen) if isinstance(chosen, str) else chosen

    def _choose(self, request: "RecordedRequest") -> Answer | str | AnswerFunction:
        for at, step in enumerate(self.steps):
            if not isinstance(step, Fault):
                del self.steps[at]
                return step
        for rule in self.rules:
            if rule.matches(request):
                return rule.next()
        return self.fallback or echo


def echo(request: "RecordedRequest") -> Answer:
    """The last user text; a summary where the request asks for one."""
    if request.json.get("compaction"):
        return answer(Compaction(f"Summary of {len(request.json['messages'])} messages."))
    return answer(request.user_text or "(no text)")
