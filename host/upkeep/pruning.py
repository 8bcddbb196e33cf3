"""Forgetting what is over: texts, files and records beyond the retention, on both sides of every session.

Nothing here decides what may be sent, claimed or taken in: a seq never names two messages (its high-water marks are kept
apart from the rows), and the keys of events are kept longer than any platform delivers or a backfill asks.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from host.mailbox import copies, ledger, questions, remaking, spaces
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.registry import asked, errands, events, judgements, packs
from host.registry.holding import UNHELD
from host.registry.notices import FORGETTABLE
from host.registry.port import Statements
from host.registry.reaching import reached
from host.registry.sessions import Session
from host.runners.launch.base import LaunchError
from host.upkeep import leaving
from host.upkeep.backups import upgrading
from sessiondb import Full, SessionError

log = logging.getLogger(__name__)

DAY = 86_400_000  # ms
EVERY = 600.0  # s between two rounds
AGAIN = DAY  # ms until a session is looked at again
AFTER_FAILURE = (
    3_600_000  # ms until then when it could not be, or a runner lived: such sessions starve no others
)
MOST_SESSIONS = 20  # of one round: each may start a process
PORTION = 500  # rows of one commit: those who wait for the same file wait no longer than for that
KEYS_KEPT = 400 * DAY  # ms an event's key outlives its arrival


class Maintains(Protocol):
    async def maintain(self, session: Session, *, older_than: int) -> bool:
        """Has the owner of outbound.db prune it; false while a runner lives. Raises `LaunchError`, `SessionError`."""


class Pruner:
    def __init__(
        self,
        records: Records,
        maintains: Maintains,
        now: Callable[[], int],
        days: float,
    ) -> None:
        self._records = records
        self._db = records.db
        self._registry = records.sessions
        self._luggage = records.spaces.luggage
        self._mailboxes = records.mailboxes
        self._maintains = maintains
        self._now = now
        self._retention = int(days * DAY)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.round()
            except (SessionError, OSError) as error:
                log.warning("host.db could not be pruned: %s", error, extra={"action": "prune_failed"})
            except Exception:  # nobody's answer depends on it
                log.exception("Pruning broke", extra={"action": "prune_failed"})

    async def round(self) -> None:
        """What is due now, a limited number of sessions. Where several nodes serve one of them has what they share, and each the
        conversations that it holds, or whose files lie with it while nobody holds them. Raises `SessionError` of host.db."""
        now = self._now()
        before = now - self._retention
        if self._db.holding.has_upkeep:
            await self._shared(before, now - KEYS_KEPT)
        if self._db.holding.is_shared:
            await leaving.leave_to_others(self._records)
        await self._no_longer_live(before)
        await asyncio.to_thread(upgrading.drop, self._registry.data, before)
        for session, resting in await self._db.read(functools.partial(self._due, now=now, before=before)):
            if not await reached(self._db, session.address):  # another node took it just now, and looks at it
                continue
            done = await self._tried(session, before, resting)
            at = now if done else now - AGAIN + AFTER_FAILURE
            await self._db.write(functools.partial(_looked_at, session=session, at=at))

    async def _shared(self, before: int, before_keys: int) -> None:
        for portion in (
            _inbox,
            functools.partial(_keys, before_keys=before_keys),
            _said,
            _obeyed,
            _held_back,
            _judged,
            _dealt_with,
        ):
            while await self._db.write(functools.partial(portion, before=before)) == PORTION:
                pass
        if self._db.holding.is_shared:
            await self._db.write(self._db.tidings.forget)
            await self._db.write(errands.forget)
            while await self._db.write(functools.partial(_nobodys, before=before)) == PORTION:
                pass

    async def _tried(self, session: Session, before: int, resting: bool) -> bool:
        """Whatever is odd about one, it is not the first of the next round again."""
        told = {"action": "prune_failed", "session": session.id}
        try:
            return await self._session(session, before, resting)
        except (SessionError, LaunchError, OSError) as error:
            log.info("Not pruned now: %s", error, extra=told)
        except Exception:
            log.exception("Pruning one conversation broke", extra=told)
        return False

    async def _no_longer_live(self, before: int) -> None:
        """What a crash left of live messages that are gone; one that still shows a turn stays, however old, for its session's
        file may be lost yet."""
        for session in await self._db.read(lambda connection: self._with_old_copies(connection, before)):
            try:
                shown = await self._mailboxes.use(session, lambda writer: writer.open_live())
                kept = [row.address for row in shown]
                await self._db.write(
                    functools.partial(remaking.forget_live, session_id=session.id, before=before, but=kept)
                )
            except (SessionError, OSError) as error:
                log.info("Not pruned now: %s", error, extra={"action": "prune_failed", "session": session.id})

    def _with_old_copies(self, connection: Statements, before: int) -> list[Session]:
        # No column but a value: the rows are found by the index of their times.
        sql = "SELECT DISTINCT session_id || '' FROM live_copies WHERE opened_at < ? AND"
        sql += " EXISTS (SELECT 1 FROM sessions_here WHERE id = session_id) LIMIT ?"
        found = connection.execute(sql, (before, PORTION)).fetchall()
        return [
            session for (id_,) in found for session in self._registry.load(connection, "id = ?", (str(id_),))
        ]

    def _due(self, connection: Statements, *, now: int, before: int) -> list[tuple[Session, bool]]:
        """Sessions that may hold something old since they were looked at last, and whether nothing came in since."""
        due = _DUE.format(self._db.holding.near())
        rows = connection.execute(due, (before, now - AGAIN, self._retention, MOST_SESSIONS)).fetchall()
        return [
            (session, int(str(active_at)) < before)
            for id_, active_at in rows
            for session in self._registry.load(connection, "id = ?", (str(id_),))
        ]

    async def _session(self, session: Session, before: int, resting: bool) -> bool:
        """The runner's side first: a question of which it still knows must find the message that it was about."""
        if not await self._maintains.maintain(session, older_than=before):
            return False
        await self.prune(session, before, context=resting)
        return True

    async def prune(self, session: Session, before: int, *, context: bool = True) -> None:
        """The host's side. Raises `SessionError`."""
        job = functools.partial(_portion, files=session.folder.inbound_files, before=before, context=context)
        while await self._mailboxes.use(session, job) == PORTION:
            pass
        mark = await self._mailboxes.use(session, lambda writer: writer.mark("delivery_watermark"))
        old = functools.partial(
            ledger.forget, session_id=session.id, before=before, watermark=mark, most=PORTION
        )
        while await self._db.write(old) == PORTION:
            pass
        await self._questions(session, before)
        try:
            await self._luggage.match(session.id, before)
        except OSError as error:
            raise Full(session.folder.root, error.strerror or "it cannot be looked into") from error

    async def _questions(self, session: Session, before: int) -> None:
        """An open one stays, however old: somebody may still answer it."""
        asked_then = await self._db.read(lambda c: asked.of_session(c, session.id, before))
        if not asked_then:
            return

        def over(writer: InboundWriter) -> list[str]:
            return [one.key for one in asked_then if not questions.is_open(writer, one.key, self._now())]

        gone = await self._mailboxes.use(session, over)
        await self._db.write(lambda connection: asked.forget(connection, gone))


