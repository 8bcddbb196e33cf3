"""A question that was changed after it was answered: whoever asked is told that it was too late, and may have it answered again.

Jobs on the connection.
"""

from __future__ import annotations

from dataclasses import replace

from host.ports.bot import Decision
from host.ports.events import AGAIN, EventClass, InboundEvent, again_id
from host.registry import judgements, notices
from host.registry.notices import Notice
from host.registry.port import Statements
from sessiondb import Address

TOO_LATE = "I had answered this before you changed it."
REQUEST = f"{AGAIN}:"  # before the answer's key
MOST_TRIES = 20  # that are followed from the question to its newest answer


def edited(connection: Statements, event: InboundEvent, place: Address, now: int) -> None:
    """Once for each answer, however often its question is changed."""
    if event.event_class is not EventClass.EDIT or event.author.is_bot:
        return
    asked = replace(event, event_class=EventClass.MESSAGE, natural_id=event.platform_message_id)
    answer = _newest(connection, asked)
    if answer:
        offered = Decision(f"{REQUEST}{answer}", ((AGAIN, "Answer again"),))
        told = Notice(
            f"edited:{answer}", place, TOO_LATE, answers=event.platform_message_id, decision=offered
        )
        notices.add(connection, told, now)


def _newest(connection: Statements, asked: InboundEvent) -> str:
    """The key of the answer that stands; '' while there is none, or another try is under way."""
    answer = ""
    for _ in range(MOST_TRIES):
        found = judgements.answer_to(connection, asked.message_id)
        if not found:
            tried = connection.execute("SELECT 1 FROM inbox WHERE key = ?", (asked.key,)).fetchone()
            return "" if answer and tried else answer
        answer = found
        asked = replace(asked, event_class=EventClass.COMMAND, natural_id=again_id(found))
    return answer
