"""What an inbound.db alone has of a conversation that travels: runs of tasks, what the agent is told, questions that are open.

The rest of it is made again from the inbox, the ledger and the copies of tasks (`remaking`). What comes back here and is in the
inbox too is one message: its id says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import apsw

from host.mailbox.copies import ASK, IN, Copy
from host.mailbox.rows import NewMessage, Question
from sessiondb import Address, MessageIn, Status, content

if TYPE_CHECKING:
    from host.mailbox.inbound import InboundWriter

log = logging.getLogger(__name__)

ALONE = ("task", "system")  # kinds of messages that no event brought
PARKED = "parked:"  # begins a key of session_state: a call waits for the answer to this row
MOST_ASKED = 200  # such calls that are looked at
_STILL = (Status.COMPLETED, Status.PENDING)  # what was called off is not begun anew


def of(
    writer: InboundWriter,
    pending: Iterable[MessageIn],
    states: Mapping[str, str],
    over: Collection[str],
    answered: Collection[str],
) -> list[Copy]:
    """`states` is what the runner keeps. `over`: messages that are acknowledged, of turns that are not: a turn that a question
    parked goes on with all of them. `answered`: by rows on their way, which go where that message came from; what the inbox has
    comes back from there, but where a question had acknowledged it."""
    questions = [writer.asked(key.removeprefix(PARKED)) for key in _parked(states)]
    there = {m.id: m for m in pending if m.kind in ALONE}
    for m in (writer.message(id_) for id_ in sorted({*over, *answered})):
        if m is not None and m.status in _STILL and (m.id in over or m.kind in ALONE):
            there[m.id] = m
    found = [_message(message) for message in there.values()]
    return found + [_question(question) for question in questions if question is not None]


def waiting(states: Mapping[str, str]) -> set[str]:
    """The turns that wait for an answer."""
    return {turn for turn, waits in map(_turn, map(states.__getitem__, _parked(states))) if waits}


def waited(states: Mapping[str, str]) -> set[str]:
    """Those, and the turns that have waited for one."""
    return {_turn(said)[0] for key, said in states.items() if key.startswith(PARKED)} - {""}


def _parked(states: Mapping[str, str]) -> list[str]:
    return [key for key in sorted(states) if key.startswith(PARKED)][:MOST_ASKED]


def _turn(parked: str) -> tuple[str, bool]:
    """Of a call, and whether it still waits; '' for none."""
    try:
        found = json.loads(parked)
        return str(found["turn"]), not found["answered_by"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", False


def _message(m: MessageIn) -> Copy:
    columns = [m.kind, m.address, m.content, m.created_at, m.trigger, m.not_before, m.attempts]
    more = [m.platform_message_id, m.author_id, m.task_id, m.occurrence_at]
    return Copy(IN, 0, m.id, json.dumps([*columns, *more]))


def _question(asked: Question) -> Copy:
    columns = [asked.key, asked.audience, asked.expires_at, asked.approval, asked.answered_by]
    return Copy(ASK, 0, asked.row_id, json.dumps(columns))


def bring_back(writer: InboundWriter, found: Sequence[Copy]) -> None:
    """In the caller's transaction. A copy that is none costs itself alone."""
    for copy in found:
        try:
            with writer.alone():
                if copy.part == IN:
                    _bring_message(writer, copy)
                else:
                    key, audience, *rest = json.loads(copy.content)
                    writer.put_question(Question(copy.name, key, tuple(audience), *rest))
        except (apsw.ConstraintError, apsw.MismatchError, ValueError, TypeError) as error:
            told = {"action": "copy_lost"}
            log.error("A copy (%s %s) cannot be read: %s", copy.part, copy.name, error, extra=told)


def _bring_message(writer: InboundWriter, copy: Copy) -> None:
    kind, address, said, created_at, trigger, not_before, attempts, *more = json.loads(copy.content)
    body = content.decode_inbound(said)
    new = NewMessage(copy.name, kind, Address(*address), body, created_at, trigger, not_before, *more)
    if writer.insert(new) and attempts:
        writer.postpone(copy.name, attempts, not_before)
