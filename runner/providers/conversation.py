"""The model's side of a transcript: the messages of a request, from recorded steps and nothing else.

A running turn and one that is taken up after a crash go through the same rendering, so the same steps give the same
bytes: what was cached stays cached, and no call is shown without its result.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from typing import Any, TypeAlias

from runner.providers import leftout
from runner.tools.box import ToolResult
from sessiondb.frozen import frozen
from sessiondb.records import Step

JSON: TypeAlias = dict[str, Any]
Files: TypeAlias = Callable[[Sequence[JSON]], list[JSON]]

CONTINUED = frozenset(
    {"pause_turn", "compaction", "max_tokens"}
)  # stop reasons after which the model goes on
NO_RESULT = "no result: the call was interrupted or still waits for a person"
GO_ON = (
    "<note>Your answer reached the limit of one message. Go on exactly where it stops; repeat nothing.</note>"
)
MOST_HISTORY = 2_000_000  # characters of earlier turns; beyond, the oldest go until half of it is left
LEFT_OUT = "<note>Earlier parts of this conversation are left out, for they had become too long.</note>"
SUMMARISE = (
    "<note>This conversation has become too long to go on as it is: your answer to this note will stand in place of all of it."
    " Write down, for yourself: who you talk with; what they want and have decided, in their words where it matters, above all"
    " what is still asked of you; what you did, with which results; names, paths, ids and numbers you will need; what comes"
    " next. Call no tool and answer nobody: only write the summary.</note>"
)
SUMMARY = "<summary>What was said and done before, in your own words:\n{text}</summary>"
AGAIN = (
    "<note>Your answer was empty, so nobody sees anything. Answer now in words. If you mean to say nothing, because you were"
    " not addressed, answer only <silent/>.</note>"
)
SILENT = "<silent/>"  # the whole of an answer that means to say nothing
HEARD = frozenset(
    {
        "send_message",
        "send_file",
        "send_document",
        "edit_message",
        "add_reaction",
        "send_card",
        "ask_user_question",
    }
)  # tools by which people hear of an agent that says no more
WINDOW = "model_context_window_exceeded"  # the answer was cut off where the model can hold no more
MOST_KEPT = 40_000  # characters of the running turn's last messages that stay as they are behind a summary
UNREADABLE = "<note>What was said before could not be read any more; this is a fresh start.</note>"


@frozen
class Answer:
    """One complete answer of the model, as an `assistant` step records it."""

    content: list[JSON]
    stop_reason: str
    model: str = ""
    usage: JSON = field(default_factory=dict)

    def encode(self) -> str:
        kept = {"model": self.model, "stop_reason": self.stop_reason, "usage": self.usage}
        return json.dumps({**kept, "content": self.content})

    @classmethod
    def decode(cls, text: str) -> Answer:
        found = json.loads(text)
        return cls(
            list(found["content"]), str(found["stop_reason"]), str(found["model"]), dict(found["usage"])
        )

    @property
    def tokens(self) -> int:
        """What the request that gave this answer held, and the answer: the least that the next one will hold."""
        counted = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
        return sum(int(self.usage.get(name) or 0) for name in counted)

    @property
    def text(self) -> str:
        return "".join(str(block["text"]) for block in self.content if block["type"] == "text")

    @property
    def calls(self) -> list[JSON]:
        """Complete calls of our tools; an answer that was cut off may hold half a call, so it has none."""
        if self.stop_reason != "tool_use":
            return []
        return [block for block in self.content if block["type"] == "tool_use"]

    @property
    def summary(self) -> bool:
        """Whether it opens with a summary that stands for everything before it."""
        return any(block["type"] == "compaction" and block.get("content") for block in self.content)

    @property
    def is_blank(self) -> bool:
        """Whether it is an end without a word: nothing at all, blanks, or thoughts alone."""
        ends = not self.calls and self.stop_reason not in CONTINUED | {"refusal", WINDOW}
        return ends and not self.text.strip()

    @property
    def sendable(self) -> list[JSON]:
        """What goes back to the API: no blank texts, no calls that will never have a result."""
        called = {call["id"] for call in self.calls}
        return [
            block
            for block in self.content
            if not (block["type"] == "text" and not block["text"].strip())
            and not (block["type"] == "tool_use" and block["id"] not in called)
        ]


@frozen
class Summary:
    """A `summary` step: it stands for everything before it but the last `kept` messages of the turn that runs."""

    text: str
    kept: int = 0

    def encode(self) -> str:
        return json.dumps({"text": self.text, "kept": self.kept})

    @classmethod
    def decode(cls, text: str) -> Summary:
        found = json.loads(text)
        return cls(str(found["text"]), int(found["kept"]))


class Conversation:
    """Grows by steps; `messages` renders it. `files` makes content blocks of a user step's attachments."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._messages: list[JSON] = []
        self._open: dict[str, JSON | None] = {}  # calls of the last answer, and their results so far
        self._texts: list[JSON] = []  # what people said since the last answer
        self._cut = False  # the last answer reached the limit of one message
        self.blank = False  # nobody hears anything of the last answer
        self._heard = False  # a tool told people something in this turn
        self._left: dict[str, leftout.Left] = {}
        self._begins_at = 0  # index of the running turn's first message
        self._summary = ""  # opens the first message, before which nothing is shown
        self.tokens = 0  # of the latest request and its answer; 0 when none was made since the summary
        self.overflows = 0  # answers of the running turn that the model's window cut off
        self.last: Answer | None = None  # of the running turn, with nothing but results after it
        self.continues = False  # the model's last message was not all of its answer
        self.said: list[
            str
        ] = []  # texts of the answer under way, which may go over several messages of the model

    @classmethod
    def of(cls, history: Sequence[Step], resumed: Sequence[Step], files: Files) -> Conversation:
        """Earlier turns, then what the running one had recorded. Damaged steps cost the history, not the turn."""
        made = cls(files)
        try:
            left = leftout.from_steps([*history, *resumed])
            made.leave_out(left)
            turns, cut = _recent(_turns(history))
            if cut:
                made._texts.append({"type": "text", "text": LEFT_OUT})
            for steps in turns:
                made._replay(steps)
                made._end_turn()
        except (ValueError, KeyError, TypeError):
            made = cls(files)
            made._texts.append({"type": "text", "text": UNREADABLE})
            with contextlib.suppress(ValueError, KeyError, TypeError):
                made.leave_out(leftout.from_steps(resumed))
        made._replay(resumed)
        return made

    def user(self, prompt: str, files: Sequence[JSON] = ()) -> None:
        self._texts += [*self._files(files), {"type": "text", "text": prompt}]
        if (
            None not in self._open.values()
        ):  # else its calls come first: one may have been allowed by this very message
            self.last = None

    def answered(self, answer: Answer) -> None:
        self._flush()
        self.tokens = answer.tokens
        self.last = answer
        if not self.continues:
            self.said.clear()
        if answer.stop_reason == WINDOW:
            # Half an answer is no part of what was said: it is asked for again, or given up.
            self.overflows += 1
            self._open = {}
            return
        self.said.append(answer.text)
        self._heard = self._heard or any(call["name"] in HEARD for call in answer.calls)
        self.blank = answer.is_blank and not self._heard and not "".join(self.said).strip()
        if answer.summary:  # it stands for everything before it
            self._forget(0)
        if blocks := answer.sendable:
            self._messages.append({"role": "assistant", "content": blocks})
        self._open = {str(call["id"]): None for call in answer.calls}
        self._cut = answer.stop_reason == "max_tokens"
        self.continues = answer.stop_reason in CONTINUED

    def result(self, call_id: str, result: ToolResult) -> None:
        if call_id in self._open:
            # The API takes nothing but text in a result that is an error.
            shown = [] if result.is_error else self._files(result.files)
            self._open[call_id] = _result(call_id, result.text, shown, is_error=result.is_error)

    def leave_out(self, left: Iterable[leftout.Left]) -> None:
        self._left |= {one.key: one for one in left}

    def take_back(self, left: Iterable[leftout.Left]) -> None:
        for one in left:
            self._left.pop(one.key, None)

    @property
    def overflowed(self) -> bool:
        """Whether the answer that is there was cut off by the model's window, for the first time in this turn."""
        return self.last is not None and self.last.stop_reason == WINDOW and self.overflows == 1

    def summarised(self, summary: Summary) -> None:
        self._forget(summary.kept)
        self._summary = summary.text
        self.tokens = 0
        self.last = None

    def to_summarise(self) -> tuple[list[JSON], int]:
        """The messages that ask for a summary, and how many of the last ones it leaves as they are.

        No messages where there is nothing that a summary could replace. What is kept belongs to the running turn: then it
        is the same messages when the steps are replayed beside a history that has grown meanwhile.
        """
        if self.continues:
            return [], 0
        total = len(self._messages)
        at = [n for n in range(self._begins_at, total) if not _has_results(self._messages[n])]
        fitting = [n for n in at if len(json.dumps(self._messages[n:])) <= MOST_KEPT]
        # Results that are still to be sent need the answer that called for them.
        start = min(fitting, default=at[-1] if self._open else total)
        if start == 0:
            return [], 0
        asked = _plain(self._shown(self._opened(self._messages[:start])))
        if asked[-1]["role"] == "user":
            asked[-1] = {**asked[-1], "content": [*asked[-1]["content"], _text(SUMMARISE)]}
        else:
            asked.append({"role": "user", "content": [_text(SUMMARISE)]})
        return asked, total - start

    def messages(self, *, plain: bool = False) -> list[JSON]:
        """`plain` shows a summary that the API made as one of ours, for an API that takes none back.

        Its blocks may have keys of our own: see `leftout.as_sent`.
        """
        found = self._shown(self._opened([*self._messages, *self._user_message()]))
        return _plain(found) if plain else found

    def _shown(self, messages: list[JSON]) -> list[JSON]:
        return leftout.fitting(leftout.without(messages, self._left))

    def _forget(self, kept: int) -> None:
        """All but the last `kept` messages."""
        self._messages = self._messages[max(0, len(self._messages) - kept) :]
        self._begins_at = 0
        self._summary = ""

    def _opened(self, messages: list[JSON]) -> list[JSON]:
        """With the summary in front, if there is one."""
        if not self._summary:
            return messages
        told = _text(SUMMARY.format(text=self._summary))
        if messages and messages[0]["role"] == "user" and not _has_results(messages[0]):
            return [{**messages[0], "content": [told, *messages[0]["content"]]}, *messages[1:]]
        return [{"role": "user", "content": [told]}, *messages]

    # ── replay ───────────────────────────────────────────────────────────────────────────────────────────

    def _replay(self, steps: Iterable[Step]) -> None:
        for step in steps:
            match step.kind:
                case "user":
                    said = json.loads(step.content)
                    self.user(str(said["prompt"]), said.get("files", ()))
                case "assistant":
                    self.answered(Answer.decode(step.content))
                case "tool_result":
                    self.result(step.tool_use_id, ToolResult.decode(step.content))
                case "summary":
                    self.summarised(Summary.decode(step.content))
                case "note" if not leftout.from_note(step.content):
                    self._texts.append({"type": "text", "text": step.content})
                case "final":
                    self._final([str(text) for text in json.loads(step.content)])

    def _final(self, texts: Sequence[str]) -> None:
        """What the turn said in the end, where that was not the model's own last answer."""
        self._cut = self.blank = False
        self._flush()
        if texts and self._messages and self._messages[-1]["role"] == "user":
            self._messages.append(
                {"role": "assistant", "content": [{"type": "text", "text": "\n\n".join(texts)}]}
            )

    def _end_turn(self) -> None:
        self._cut = self.blank = self._heard = self.continues = False
        self._flush()
        self.last = None
        self._begins_at = len(self._messages)
        self.overflows = 0

    def _flush(self) -> None:
        self._messages += self._user_message()
        self._open, self._texts, self._cut, self.blank = {}, [], False, False

    def _user_message(self) -> list[JSON]:
        """Results first, in the order of their calls: the API demands it."""
        results = [found or _result(id_, NO_RESULT, [], is_error=True) for id_, found in self._open.items()]
        go_on = [_text(GO_ON)] if self._cut else [_text(AGAIN)] if self.blank else []
        blocks = [*results, *go_on, *self._texts]
        return [{"role": "user", "content": blocks}] if blocks else []


