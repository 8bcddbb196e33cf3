"""What is tried after the API refused a request for something that was said: without the block it names, else without files.

One object an answer. What is left out for a named block stays out; what was only suspected, if the answer came without it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from runner.providers import failures, leftout
from runner.providers.conversation import JSON, Conversation
from runner.providers.leftout import Left

MOST_ROUNDS = 40  # requests that one answer may cost in all

log = logging.getLogger(__name__)


class Mending:
    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._rounds = 0
        self._certain: list[Left] = []
        self._suspected: list[Left] = []

    def after(self, status: int, detail: str, sent: Sequence[JSON]) -> bool:
        """Whether it is worth asking again. `sent` are the messages that were refused, with our own keys."""
        if self._rounds >= MOST_ROUNDS or not failures.is_about_messages(status, detail):
            return False
        self._rounds += 1
        if pointed := leftout.pointed_at(detail, sent):
            self._certain += pointed
            self._leave_out(pointed, detail)
            # What stands in for it may be named too, but not twice: then it is no use.
            return len({left.key for left in self._certain}) == len(self._certain)
        files = leftout.files_of(sent)
        count = 1 if not self._suspected else (len(files) + 1) // 2
        self._suspected += files[:count]
        self._leave_out(files[:count], detail)
        return bool(files)

    def shorten(self, sent: Sequence[JSON], workspace: Path) -> bool:
        """Whether a long text could be replaced by its ends; the whole is put into a file of the working folder."""
        block = leftout.longest(sent)
        if block is None or self._rounds >= MOST_ROUNDS:
            return False
        self._rounds += 1
        key, text = leftout.key_of(block), leftout.text_of(block)
        left = Left(key, "the middle of a very long text", _put_aside(workspace, key, text))
        self._certain.append(left)
        self._leave_out([left], "the text is too long")
        return True

    def answered(self) -> list[Left]:
        """What is to be recorded: it was done without."""
        done, self._certain, self._suspected = [*self._certain, *self._suspected], [], []
        return done

    def failed(self) -> list[Left]:
        """As `answered`, of an answer that did not come: what was only suspected is shown again."""
        self._conversation.take_back(self._suspected)
        self._suspected = []
        return self.answered()

    def give_up(self, sent: Callable[[], Sequence[JSON]]) -> list[Left]:
        """Nothing helped: what was said last must not stand in the way of what is said next. Returns what is to be recorded."""
        done = self.failed()
        last = [leftout.named(block) for message in sent()[-1:] for block in message["content"]]
        self._conversation.leave_out(last)
        return done + last

    def _leave_out(self, left: Sequence[Left], detail: str) -> None:
        self._conversation.leave_out(left)
        for one in left:
            log.warning("The model API refused %s: %s", one.name, detail[:300])


def _put_aside(workspace: Path, key: str, text: str) -> str:
    """The file that holds the text now; '' where none could be written."""
    file = workspace / f"long-text-{key[:8]}.txt"
    try:
        file.write_text(text, "utf-8", errors="replace")
    except OSError:
        return ""
    return file.name