def _portion(writer: InboundWriter, *, files: Path, before: int, context: bool) -> int:
    """Files first: a crash in between leaves a message without them, not files that nobody finds."""
    ids = writer.forgettable(before, context=context, most=PORTION)
    for id_ in ids:
        shutil.rmtree(files / id_, ignore_errors=True)
    with writer.writing():
        writer.forget_messages(ids)
        deliveries = writer.forget_deliveries(before, most=PORTION)
    return max(len(ids), deliveries)


_DUE = """
SELECT id, active_at FROM {} WHERE created_at < ?1 AND pruned_at < ?2 AND active_at >= pruned_at - ?3
AND NOT EXISTS (SELECT 1 FROM inbox WHERE session_id = sessions.id AND state = 'routed')
ORDER BY pruned_at LIMIT ?4
"""
_LEFT = f"""
SELECT id FROM sessions WHERE carried <> '' AND active_at < ? AND busy = 0 AND {UNHELD}
AND NOT EXISTS (SELECT 1 FROM serving WHERE serving.node = sessions.node AND serving.live = 1)
AND NOT EXISTS (SELECT 1 FROM due WHERE session_id = sessions.id)
AND NOT EXISTS (SELECT 1 FROM asked WHERE session_id = sessions.id) LIMIT ?
"""
_FULL = "SELECT id, event FROM inbox WHERE emptied = 0 AND received_at < ? AND state <> 'routed' LIMIT ?"
_EMPTY = "UPDATE inbox SET emptied = 1, event = ? WHERE id = ?"


def _inbox(connection: Statements, *, before: int) -> int:
    """What people wrote goes; that it came, when and from whom stays for `why`."""
    rows = connection.execute(_FULL, (before, PORTION)).fetchall()
    connection.executemany(_EMPTY, [(events.put(str(event), events.EMPTY), id_) for id_, event in rows])
    return len(rows)


def _keys(connection: Statements, *, before: int, before_keys: int) -> int:
    return _delete(connection, "inbox", "emptied = 1 AND received_at < ?", min(before, before_keys))


def _said(connection: Statements, *, before: int) -> int:
    """A notice goes as a whole: while a part of it waits, its first one is what keeps it from being said anew."""
    return _delete(
        connection,
        "notices",
        f"state IN ('sent', 'failed') AND created_at < ? AND {FORGETTABLE} AND NOT EXISTS (SELECT 1 FROM"
        " notices AS rest WHERE rest.about = notices.about AND rest.state NOT IN ('sent', 'failed'))",
        before,
    )


def _obeyed(connection: Statements, *, before: int) -> int:
    return _delete(connection, "orders", "outcome <> '' AND created_at < ?", before)


def _held_back(connection: Statements, *, before: int) -> int:
    """What nobody sent after all."""
    return _delete(connection, "held", "held_at < ?", before)


def _judged(connection: Statements, *, before: int) -> int:
    return judgements.forget(connection, before, PORTION)


def _dealt_with(connection: Statements, *, before: int) -> int:
    connection.execute(
        "DELETE FROM dealt_with WHERE message_id IN (SELECT message_id FROM dealt_with WHERE at < ? LIMIT ?)",
        (before, PORTION),
    )
    return connection.changes()


def _nobodys(connection: Statements, *, before: int) -> int:
    """Copies of conversations whose files lie with a node that is gone, and that nobody holds: nothing is to come there, and
    nobody is told anything for it. One that was active since is pruned when it goes on."""
    found = connection.execute(_LEFT, (before, PORTION)).fetchall()
    for (id_,) in found:
        copies.drop(connection, str(id_))
        for header in packs.of_session(connection, str(id_)):
            if header.place != spaces.work(str(id_)):  # what an agent made there stays for good
                packs.drop(connection, header.place)
    return len(found)


def _delete(connection: Statements, table: str, where: str, before: int) -> int:
    connection.execute(
        f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {where} LIMIT ?)", (before, PORTION)
    )
    return connection.changes()


def _looked_at(connection: Statements, *, session: Session, at: int) -> None:
    connection.execute("UPDATE sessions SET pruned_at = ? WHERE id = ?", (at, session.id))
