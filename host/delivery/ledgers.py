"""Where intents and receipts are kept, all of them in host.db: a session's in its ledger, notices' in their own rows."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from host.delivery import bills, drawing, notes, policy, undeliverable
from host.delivery.posts import Posts
from host.governance.languages import Languages
from host.mailbox import ledger
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.rows import Parcel
from host.registry import notices
from host.registry.notices import Notice
from host.registry.port import Registry, Statements
from host.registry.sessions import Session
from host.words import as_it_is, say
from sessiondb import SessionError
from sessiondb.records import Address

log = logging.getLogger(__name__)


class SessionLedger:
    """`say` has the notices said that a commit has written."""

    def __init__(
        self,
        db: Registry,
        mailboxes: Mailboxes,
        session: Session,
        now: Callable[[], int],
        on_end: Callable[[Session, Sequence[Parcel]], None],
        say: Callable[[], Awaitable[None]],
        posts: Posts,
    ) -> None:
        self._db = db
        self._mailboxes = mailboxes
        self._session = session
        self._now = now
        self._on_end = on_end
        self._say = say
        self._posts = posts

    @property
    def agent(self) -> str:
        return self._session.agent

    @property
    def files(self) -> str:
        return str(self._session.folder.outbound_files)

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """One commit of host.db, shared with whoever else waits: receipts, what they open, what they must tell, next intents.

        A crash before it leaves what it was before, an intent without a receipt. After it everything is durable; the file
        that has not heard of it yet asks when it is next opened.
        """
        for parcel in parcels:
            if parcel.state == "sending":
                self._posts.sending(parcel)
        now = self._now()
        await self._db.write(lambda connection: self._put(connection, parcels, now))
        over = [parcel for parcel in parcels if parcel.terminal]
        self._mailboxes.behind(self._session, [(parcel, now) for parcel in over])
        for parcel in parcels:
            self._posts.settled(parcel)
        if any(parcel.state == "failed" for parcel in over):
            await self._say()
            await self._tell()
        if over:
            self._on_end(self._session, over)

    async def target(self, message_id: str) -> str | None:
        sent = await self._db.read(lambda connection: ledger.target(connection, self._session.id, message_id))
        if sent:
            return sent
        found = await self._mailboxes.use(self._session, lambda writer: writer.platform_id_of(message_id))
        return found[0] if found else None

    async def put_off(self, parcel: Parcel) -> None:
        """To the asker alone: the channel is just where nothing can be said now. A direct message is that very channel."""

        def asker(writer: InboundWriter) -> str:
            asked = writer.message(parcel.in_reply_to) if parcel.in_reply_to else None
            return asked.author_id if asked is not None and not asked.task_id else ""

        person = await self._mailboxes.use(self._session, asker)
        if person and "-dm-" not in self._session.scope:
            late, now = _late(parcel, person), self._now()
            await self._db.write(lambda connection: notices.add(connection, late, now))
            await self._say()

    async def stands(self, parcel: Parcel, count: int) -> bool:
        return await self._db.read(
            lambda connection: ledger.sent(connection, self._session.id, parcel.seq, count) == count
        )

    async def bill(self, parcel: Parcel) -> str:
        for look in range(bills.LOOKS):
            if look:
                await asyncio.sleep(bills.PAUSE)
            found = await self._db.read(
                lambda connection: bills.of_answer(connection, self._session.id, parcel, self._now())
            )
            if found.settled:
                break
        return found.words

    async def asking(self, key: str, parcel: Parcel) -> None:
        await self._posts.asking(self._session, key, parcel, self._now())

    def leads(self) -> bool:
        return self._db.leads()

    def _put(self, connection: Statements, parcels: Sequence[Parcel], now: int) -> None:
        ledger.put(connection, self._session.id, parcels, now)
        for parcel in parcels:
            self._posts.settle(connection, self._session, parcel)
            if parcel.state == "failed":
                notices.add(connection, notes.undelivered(parcel, self._session.id, now), now)

    async def _tell(self) -> None:
        """The agent may wait for an answer to what could not be asked."""
        try:
            mark = await self._mailboxes.use(self._session, _caught_up)
            await self._db.write(lambda connection: ledger.trim(connection, self._session.id, mark))
        except SessionError as error:
            log.debug("A session hears of a failure later: %s", error)


def _caught_up(writer: InboundWriter) -> int:
    writer.catch_up()
    return writer.mark("delivery_watermark")


def _late(parcel: Parcel, person: str) -> Notice:
    place = parcel.address
    until = f"{datetime.fromtimestamp(parcel.next_attempt_at / 1000, UTC):%H:%M} UTC"
    text = say(
        "{platform} lets me write no more in that channel until {time}: my answer to what you asked there comes by itself"
        " then.",
        platform=place.channel_type.capitalize(),
        time=until,
    )
    at = notices.direct(place.channel_type, place.workspace_id)
    return Notice(f"late:{parcel.message_out_id}", at, text, private_to=person)


@dataclass(frozen=True, slots=True)
class OpenNotice:
    """One chunk of a notice that is not delivered yet; its parcel has no payload."""

    notice: Notice
    chunk: int
    parcel: Parcel


class NoticeLedger:
    """Notices travel as parcels whose `message_out_id` is the notice's id."""

    agent = files = ""

    def __init__(self, db: Registry, languages: Languages, now: Callable[[], int]) -> None:
        self._db = db
        self._languages = languages
        self._now = now

    async def put(self, parcels: Sequence[Parcel]) -> None:
        await self._db.write(lambda connection: _put_notices(connection, parcels, self._now()))

    async def target(self, message_id: str) -> str | None:
        return None

    async def put_off(self, parcel: Parcel) -> None:
        """A notice that is late causes no other."""

    async def stands(self, parcel: Parcel, count: int) -> bool:
        """A notice takes nothing's place."""
        return True

    async def bill(self, parcel: Parcel) -> str:
        """A notice is no answer."""
        return ""

    async def asking(self, key: str, parcel: Parcel) -> None:
        """A notice asks nothing that an answer could be for."""

    def leads(self) -> bool:
        return self._db.leads()

    async def open(self) -> list[OpenNotice]:
        """Each is told in the language of its place by then. That is committed before any of it is sent, so that every attempt,
        every part and every look-up has the same words; a crash before it leaves what can be told once more."""
        untold = await self._db.read(lambda connection: connection.execute(_UNTOLD).fetchall())
        if untold:
            await self._db.write(lambda connection: self._tell(connection, untold))

        def job(connection: Statements) -> list[OpenNotice]:
            sql = f"SELECT {_NOTICE} FROM notices_here WHERE state IN ('pending', 'sending', 'unknown') ORDER BY id"
            # No wait is longer than the longest: the clock may have been set back since.
            latest = self._now() + policy.LONGEST_BACKOFF
            return [_notice(latest, *row) for row in connection.execute(sql).fetchall()]

        return await self._db.read(job)

    def _tell(self, connection: Statements, untold: Sequence[Sequence[object]]) -> None:
        for id_, private_to, *place in untold:
            language = self._languages.at(connection, Address(*map(str, place)), str(private_to))
            notices.tell(connection, int(str(id_)), language)

    async def add_chunks(self, notice: Notice, count: int) -> None:
        """Before its first chunk is sent: whoever sees that one sent sees the others too."""

        def job(connection: Statements) -> None:
            for chunk in range(1, count):
                notices.add(connection, replace(notice, decision=None), self._now(), chunk)

        await self._db.write(job)


