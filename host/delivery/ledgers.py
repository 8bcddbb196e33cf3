"""Where intents and receipts are kept: in a session's inbound.db, or for notices in host.db."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence

import apsw

from host.delivery import collect
from host.delivery.posts import Posts
from host.hostdb import HostDB
from host.inbound import InboundWriter, Parcel
from host.notices import Notice
from host.sessions import Session, Sessions
from sessiondb.records import Address


class SessionLedger:
    def __init__(
        self,
        registry: Sessions,
        session: Session,
        now: Callable[[], int],
        on_put: Callable[[Session], None],
        notify: Callable[[Notice], Awaitable[None]],
        posts: Posts,
    ) -> None:
        self._registry = registry
        self._session = session
        self._now = now
        self._on_put = on_put
        self._notify = notify
        self._posts = posts

    async def put(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            if parcel.state == "sending":
                self._posts.sending(parcel)
            await self._posts.settle(self._session, parcel)
            if parcel.state == "failed":
                # Before the outcome is committed: a crash in between makes the same notice again, which is one notice.
                await self._notify(collect.undelivered(parcel))
        await self._registry.use(self._session, lambda writer: self._put(writer, parcels))
        for parcel in parcels:
            self._posts.settled(parcel)
        if any(parcel.terminal for parcel in parcels):
            self._on_put(self._session)

    async def target(self, message_id: str) -> str | None:
        found = await self._registry.use(self._session, lambda writer: writer.platform_id_of(message_id))
        return found[0] if found else None

    def _put(self, writer: InboundWriter, parcels: Sequence[Parcel]) -> None:
        with writer.writing():
            writer.put_parcels(parcels)
            for parcel in parcels:
                if parcel.state == "failed":
                    collect.tell_failed(writer, parcel, self._now())
            writer.advance_watermark()


_NOTICE = (
    "id, key, private_to, answers, text, channel_type, workspace_id, platform_id, thread_id, state, attempts, lookups,"
    " next_attempt_at, first_attempt_at, error"
)


class NoticeLedger:
    """Notices travel as parcels whose `message_out_id` is the notice's id."""

    def __init__(self, db: HostDB) -> None:
        self._db = db

    async def put(self, parcels: Sequence[Parcel]) -> None:
        await self._db.write(lambda connection: _put_notices(connection, parcels))

    async def target(self, message_id: str) -> str | None:
        return None

    async def open(self) -> list[tuple[Parcel, str, str]]:
        """Notices not delivered yet, each with its text and the user it is private to."""

        def job(connection: apsw.Connection) -> list[tuple[Parcel, str, str]]:
            sql = (
                f"SELECT {_NOTICE} FROM notices WHERE state IN ('pending', 'sending', 'unknown') ORDER BY id"
            )
            return [_notice(*row) for row in connection.execute(sql).fetchall()]

        return await self._db.read(job)


def notice_payload(chunk: object, answers: str, private_to: str) -> str:
    return json.dumps(
        {
            "chunk": chunk,
            "plain": None,
            "target": "",
            "answers": answers,
            "files": "",
            "private_to": private_to,
        }
    )


def _put_notices(connection: apsw.Connection, parcels: Sequence[Parcel]) -> None:
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


def _notice(*row: object) -> tuple[Parcel, str, str]:
    id_, key, private_to, answers, text, channel, workspace, platform, thread, state, *rest = row
    attempts, lookups, next_attempt, first_attempt, error = rest
    parcel = Parcel(
        message_out_id=f"notice-{id_}",
        chunk=0,
        seq=int(str(id_)),
        key=str(key),
        state=str(state),
        address=Address(str(channel), str(workspace), str(platform), str(thread)),
        payload=str(answers),
        attempts=int(str(attempts)),
        lookups=int(str(lookups)),
        next_attempt_at=int(str(next_attempt)),
        first_attempt_at=int(str(first_attempt)),
        error=str(error),
    )
    return parcel, str(text), str(private_to)
