"""What people are asked: who may answer, until when, which answer counts. The host decides, whatever a container says.

A question and its end are written in the transaction that makes its intent, so none is shown that the host does not know.
Its end is a message like any other, due when the time is over: it needs no runner and no host to live until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from host.config.settings import Settings
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage, Question
from host.ports.events import OVER
from sessiondb import content
from sessiondb.records import Address, Status

LONGEST = 30 * 86_400_000  # ms a question may stay open, where it names an end at all
NOBODY = "nobody answered in time"
LOST = "its records were lost with those of the conversation; nobody can answer it any more"


@dataclass(frozen=True)
class Approvers:
    """Who may allow a call: the people that the agent's configuration lists, else whoever asked, else the owners."""

    settings: Settings

    def settle(
        self, question: content.Question, agent: str, address: Address, asked_by: str
    ) -> content.Question:
        """The question as it is put. An approval's audience is never the container's to choose."""
        own = (asked_by,) if asked_by else ()
        if question.approval:
            configured = self.settings.config.agents.get(agent)
            listed = configured.approvers if configured else ()
            if listed:  # elsewhere only: nobody who happens to ask here stands in for them
                here, owners = _of(address.channel_type, listed), self._owners(address.channel_type)
                audience = here or owners or listed
            else:
                audience = own or self._owners(address.channel_type)
        else:
            audience = question.audience or own
        return replace(question, audience=audience)

    def _owners(self, platform: str) -> tuple[str, ...]:
        return _of(platform, self.settings.config.access.owners)


def _of(platform: str, people: Sequence[str]) -> tuple[str, ...]:
    """The platform's own ids of those of them who are on it."""
    prefix = f"{platform}:"
    return tuple(person.removeprefix(prefix) for person in people if person.startswith(prefix))


def put(
    writer: InboundWriter, row_id: str, key: str, question: content.Question, address: Address, now: int
) -> None:
    """Takes part in the caller's transaction. `key` is what an answer will refer to."""
    expires_at = min(question.expires_at, now + LONGEST) if question.expires_at else 0
    writer.put_question(Question(row_id, key, tuple(question.audience), expires_at, bool(question.approval)))
    if expires_at:
        told = content.System("answer", NOBODY, ok=False, refers_to=row_id)
        writer.insert(NewMessage(_end_of(row_id), "system", address, told, now, not_before=expires_at))
        writer.bounds.noted(_end_of(row_id))


def answered(writer: InboundWriter, question: Question, answer_id: str) -> None:
    """The first answer counts; the question's end, if it has not come, never will. In the caller's transaction."""
    writer.answer_question(question.row_id, answer_id)
    writer.settle(_end_of(question.row_id), Status.CANCELLED, "answered")


def not_asked(writer: InboundWriter, row_id: str, address: Address, reason: str, now: int) -> None:
    """Nobody will see the question: that becomes its answer, now. Takes part in the caller's transaction.

    It is the question's end come early, under the same id, so the call that waits has one result, whatever is tried again.
    """
    told = content.System("answer", f"could not be asked: {reason}", ok=False, refers_to=row_id)
    if writer.message(_end_of(row_id)) is not None:
        writer.bring_forward(_end_of(row_id), told, now)
    elif writer.bounds.may_note():
        writer.insert(NewMessage(_end_of(row_id), "system", address, told, now))
        writer.bounds.noted(_end_of(row_id))
    writer.close_question(row_id, now)


def lost(writer: InboundWriter, row_id: str, key: str, address: Address, now: int) -> None:
    """The records of an open question are gone, and with them who may answer it: that becomes its answer, now.

    In a transaction of its own; again is once. A click that comes later finds the question closed.
    """
    with writer.writing():
        if not writer.asks(row_id):
            writer.put_question(Question(row_id, key, ()))
            not_asked(writer, row_id, address, LOST, now)


def is_open(writer: InboundWriter, key: str, now: int) -> bool:
    question = writer.question(key)
    if question is None or question.answered_by:
        return False
    return not question.expires_at or question.expires_at > now


def refusal(question: Question | None, person: str, *, is_owner: bool, now: int) -> str:
    """Why this person's answer does not count, one line for them; '' when it does. Pure."""
    if question is None:  # the host wrote it down before it was shown: its records were lost, or are over
        return OVER
    stands_in = is_owner and not question.approval  # an owner may answer for others, but not allow for them
    if question.audience and person not in question.audience and not stands_in:
        return "Only the people who were asked may answer this."
    if question.expires_at and now >= question.expires_at and not question.answered_by:
        return OVER
    return ""


def _end_of(row_id: str) -> str:
    return f"{row_id}:end"[:190]