def notice_payload(notice: Notice, chunk: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            **drawing.kept(chunk),
            "target": "",
            "answers": notice.answers,
            "files": "",
            "private_to": notice.private_to,
            "decision": "" if notice.decision is None else json.dumps(asdict(notice.decision)),
        }
    )


def _put_notices(connection: Statements, parcels: Sequence[Parcel], now: int) -> None:
    connection.executemany(
        "UPDATE notices SET state = ?, platform_message_id = ?, attempts = ?, lookups = ?, next_attempt_at = ?,"
        " first_attempt_at = ?, error = ? WHERE id = ?",
        [
            (
                p.state,
                p.platform_message_id,
                p.attempts,
                p.lookups,
                p.next_attempt_at,
                p.first_attempt_at,
                p.error[:500],
                p.seq,
            )
            for p in parcels
        ],
    )
    for parcel in parcels:
        if parcel.state == "failed":
            _say_otherwise(connection, parcel.seq, now)


def _say_otherwise(connection: Statements, id_: int, now: int) -> None:
    """What could not be said to a person alone is said in the place it is about, once, and from there nowhere else; that an
    answer could not be said in its place is said to whoever asked, alone."""
    row = connection.execute(
        "SELECT otherwise, decision, text FROM notices WHERE id = ? AND otherwise <> ''", (id_,)
    ).fetchone()
    if row is None:
        undeliverable.tell(connection, id_, now)
        return
    decision = notices.decision_of(str(row[1]))
    about = f"request:{decision.request}:place" if decision else f"otherwise:{id_}"
    told = Notice(about, Address(*json.loads(str(row[0]))), as_it_is(str(row[2])), decision=decision)
    notices.add(connection, told, now)


_UNTOLD = (
    "SELECT id, private_to, channel_type, workspace_id, platform_id, thread_id FROM notices_here"
    " WHERE state IN ('pending', 'sending', 'unknown') AND words <> '' ORDER BY id"
)
_NOTICE = (
    "id, about, chunk, key, private_to, answers, text, decision, channel_type, workspace_id, platform_id, thread_id,"
    " state, attempts, lookups, next_attempt_at, first_attempt_at, error"
)


def _notice(latest: int, *row: object) -> OpenNotice:
    id_, about, chunk, key, private_to, answers, text, decision, *place = row
    channel, workspace, platform, thread, state, attempts, lookups, next_attempt, first_attempt, error = place
    address = Address(str(channel), str(workspace), str(platform), str(thread))
    parcel = Parcel(
        message_out_id=f"notice-{id_}",
        chunk=0,
        seq=int(str(id_)),
        key=str(key),
        state=str(state),
        address=address,
        payload="",
        attempts=int(str(attempts)),
        lookups=int(str(lookups)),
        next_attempt_at=min(latest, int(str(next_attempt))),
        first_attempt_at=int(str(first_attempt)),
        error=str(error),
    )
    notice = Notice(
        str(about),
        address,
        as_it_is(str(text)),
        str(private_to),
        str(answers),
        notices.decision_of(str(decision)),
    )
    return OpenNotice(notice, int(str(chunk)), parcel)
