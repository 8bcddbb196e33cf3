"""One turn: the messages it claimed, what it consumed, and how it is taken up again after a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import overload

from runner.formatter import PromptMessage, clock
from sessiondb import content
from sessiondb.records import Ack, AckStatus, Address, MessageIn, Step

SPLIT_AFTER = 2  # failed attempts after which messages are claimed one by one
LARGEST_BATCH = 200  # messages of one turn; the rest opens the next turn at once
LARGEST_PROMPT = 400_000  # characters of content in one batch


@dataclass(eq=False, repr=False)
class Pushed:
    """A follow-up that was given to the provider. It may wait there for long, so it is read again when it is taken."""

    message: PromptMessage
    read: Callable[[str], PromptMessage | None]
    gone: bool = False  # its author took it back meanwhile

    def again(self) -> tuple[PromptMessage, ...]:
        found = self.read(self.message.id)
        self.gone = found is None
        self.message = found or self.message
        return () if found is None else (found,)


@dataclass(eq=False, repr=False)
class Turn:
    id: str
    address: Address
    attempt: int
    messages: list[PromptMessage]
    consumed: list[str]  # ids the end of the turn acknowledges
    resumed: list[Step] = field(default_factory=list)
    pushed: list[Pushed] = field(default_factory=list)  # not taken yet
    highest_seq: int = 0
    earlier: list[Step] = field(default_factory=list)  # of the tries before, where it is another one
    begun_at: int = 0  # ms UTC

    def take(self, count: int) -> tuple[list[PromptMessage], list[str]]:
        """The provider took the next `count` pushes: they belong to this turn now.

        Those, and the ids of what was taken back meanwhile.
        """
        first, self.pushed = self.pushed[:count], self.pushed[count:]
        taken = [pushed.message for pushed in first if not pushed.gone]
        self.messages += taken
        self.consumed += [message.id for message in taken]
        return taken, [pushed.message.id for pushed in first if pushed.gone]

    @property
    def waiting(self) -> list[str]:
        """The ids of what was pushed and not taken."""
        return [pushed.message.id for pushed in self.pushed]

    @property
    def task(self) -> PromptMessage | None:
        """The occurrence of a scheduled task that this turn runs."""
        return next((m for m in self.messages if isinstance(m.content, content.Task)), None)

    @property
    def answers(self) -> str:
        """The message the turn's answer replies to: the last that wanted one."""
        wanting = [message.id for message in self.messages if message.trigger]
        return wanting[-1] if wanting else self.messages[-1].id


def is_about(order: MessageIn, address: Address, seq: int) -> bool:
    """An order is about what came before it, up to `seq`, in its thread; one given in a channel, in its threads too."""
    return order.address in (address, address._replace(thread_id="")) and seq < order.seq


def claimable(message: MessageIn, ack: Ack | None, incarnation: str) -> bool:
    """Whether a pending message may be claimed, given what this runner's file says of it.

    The host may not have read our acknowledgement yet; until it has, the message only looks pending.
    """
    if ack is None:
        return True
    if ack.status is AckStatus.RETRY:
        return message.attempts >= ack.attempt
    return ack.status is AckStatus.PROCESSING and ack.incarnation != incarnation


def batch_of(due: Sequence[MessageIn], first: MessageIn, *, resumed: bool) -> list[MessageIn]:
    """The messages claimed together with `first`, out of what is due at its address, in seq order.

    After `SPLIT_AFTER` failures a message is claimed alone, so that one that kills its runner takes no other with it.
    A turn that had durable steps is `resumed` whole instead: split, its effects would be repeated. What came after an order
    that is not obeyed yet waits: the order does not apply to it.
    """
    if first.attempts >= SPLIT_AFTER and not resumed:
        return [first]
    if first.kind == "task" and not resumed:  # a run of its own, with an answer and an outcome of its own
        context = [m for m in due if not m.trigger and m.seq < first.seq and m.attempts < SPLIT_AFTER]
        return [*context[-LARGEST_BATCH:], first]
    order = min((m.seq for m in due if m.kind == "control" and m.seq > first.seq), default=None)
    due = [m for m in due if order is None or m.seq < order]
    fit = [m for m in due if m.kind not in ("control", "task") and (resumed or m.attempts < SPLIT_AFTER)]
    # A long tail of context before the message that wakes must not push it out of the batch.
    start = max(0, next(i for i, m in enumerate(fit) if m.id == first.id) - LARGEST_BATCH + 1)
    batch: list[MessageIn] = []
    size = 0
    for message in fit[start : start + LARGEST_BATCH]:
        size += len(message.content)
        if size > LARGEST_PROMPT and batch and message.seq > first.seq:
            break
        batch.append(message)
    return batch


