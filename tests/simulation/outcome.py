"""What came of a run: what happened, and which laws it broke."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Law(StrEnum):
    """What must hold in every run; the numbers are the design's."""

    KEPT = "what was acknowledged is kept"  # 4
    REST = "everything comes to rest"  # 6, 14
    ONCE = "nothing is said or done twice"  # 5, 6
    PLACE = "the answer goes where the question came from"  # 7
    OUTCOME = "every message has one outcome, and people see it"  # 14
    ORDER = "people read in the order of what was said"  # 1, 6
    NUMBERS = "a seq names one message for ever"  # 1
    RECORDS = "what is recorded is what happened"  # 5, 6
    WATERMARK = "the watermark passes only what is over"  # 6
    FENCED = "a runner that was replaced commits nothing"  # 10
    LIVE = "what shows a turn under way goes with it"  # 6
    TASKS = "the scheduler never guesses"  # 12
    USED = "what is used is read when it is used"  # an edit or a deletion that came first has won
    SETTLED = "what is settled has been read whole"  # 5: a turn's acknowledgements come with its rows
    RELEASED = "a turn that is over holds no message"  # 5: what it did not take opens the next
    TOLD = "what is given up is told"  # 14
    ALIVE = "a runner is stopped for what it did"  # 11: not for what somebody did to a clock
    APPROVED = "what waits for a yes happens after one"  # 13
    SCOPE = "who works with what was said here has its folder"  # 7
    PAID = "what is called is paid for"  # 9
    HELD = "what is held back comes at its time"  # 6
    TIME = "in fine weather an answer waits for nobody"
    ALONE = "a conversation is one node's at a time"  # of several that serve
    OVER = "a node that is over changes nothing more"
    COPIED = "another node would remember what people were told"
    ERRORS = "no program meets an error it did not expect"
    ENDS = "the run itself ends"


@dataclass
class Outcome:
    seed: int
    violations: list[str] = field(default_factory=list)
    laws: set[Law] = field(default_factory=set)
    trace: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    several: bool = False  # of nodes

    def violated(self, law: Law, text: str) -> None:
        self.laws.add(law)
        self.violations.append(f"{law}: {text}")

    def report(self) -> str:
        """What went wrong and everything that led there."""
        told = [f"seed {self.seed}", *self.trace, *(f"VIOLATION {text}" for text in self.violations)]
        asked = " SEVERAL=1" if self.several else ""
        return "\n".join([*told, f"again: make simulate SEEDS=1 FIRST_SEED={self.seed}{asked}"])
