"""Questions whose time is over say so where they stand: their buttons go, and a line says why.

It is an edit, the same however often it is made: one whose outcome is unknown is made again at the next look, and a crash
before it is noted makes it once more. What an answer or an earlier look has closed is not looked at.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from host.delivery.calls import outcome, require_lead
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.ports.bot import Bots, ClosesQuestions, Rejected
from host.ports.bot import DeliveryError as NotDelivered
from host.registry import asked
from host.registry.asked import Asked
from host.registry.port import Statements
from host.registry.sessions import Session
from host.words import say
from sessiondb import SessionError

log = logging.getLogger(__name__)

MOST = 20  # questions of one look
LATEST = 86_400_000  # ms after its end: a platform that was away longer shows what a click would change
GRACE = 2_000  # ms in which a click that came in time may be on its way
EXPIRED = say("It was not answered in time: this is over.")


class Endings:
    def __init__(self, records: Records, bots: Bots, now: Callable[[], int]) -> None:
        self._records = records
        self._bots = bots
        self._now = now

    def are_due(self, connection: Statements) -> bool:
        return bool(self._ended(connection))

    async def look(self) -> None:
        """Raises `SessionError` of host.db."""
        for session_id, question in await self._records.db.read(self._ended):
            if await self._closed(session_id, question):
                await self._records.db.write(functools.partial(asked.over, key=question.key))

    def _ended(self, connection: Statements) -> list[tuple[str, Asked]]:
        now = self._now()
        return asked.ended(connection, now - LATEST, now - GRACE, MOST)

    async def _closed(self, session_id: str, question: Asked) -> bool:
        """Whether nothing more is to be done about it."""

        def session(connection: Statements) -> list[Session]:
            return self._records.sessions.load(connection, "id = ?", (session_id,))

        bot = self._bots.get(question.address.channel_type)
        found = await self._records.db.read(session)
        if not found or not isinstance(bot, ClosesQuestions):
            return True
        try:
            message_id = await self._records.mailboxes.use(found[0], lambda writer: _stands(writer, question))
            if message_id is None:
                return False
            if message_id:
                require_lead(self._records.db)
                await outcome(bot.close_question(question.address, message_id, EXPIRED))
        except Rejected as error:
            log.info("A question is not closed: %s", error.reason, extra={"action": "question_not_closed"})
        except (NotDelivered, SessionError) as error:
            log.info("A question is not closed yet: %s", error, extra={"action": "question_stays_open"})
            return False
        return True


def _stands(writer: InboundWriter, question: Asked) -> str | None:
    """The platform's id of what has its buttons; '' where they are gone, or never were, None while it may yet be sent."""
    known = writer.question(question.key)
    if known is None or known.answered_by:
        return ""
    writer.catch_up()
    parcels = writer.parcels_of(question.row_id)
    if any(not parcel.terminal for parcel in parcels):
        return None
    sent = [parcel for parcel in parcels if parcel.state == "sent"]
    return sent[-1].platform_message_id if sent else ""
