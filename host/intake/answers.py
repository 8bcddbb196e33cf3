"""Which session an answer is for: that of its question, by the question's key alone.

A click may say wrongly, or not at all, where it happened and for whom that place is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from host.config.settings import Settings
from host.governance import access
from host.intake import inbox
from host.mailbox import questions
from host.mailbox.open import Records
from host.ports.events import InboundEvent
from host.registry import asked, sessions
from host.registry.port import Statements
from host.registry.sessions import Session
from sessiondb import Address


class Answers:
    def __init__(self, settings: Settings, records: Records, now: Callable[[], int]) -> None:
        self._settings = settings
        self._db = records.db
        self._registry = records.sessions
        self._mailboxes = records.mailboxes
        self._now = now

    async def to_its_question(self, event: InboundEvent) -> InboundEvent | None:
        """At the question's own place; None when nobody asked that where it was answered: in another workspace the same id is
        somebody else's."""
        found, session = await self._db.read(lambda connection: self._asked(connection, event.refers_to))
        if found is None or not access.same_people(found[1], event.address):
            return None
        session_id, address = found
        privacy = sessions.privacy_of(session.scope, address) if session is not None else event.privacy
        key = event.refers_to
        return replace(event, session_id=session_id, address=address, natural_id=key, privacy=privacy)

    async def refusal(self, event: InboundEvent) -> str:
        """Why this answer cannot count; '' when it may, or was taken in already."""

        def session_of(connection: Statements) -> Session | None:
            if inbox.find(connection, event.key) is not None:
                return None
            return self._registry.one(connection, event.session_id)

        session = await self._db.read(session_of)
        if session is None:
            return ""
        question = await self._mailboxes.use(session, lambda writer: writer.question(event.refers_to))
        is_owner = access.is_owner(self._settings.config.access, event.address, event.author.id)
        return questions.refusal(question, event.author.id, is_owner=is_owner, now=self._now())

    def _asked(self, connection: Statements, key: str) -> tuple[tuple[str, Address] | None, Session | None]:
        found = asked.find(connection, key)
        return found, self._registry.one(connection, found[0]) if found is not None else None


def place_of(connection: Statements, key: str) -> Address | None:
    """Of the conversation that asked; None for a question that nobody knows."""
    found = asked.find(connection, key)
    return None if found is None else sessions.address_of(connection, found[0])