class LazySteps(Sequence[Step]):
    """Steps that are read from the file when a provider first asks: not every provider does."""

    def __init__(self, load: Callable[[], list[Step]]) -> None:
        self._load = load
        self._loaded: list[Step] | None = None

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def _steps(self) -> list[Step]:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded


def gate_step(output: str) -> str:
    return json.dumps({"gate": output})


def gate_output(steps: Sequence[Step]) -> str | None:
    """What the script of an interrupted run had said; None when it did not run, or was not recorded."""
    notes = (json.loads(step.content) for step in steps if step.kind == "note")
    return next((str(note["gate"]) for note in notes if "gate" in note), None)


def told_first(ended: Turn) -> str:
    """What an answer says above all: for which missed runs it is made up, and that its question was not heard."""
    run, said = ended.task, trial_of(ended) or late_of(ended)
    if run is not None and isinstance(run.content, content.Task) and run.content.stands_for:
        said = f"*Missed earlier, made up for now: {'; '.join(run.content.stands_for)}.*\n\n"
    unheard = next((one.unheard for one in ended.messages if one.trigger and one.unheard), "")
    return f"*I do not know what you said in your voice message: {unheard}.*\n\n" if unheard else said


def trial_of(begun: Turn) -> str:
    """How the answer of a task's trial begins; '' for every other turn."""
    run = begun.task.content if begun.task is not None else None
    if not isinstance(run, content.Task) or not run.trial:
        return ""
    return f"🧪 *A trial of “{' '.join(run.title.split())}”: you alone read it, and it counts as no run.*\n\n"


def not_woken(begun: Turn) -> str:
    """What is said where a script did not wake the agent: nothing, but to whoever tries the task."""
    front = trial_of(begun)
    return f"{front}Its script found nothing to do: nobody would be told anything." if front else ""


def late_of(begun: Turn) -> str:
    """What the answer of a task says above all that began later than was promised; '' where it was kept."""
    run = begun.task.content if begun.task is not None else None
    if not isinstance(run, content.Task) or not run.promised or begun.begun_at <= run.promised:
        return ""
    by, at = clock(run.promised, run.promised_in), clock(begun.begun_at, run.promised_in)
    return f"*Later than I promised: due {run.due}, to begin by {by}; I began at {at}.*\n\n"


def tried_before(did: str) -> str:
    """What a second try says above its answer; `did` is what the first one did that is still so."""
    return f"*Another try. At the first I had {did}; none of that was done again.*\n\n" if did else ""


def note_of(did: str) -> str:
    """What the model is told of another try."""
    told = "You answered this before, and are asked to answer it once more, whole and anew: your earlier answer will be gone."
    if did:
        told += (
            f" Your earlier try had {did}. All of that stands and is said above your answer. Do none of it again unless"
            " you are asked to; a call like one of those is not made, and returns what it returned then."
        )
    return told


def is_again(message: PromptMessage) -> bool:
    return isinstance(message.content, content.Chat) and message.content.event == "again"


def model_of(messages: Sequence[PromptMessage]) -> str:
    """The one that whoever began the turn chose for it; '' = the agent's own."""
    chats = (message.content for message in messages if isinstance(message.content, content.Chat))
    return next((chat.model for chat in chats if chat.model), "")


def user_step(messages: Sequence[PromptMessage], prompt: str) -> str:
    """The content of a `user` step: which messages, the text the model got, and the files that came with it."""
    ids = [message.id for message in messages]
    return json.dumps({"ids": ids, "prompt": prompt, "files": files_of(messages)})


def files_of(messages: Sequence[PromptMessage]) -> list[dict[str, str]]:
    """What people attached: `path` is relative to the files of inbound, `type` the media type they claim."""
    chats = [one.content for one in messages if isinstance(one.content, content.Chat | content.Task)]
    return [{"path": file.path, "type": file.media_type} for chat in chats for file in chat.attachments]


def ids_of_steps(steps: Sequence[Step]) -> list[str]:
    """The messages a turn had put to its model, by its `user` steps."""
    return [str(id_) for step in steps if step.kind == "user" for id_ in json.loads(step.content)["ids"]]


def untold(body: content.Inbound) -> list[content.Attachment]:
    """The files of which nobody has told the words."""
    if not isinstance(body, content.Chat):
        return []
    told = {part.title for part in body.parts if part.kind == "transcript"}
    return [file for file in body.attachments if file.name not in told]


def is_sound(file: content.Attachment) -> bool:
    return file.media_type.startswith("audio/")


def wants_words(message: PromptMessage) -> bool:
    """Whether a person asked; reactions, deletions and runs of tasks may well be met by silence."""
    body = message.content
    return message.trigger and isinstance(body, content.Chat) and body.event in ("message", "command", "edit")
