"""A question that was changed or deleted after it was answered: whoever asked may have it answered again, or the answer
taken back.

Jobs on the connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from host.ports.bot import Decision
from host.ports.events import AGAIN, EventClass, InboundEvent, again_id
from host.registry import judgements, notices
from host.registry.notices import Notice
from host.registry.port import Statements
from host.words import say
from sessiondb import Address

DELETED = say("The question is deleted. Shall my answer go, too?")
UNSAID = "unsay:"  # before the answer's key
TOO_LATE = say("I had answered this before you changed it.")
REQUEST = f"{AGAIN}:"  # before the answer's key
MOST_TRIES = 20  # that are followed from the question to its newest answer


def offer(
    connection: Statements, event: InboundEvent, place: Address, now: int, under_way: Mapping[str, str]
) -> bool:
    """Once for each answer, however often its question is changed; whether there is one. Once the change is in the session's
    file: `under_way` is what had no receipt then, and stands maybe, by what it answers. Its first intent is in that file
    alone, and whatever has a receipt since is in the ledger."""
    edit, deletion = event.event_class is EventClass.EDIT, event.event_class is EventClass.DELETE
    if not (edit or deletion) or event.author.is_bot:
        return False
    asked = replace(event, event_class=EventClass.MESSAGE, natural_id=event.platform_message_id)
    answer, of = _newest(connection, asked, under_way)
    if answer and edit:
        again = Decision(f"{REQUEST}{answer}", ((AGAIN, say("Answer again")),))
        told = Notice(f"edited:{of}", place, TOO_LATE, answers=event.platform_message_id, decision=again)
        notices.add(connection, told, now)
    elif answer:
        away = Decision(f"{UNSAID}{answer}", (("yes", say("Delete my answer")),))
        notices.add(connection, Notice(f"deleted:{of}", place, DELETED, decision=away), now)
    return bool(answer)


def _newest(connection: Statements, asked: InboundEvent, under_way: Mapping[str, str]) -> tuple[str, str]:
    """The key of the answer that stands, '' while there is none, or another try is worked on; and the id of the message that it
    answers, which is the same however many of its parts are there yet."""
    answer = of = ""
    for _ in range(MOST_TRIES):
        found = judgements.answer_to(connection, asked.message_id) or under_way.get(asked.message_id, "")
        if not found:
            tried = connection.execute("SELECT 1 FROM inbox WHERE key = ?", (asked.key,)).fetchone()
            return "" if answer and tried else answer, of
        answer, of = found, asked.message_id
        asked = replace(asked, event_class=EventClass.COMMAND, natural_id=again_id(found))
    return answer, of
