"""What becomes of a session whose outbound.db cannot be read any more: quarantined, or begun anew, and told once.

A file that is damaged is left where it is, for somebody to look at: nothing is read from it, and no runner gets it. Once it is
gone or another stands in its place, the session goes on. A file that is gone was perhaps taken away for that.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from host.mailbox import gone, shape
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.outbound import OutboundReader, Refused
from host.registry import notices
from host.registry.notices import Notice
from host.registry.port import Registry, Statements
from host.registry.sessions import Session
from host.words import Sentence, say
from sessiondb import Damaged, Missing, SessionError

EXAMINATION = 5.0  # s of a core for one file; a look at 100 MB takes one
MOST_REFUSED = 2_000  # rows since a message of their session was settled; no runner writes so many
REFUSALS_LOGGED = 10  # of one read; the rest are counted

HOUR = 3_600_000  # ms, in which people are told once that it is still so

log = logging.getLogger(__name__)


class Losses:
    def __init__(
        self,
        db: Registry,
        mailboxes: Mailboxes,
        now: Callable[[], int],
        deliver_notices: Callable[[], Awaitable[None]],
    ) -> None:
        self._deliver_notices = deliver_notices
        self._db = db
        self._mailboxes = mailboxes
        self._now = now
        self._files: dict[str, tuple[int, int]] = {}  # by quarantined session: which file it is about
        self._refused: dict[str, int] = {}  # rows by session
        self._told: dict[
            str, int
        ] = {}  # by quarantined session: the last message whose author can know of it, by seq

    def stands(self, session: Session) -> bool:
        """Whether the session is quarantined because of the very file that is there."""
        seen = self._files.get(session.id)
        if session.unreadable and seen is not None and seen != shape.identity(session.folder.outbound_db):
            session.unreadable = ""
        return bool(session.unreadable)

    def count(self, session: Session, refused: int, *, settled: bool) -> None:
        """Junk costs its session little and the host much: one that writes nothing else is read no more. Raises `Damaged`."""
        self._refused[session.id] = 0 if settled else self._refused.get(session.id, 0) + refused
        if self._refused[session.id] > MOST_REFUSED:
            raise Damaged(session.folder.outbound_db, f"more than {MOST_REFUSED} rows are none")

    def forget(self, session: Session) -> None:
        for known in (self._files, self._refused, self._told):
            known.pop(session.id, None)

    def count_anew(self, session: Session) -> None:
        self._refused.pop(session.id, None)

    async def quarantine(self, session: Session, error: SessionError) -> None:
        """Nothing more is read from it, others go on. People are told once, however often the host is started meanwhile."""
        session.unreadable = error.reason
        self._files[session.id] = shape.identity(session.folder.outbound_db)
        session.read = False
        log.error(
            "Session quarantined: %s", error, extra={"action": "session_quarantined", "session": session.id}
        )
        notice = Notice(notices.of_quarantine(session.id), session.place, _told(session))
        await self._db.write(lambda connection: notices.add(connection, notice, self._now()))
        await self._deliver_notices()

    async def tell_writers(self, session: Session) -> None:
        """Whoever writes later reads where they wrote that it is so still, once an hour. A crash
        before the commit has it looked at again, one behind it finds it said. Raises `SessionError`."""
        wanting = await self._mailboxes.use(session, lambda writer: writer.wanting())
        since = self._told.get(session.id, 0)
        new = [message for message in wanting if message.seq > since and not message.task_id]
        if not new:
            return
        about = notices.of_quarantine(session.id)

        def job(connection: Statements) -> None:
            told_at = notices.told_at(connection, about)
            for message in new:
                came = connection.execute(_CAME, (message.id,)).fetchone()
                if came is not None and 0 < told_at < (came_at := int(str(came[0]))):
                    hour = f"{about}:{came_at // HOUR}"
                    again = Notice(hour, message.address, _told(session), answers=message.platform_message_id)
                    notices.add(connection, again, self._now())

        await self._db.write(job)
        self._told[session.id] = new[-1].seq
        await self._deliver_notices()

    async def can_be_read(self, session: Session, reader: Callable[[Session], OutboundReader]) -> None:
        """If it could not before, that is over: the next time is another one, and told. Of a file that people were told of every
        page is looked at first, for the host reads only some: else they were told anew by each start. Raises `SessionError`."""
        if session.read:
            return
        about = notices.of_quarantine(session.id)
        if await self._db.read(lambda connection: notices.is_over(connection, about)):
            await self._mailboxes.use(session, lambda _: reader(session).examine(EXAMINATION))
            await self._db.write(lambda connection: notices.forget(connection, about))
        session.read = True

    async def examine(self, session: Session, reader: Callable[[Session], OutboundReader]) -> None:
        """Its runner says that a file is damaged. Its word alone costs nobody a file: the host looks at every page of both, and
        believes what it finds. Raises `SessionError`: `Unavailable` too where its own file was set aside."""
        await self._mailboxes.use(session, lambda writer: writer.examine(EXAMINATION))
        await self._mailboxes.use(session, lambda _: reader(session).examine(EXAMINATION))

    async def instead(self, session: Session, reader: Callable[[Session], OutboundReader]) -> str | None:
        """Before a start: the incarnation that the file names ('' for none) where it is not the session's own; None where it
        is. Raises `SessionError`."""

        def job(writer: InboundWriter) -> str | None:
            state = reader(session).runner_state()
            found = "" if state is None else state.incarnation
            if gone.is_another(writer, session, found):
                return found
            gone.look(writer, found)
            return None

        return await self._mailboxes.use(session, job)

    async def begin_anew(self, session: Session, instead: str | None = None) -> bool:
        """False when there was no file to lose; `instead`: what another one names that is in its place. Raises `SessionError`."""

        def job(writer: InboundWriter) -> int | None:
            # The traces first: a runner that was making its first file may have come to its end since somebody looked.
            if instead is None and (not gone.was_there(writer, session) or not _is_missing(session)):
                return None
            return gone.begin_anew(writer, session, self._now(), instead or "")

        high = await self._mailboxes.use(session, job)
        if high is None:
            return False
        session.read = False
        told = {"action": "outbound_lost", "session": session.id}
        log.error("outbound.db is lost; the conversation begins anew", extra=told)

        def known(connection: Statements) -> None:
            connection.execute(_KNOWN, (high, session.id))

        await self._db.write(known)
        return True


def _told(session: Session) -> Sentence:
    return say(
        "⚠️ This conversation's records are damaged; an operator has to look ({id}).", id=session.id[:9]
    )


def _is_missing(session: Session) -> bool:
    try:
        OutboundReader(session.folder.outbound_db).close()
    except Missing:
        return True
    except SessionError:
        pass
    return False


_CAME = "SELECT received_at FROM inbox WHERE message_id = ?"  # by the host's clock, as a notice
_KNOWN = "UPDATE sessions SET seq_high_water = max(seq_high_water, ?), busy = 1, work = work + 1 WHERE id = ?"


def log_refused(session: Session, refused: Sequence[Refused]) -> None:
    for row in refused[:REFUSALS_LOGGED]:
        log.warning("Row refused: %s", row.reason, extra={"action": "row_refused", "session": session.id})
    if len(refused) > REFUSALS_LOGGED:
        more = len(refused) - REFUSALS_LOGGED
        log.warning("%s more rows refused", more, extra={"action": "row_refused", "session": session.id})
