"""What waits and what failed, for owners: ask once more, or take it off. Both are recorded, and both keep the laws.

Another try is a message to the agent like any: it enters by the one way in, under the failed message's own key, with the
words and the rights of whoever wrote that. However often it is ordered it is asked once, and nothing is asked again of which
anything was said or may have been (law 4, law 6). What is discarded is told to its people (law 14).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from host.controls import subjects
from host.controls.carrying import carried
from host.governance import audit, words
from host.intake import inbox
from host.mailbox import ledger
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.ports.controls import Failure, Forbidden
from host.ports.events import AGAIN, EventClass, InboundEvent, Ingested, Privacy, Verdict, Viewer
from host.registry import sessions
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.sessions import Session
from host.runners.launch.base import LaunchError
from host.runners.supervisor import Supervisor
from host.words import as_it_is, known, say
from sessiondb import MessageIn, Status
from sessiondb.records import Address

LOOKED_AT = 2_000  # notices of one page of failures
NO_SUCH = as_it_is("There is no such message.")
NO_SUCH_CONVERSATION = as_it_is("There is no such conversation.")
NOT_FAILED = as_it_is("That did not fail: it is answered, waits, or was taken back.")
NOT_ASKED = as_it_is(
    "Only what a person wrote can be asked again, and not when it is too long ago. A task has Run now."
)
SAID = as_it_is("Something was said to that, or may have been: asking again could answer it twice.")
TRIED = as_it_is("That was asked again already.")
DISCARDED = "discarded by an owner"


@dataclass(frozen=True, slots=True)
class Failed(Failure):
    number: int = 0  # of the notice: the place in the list
    dealt_with: str = ""


@carried(subjects.OF_QUEUE)
class Queue:
    def __init__(
        self,
        records: Records,
        supervisor: Supervisor,
        ingest: Callable[[InboundEvent], Awaitable[Ingested]],
        pay: Callable[[Session], Awaitable[None]],
        now: Callable[[], int],
    ) -> None:
        """`ingest` is the one way in; `pay` says what a session owes its people. Whoever calls has judged who may."""
        self.records = records
        self._supervisor = supervisor
        self._ingest = ingest
        self._pay = pay
        self._now = now

    async def retry(self, viewer: Viewer, message_id: str) -> str:
        """One line. Raises `Forbidden`, `sessiondb.SessionError`, `HostBusy`."""
        event, session, message = await self._failed(message_id)
        told = await self.records.db.read(lambda c: ledger.answering(c, session.id, message_id))
        if any(parcel.state != "failed" for parcel, _ in told):
            raise Forbidden(SAID)
        again = replace(
            event,
            event_class=EventClass.COMMAND,
            address=message.address,
            natural_id=f"{AGAIN}-{message_id}",
            at=self._now(),
            text="",
            files=(),
            parts=(),
            thread_so_far=(),
            opens_thread="",
            replies_to="",
            mentioned=True,
            privacy=_privacy(session),
            value=AGAIN,
            refers_to=message_id,
            session_id=session.id,
        )
        ingested = await self._ingest(again)
        if ingested.verdict not in (Verdict.STORED, Verdict.DUPLICATE):
            raise Forbidden(known(ingested.reason) if ingested.reason else NO_SUCH)
        await self._note(viewer, "retry", message_id, "retried")  # after a crash before it, by the next order
        return TRIED if ingested.verdict is Verdict.DUPLICATE else "It is asked once more."

    async def put_by(self, viewer: Viewer, message_id: str) -> str:
        """Takes a failed message off the list; what people were told stands."""
        await self._failed(message_id)
        await self._note(viewer, "discard", message_id, "discarded")
        return "Taken off the list."

    async def discard(self, viewer: Viewer, session_id: str) -> str:
        """What waits in a conversation is not answered any more; its people are told. Raises `Forbidden`, `SessionError`."""
        found = await self.records.db.read(
            lambda connection: self.records.sessions.load(connection, "id = ?", (session_id,))
        )
        if not found:
            raise Forbidden(NO_SUCH_CONVERSATION)
        now = self._now()
        await self.records.db.write(lambda c: audit.record(c, viewer, "discard", session_id, now))
        count = await self.records.mailboxes.use(found[0], lambda writer: _discarded(writer, found[0], now))
        if not count:
            return "Nothing waits there."
        await self._pay(found[0])
        try:
            await self._supervisor.stop(found[0])
        except LaunchError:  # it finds nothing to do any more, and ends by itself
            return f"{count} discarded; the runner is still there."
        return f"{count} discarded."

    async def _failed(self, message_id: str) -> tuple[InboundEvent, Session, MessageIn]:
        """Raises `Forbidden`."""
        kept, session_id = await self.records.db.read(lambda c: _event(c, message_id))
        found = await self.records.db.read(
            lambda connection: self.records.sessions.load(connection, "id = ?", (session_id,))
        )
        if not found:
            raise Forbidden(NO_SUCH)
        message = await self.records.mailboxes.use(found[0], lambda writer: writer.message(message_id))
        if message is None or message.kind != "chat":
            raise Forbidden(NOT_ASKED)
        if message.status != Status.FAILED:
            raise Forbidden(NOT_FAILED)
        return kept, found[0], message

    async def _note(self, viewer: Viewer, action: str, message_id: str, outcome: str) -> None:
        now = self._now()

        def job(connection: Statements) -> None:
            row = connection.execute(_OUTCOME, (message_id,)).fetchone()
            if row is None or row[0] != outcome:
                connection.execute(
                    "INSERT INTO dealt_with VALUES (?, ?, ?)"
                    " ON CONFLICT (message_id) DO UPDATE SET outcome = excluded.outcome, at = excluded.at",
                    (message_id, outcome, now),
                )
                audit.record(connection, viewer, action, message_id, now)

        await self.records.db.write(job)


def failed(connection: Statements, before: int, most: int) -> tuple[Sequence[Failed], int]:
    """Those that ended without an answer, the latest first, below a place in the list (0: the latest of all), and the place
    below which there may be more (0: none)."""
    top = before or 2**62
    rows = connection.execute(_FAILED, (top, top, LOOKED_AT, most + 1)).fetchall()
    found = []
    for number, about, at, text, outcome, *place in rows[:most]:
        kind, _, subject = str(about).partition(":")
        message = subject if kind in ("gave-up", "unreadable") else ""
        told = words.one_line(str(text)).removeprefix("⚠️ ")
        address = Address(*map(str, place))
        found.append(Failed(int(str(at)), message, address, told, int(str(number)), str(outcome or "")))
    if len(rows) > most:
        return found, found[-1].number
    row = connection.execute("SELECT max(id) FROM notices WHERE id < ?", (top,)).fetchone()
    return found, max(0, int(str(row[0] or 0)) - LOOKED_AT + 1) if row else 0


def _event(connection: Statements, message_id: str) -> tuple[InboundEvent, str]:
    """Raises `Forbidden`."""
    sql = "SELECT event -> '$.event', session_id FROM inbox WHERE message_id = ? LIMIT 1"
    row = connection.execute(sql, (message_id,)).fetchone()
    if row is None or row[0] is None:
        raise Forbidden(NOT_ASKED)
    return inbox.event_of(str(row[0])), str(row[1])


def _privacy(session: Session) -> Privacy:
    place = session.address
    if session.scope.startswith(f"{place.channel_type}-{place.workspace_id}-dm-"):
        return "dm"
    common = (sessions.scope_name("public", place, ""), sessions.scope_name("guests", place, ""))
    return "public" if session.scope in common else "private"


def _discarded(writer: InboundWriter, session: Session, now: int) -> int:
    with writer.writing():
        waiting = writer.wanting()
        for message in waiting:
            writer.settle(message.id, Status.CANCELLED, DISCARDED)
        if waiting:
            text = say(
                "⚠️ An owner has taken off what waited here ({count}): it is not answered. Please ask again.",
                count=len(waiting),
            )
            last = waiting[-1]
            notice = Notice(
                f"discarded:{session.id}:{now}", last.address, text, answers=last.platform_message_id
            )
            writer.owe(notice.about, notice.encode())
    return len(waiting)


_OUTCOME = "SELECT outcome FROM dealt_with WHERE message_id = ?"
_FAILED = """
SELECT id, about, created_at, text, outcome, channel_type, workspace_id, platform_id, thread_id FROM notices
LEFT JOIN dealt_with ON dealt_with.message_id = substr(about, instr(about, ':') + 1)
WHERE id < ? AND chunk = 0 AND id > (SELECT coalesce(max(id), 0) FROM notices WHERE id < ?) - ?
AND (about LIKE 'gave-up:%' OR about LIKE 'unreadable:%' OR about LIKE 'undelivered:%' OR about LIKE 'damaged:%'
    OR about LIKE 'no-start:%')
AND coalesce(outcome, '') <> 'discarded' ORDER BY id DESC LIMIT ?
"""
