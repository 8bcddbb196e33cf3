"""What to work on next: a fresh batch, a turn that a crash interrupted, or one that waited for a person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, takewhile

from runner import doings, turn
from runner.formatter import PromptMessage, decode
from runner.inbound import PAGE, InboundReader
from runner.outbound import OutboundWriter, ParkedCall
from runner.tools import box
from runner.tools.box import ToolResult
from runner.turn import Turn
from sessiondb import approving, content
from sessiondb.records import AckStatus, Address, MessageIn, Step

log = logging.getLogger(__name__)

MOST_TRIES = 20  # of one question that are looked back on


class Claims:
    def __init__(
        self, inbound: InboundReader, outbound: OutboundWriter, incarnation: str, now: Callable[[], int]
    ) -> None:
        self._inbound = inbound
        self._outbound = outbound
        self._incarnation = incarnation
        self._now = now

    def next(self, only: Address | None = None) -> Turn | None:
        """Claims the next batch and opens or resumes its turn; with `only`, nothing of another address."""
        first = next((m for m in self._ours(self._inbound.waking(self._now())) if m.kind != "control"), None)
        if first is None or (only is not None and not _goes_on(first, only)):
            return None
        begun = self._begun()
        if first.id in begun:
            return self._resume(begun[first.id], [id_ for id_, of in begun.items() if of == begun[first.id]])
        if (answer := self._answered(first)) is not None:
            return self._go_on(first, *answer)
        due = [
            # What belongs to a turn that did something goes on with that turn, never with another: the answer that a call
            # waits for, and whatever a crash or a failure interrupted.
            message
            for message in self._ours(self._inbound.due_at(first.address, self._now()))
            if message.id not in begun and self._answered(message) is None
        ]
        if all(message.id != first.id for message in due):
            return self.next(only)  # the host settled it between the two looks: a deletion may have won
        if self._is_again(first):
            return self._open(
                f"{first.id}-{first.attempts + 1}", [first]
            )  # its answer takes the place of one answer
        batch = turn.batch_of(due, first, resumed=False)
        # What was written to wait for the end of a turn does not join it; nor does what came after that. What is answered
        # by a model of its own has its turn to itself.
        alone = self._chose_model(first)
        batch = list(takewhile(lambda m: m.seq <= first.seq or not (alone or self._queued(m)), batch))
        return self._open(f"{first.id}-{first.attempts + 1}", batch)

    def follow_ups(
        self, running: Turn, holds: Callable[[PromptMessage], bool] = lambda _: False
    ) -> list[PromptMessage]:
        """Claims what came in for the running turn's address; context waits for company, and everything for what `holds`: it is
        still listened to.

        Nothing joins a turn that may kill its runner again, and nothing passes what is still to be tried again or an order
        that is still to be obeyed: it applies to what came before it and to nothing else. A task's run is a turn of its own.
        """
        if running.attempt > turn.SPLIT_AFTER or running.earlier or turn.is_again(running.messages[0]):
            return []
        due: list[MessageIn] = []
        for message in self._ours(self._inbound.due_at(running.address, self._now())):
            if message.kind == "task" or self._queued(message):
                continue
            tried = message.attempts > 0 and message.trigger
            if tried or message.kind == "control" or len(due) == turn.LARGEST_BATCH:
                break
            if (decoded := self._decode(message)) is not None and holds(decoded):
                break
            if message.attempts == 0 and self._answered(message) is None:
                due.append(message)
        begun = self._begun() if due else {}
        due = list(takewhile(lambda message: message.id not in begun, due))
        if not any(message.trigger for message in due):
            return []
        return self._claim(running.id, due)[1]

    def reread(self, id_: str) -> PromptMessage | None:
        """The message as it is now; None when its author took it back."""
        rows = [row for row in self._inbound.messages([id_]) if row.status == "pending"]
        return self._decode(rows[0]) if rows else None

    def kinds(self) -> frozenset[str]:
        """Of all that is to be claimed or obeyed."""
        return frozenset(message.kind for message in self._ours(self._inbound.waking(self._now())))

    def waits_elsewhere(self, here: Address) -> bool:
        """Whether the next message that wants an answer cannot go into the stream of this address."""
        first = next((m for m in self._ours(self._inbound.waking(self._now())) if m.kind != "control"), None)
        return first is not None and not _goes_on(first, here)

    def controls(self) -> list[tuple[MessageIn, content.Control]]:
        """Control messages not obeyed yet, in order."""
        found = []
        for message in self._ours(self._inbound.waking(self._now())):
            decoded = self._decode(message) if message.kind == "control" else None
            if decoded is not None and isinstance(decoded.content, content.Control):
                found.append((message, decoded.content))
        return found

    def ends(self, running: Turn) -> tuple[bool, MessageIn | None]:
        """Whether people have ended it: by an order, or by taking back all that they asked in it."""
        for order, control in self.controls():
            if control.command == "stop" and turn.is_about(order, running.address, running.highest_seq):
                return True, order
        asked = [m for m in (*running.messages, *(one.message for one in running.pushed)) if m.trigger]
        if not asked or not all(isinstance(one.content, content.Chat) for one in asked):
            return False, None
        ids = {one.id for one in asked}
        gone = [row.id for row in self._inbound.messages(ids, wait=False) if row.status == "cancelled"]
        return len(gone) == len(ids), None

    def stopped_by(self, order: MessageIn) -> dict[str, list[str]]:
        """Turns that an order to stop ends although none of them runs: a crash interrupted them, or they are to be tried again.

        Each with the messages it had claimed.
        """
        left = {ack.message_id: ack.turn for ack in self._outbound.unfinished_claims()}
        found: dict[str, list[str]] = {}
        for message in self._inbound.messages(list(left)):
            waits = message.status == "pending" and message.kind != "control"
            if waits and turn.is_about(order, message.address, message.seq):
                found.setdefault(left[message.id], []).append(message.id)
        return found

    def unbegun(self, order: MessageIn) -> list[MessageIn]:
        """What people asked before an order to stop, that nobody has begun: they do not want it any more."""
        begun = {ack.message_id for ack in self._outbound.unfinished_claims()}
        return [
            message
            for message in self._ours(self._inbound.waking(self._now()))
            if message.kind == "chat" and message.id not in begun
            if turn.is_about(order, message.address, message.seq)
        ]

    def _open(self, id_: str, batch: Sequence[MessageIn]) -> Turn | None:
        rows, messages = self._claim(id_, batch)
        if not messages:
            return None
        opened = Turn(
            id=id_,
            address=rows[0].address,
            attempt=max(row.attempts for row in rows) + 1,
            messages=messages,
            consumed=[row.id for row in rows],
            highest_seq=max(row.seq for row in rows),
        )
        if turn.is_again(messages[0]):
            opened.earlier = self._earlier(messages[0])
            note = turn.note_of(doings.before(opened.earlier))
            opened.messages = [replace(messages[0], note=note), *messages[1:]]
        return opened

    def _earlier(self, again: PromptMessage) -> list[Step]:
        """What the tries before this one did, from the first."""
        found: list[Step] = []
        message: PromptMessage | None = again
        for _ in range(MOST_TRIES):
            if message is None or not isinstance(message.content, content.Chat) or not turn.is_again(message):
                break
            id_ = message.content.about
            ack = self._outbound.acks([id_]).get(id_)
            found = [*(self._outbound.steps(ack.turn) if ack is not None else ()), *found]
            rows = self._inbound.messages([id_])
            message = self._decode(rows[0]) if rows else None
        return found

    def _is_again(self, message: MessageIn) -> bool:
        decoded = self._decode(message) if message.kind == "chat" else None
        return decoded is not None and turn.is_again(decoded)

    def _claim(self, id_: str, batch: Sequence[MessageIn]) -> tuple[list[MessageIn], list[PromptMessage]]:
        """Claims, then reads again: an edit or a deletion may have come first."""
        self._outbound.claim(batch, id_)
        rows = [row for row in self._inbound.messages([m.id for m in batch]) if row.status == "pending"]
        gone = {message.id for message in batch} - {row.id for row in rows}
        if gone:
            self._outbound.release(gone)
        return rows, [decoded for row in rows if (decoded := self._decode(row)) is not None]

    def _resume(self, id_: str, claimed: Iterable[str]) -> Turn | None:
        """A turn that was interrupted, or failed for now, goes on after its last complete step, with all the messages it had."""
        # Those that must wait longer come along: the turn's steps speak of them already.
        batch = [m for m in self._inbound.messages(list(claimed)) if m.status == "pending"]
        resumed = self._open(id_, batch)
        if resumed is not None:
            self._recall(resumed)
            log.info("Turn %s resumed after %d steps", id_, len(resumed.resumed))
        return resumed

    def _queued(self, message: MessageIn) -> bool:
        decoded = self._decode(message) if message.kind == "chat" else None
        return decoded is not None and isinstance(decoded.content, content.Chat) and decoded.content.queued

    def _chose_model(self, message: MessageIn) -> bool:
        decoded = self._decode(message) if message.kind == "chat" else None
        return decoded is not None and bool(turn.model_of([decoded]))

    def _answered(self, message: MessageIn) -> tuple[ParkedCall, content.System] | None:
        """The call that waits for this message, and the answer in it."""
        decoded = self._decode(message) if message.kind == "system" else None
        if decoded is None or not isinstance(decoded.content, content.System):
            return None
        if decoded.content.subject != "answer":
            return None
        call = self._outbound.parked(decoded.content.refers_to, message.id)
        return None if call is None else (call, decoded.content)

    def _go_on(self, message: MessageIn, call: ParkedCall, answer: content.System) -> Turn | None:
        resumed = self._open(call.turn, [message])
        if resumed is None:
            return None
        self._outbound.answer(call, answer.refers_to, message.id, _result(call, answer))
        self._recall(resumed)
        return resumed

    def _recall(self, resumed: Turn) -> None:
        """Loads the turn's steps and puts the messages they had shown to the model first, in that order."""
        resumed.resumed = self._outbound.steps(resumed.id)
        had = turn.ids_of_steps(resumed.resumed)
        known = {message.id: message for message in resumed.messages}
        for row in self._inbound.messages([id_ for id_ in had if id_ not in known]):
            if (decoded := self._decode(row)) is not None:
                known[row.id] = decoded
        order = dict.fromkeys([*had, *(m.id for m in resumed.messages)])
        resumed.messages = [known[id_] for id_ in order if id_ in known]

    def _begun(self) -> dict[str, str]:
        """Messages whose turn did something and did not end, each with that turn."""
        left = {ack.message_id: ack.turn for ack in self._outbound.unfinished_claims()}
        did = {id_ for id_ in set(left.values()) if self._outbound.did_something(id_)}
        return {message_id: of for message_id, of in left.items() if of in did}

    def _ours(self, messages: Iterator[MessageIn]) -> Iterator[MessageIn]:
        """Without what we acknowledged already: the host may not have read that yet.

        Nor what would overtake a message of its address that is to be tried again, which looks due until the host has read
        that it has to wait.
        """
        held: set[Address] = set()
        while page := list(islice(messages, PAGE)):
            acks = self._outbound.acks([message.id for message in page])
            for message in page:
                ack = acks.get(message.id)
                if turn.claimable(message, ack, self._incarnation):
                    if message.kind == "control" or message.address not in held:
                        yield message
                elif ack is not None and ack.status is AckStatus.RETRY:
                    held.add(message.address)

    def _decode(self, message: MessageIn) -> PromptMessage | None:
        try:
            return decode(message)
        except content.ContentError as error:
            log.warning("Message %s is unreadable: %s", message.id, error)
            return None


def _goes_on(message: MessageIn, here: Address) -> bool:
    """A task's run begins afresh: its script comes before any model."""
    return message.address == here and message.kind != "task"


def _result(call: ParkedCall, answer: content.System) -> str | None:
    """What an answer means to the call that waited; None lets it run. Whose answer counts the host has decided."""
    said = answer.value or answer.text
    if not call.approval:
        return ToolResult(said, is_error=not answer.ok).encode()
    by = f" by {answer.by}" if answer.by else ""
    if answer.ok and said == approving.ALLOW:
        seen = bool(call.digest) and answer.digest == call.digest
        return None if seen else ToolResult(box.ANOTHER, is_error=True).encode()
    return ToolResult(f"not run: {said if not answer.ok else 'refused'}{by}", is_error=True).encode()