def _turns(history: Sequence[Step]) -> list[list[Step]]:
    """Steps by turn, in the order the turns ended; a turn that waited for a person stays whole.

    A turn without an answer and without an end was tried again under another id: it said nothing.
    """
    turns: dict[str, list[Step]] = {}
    for step in history:
        turns.setdefault(step.turn, []).append(step)
    spoken = [steps for steps in turns.values() if any(map(_tells, steps))]
    return sorted(spoken, key=lambda steps: steps[-1].step)


def _tells(step: Step) -> bool:
    if step.kind == "note":
        return not leftout.from_note(step.content)
    return step.kind in ("assistant", "final", "summary")


def _recent(turns: Sequence[list[Step]]) -> tuple[list[list[Step]], bool]:
    """What is shown of earlier turns, and whether something was cut away for its size.

    A summary stands for what came before it. The cut moves in large steps, so that what is in front stays the same, and cached,
    for many turns.
    """
    kept: list[list[Step]] = []
    sizes: list[int] = []
    cut = False
    for steps in turns:
        summary = max((at for at, step in enumerate(steps) if _is_summary(step)), default=None)
        if summary is not None:
            kept, sizes, cut = [], [], False
        kept.append(steps)
        sizes.append(sum(len(step.content) for step in steps[summary or 0 :]))
        if sum(sizes) > MOST_HISTORY:
            while len(kept) > 1 and sum(sizes) > MOST_HISTORY // 2:
                kept.pop(0)
                sizes.pop(0)
                cut = True
    return kept, cut


def _is_summary(step: Step) -> bool:
    if step.kind == "summary":
        return True
    told = step.kind == "assistant" and '"type": "compaction"' in step.content
    return told and Answer.decode(step.content).summary


def _has_results(message: JSON) -> bool:
    return any(block["type"] == "tool_result" for block in message["content"])


def _plain(messages: Sequence[JSON]) -> list[JSON]:
    """With text in place of the API's own summaries."""
    shown: list[JSON] = []
    for message in messages:
        told = [block for block in message["content"] if block["type"] == "compaction"]
        rest = [block for block in message["content"] if block["type"] != "compaction"]
        if text := "".join(block.get("content") or "" for block in told):
            shown.append({"role": "user", "content": [_text(SUMMARY.format(text=text))]})
        if rest:
            shown.append({**message, "content": rest})
    return shown


def _text(text: str) -> JSON:
    return {"type": "text", "text": text}


def _result(call_id: str, text: str, shown: Sequence[JSON], *, is_error: bool) -> JSON:
    told = text or "(no output)"
    block: JSON = {
        "type": "tool_result",
        "tool_use_id": call_id,
        "content": [_text(told), *shown] if shown else told,
    }
    return {**block, "is_error": True} if is_error else block
