"""Feeding the search: what is new in conversations goes into the file of their privacy scope, beside everything else.

A file is trusted no further than its marks: at the start, and now and then, they are held against host.db. What is forgotten of a
person takes the whole file with it, since words stay in an index after their row: it is made again from what is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from host.mailbox.outbound import Accepted, OutboundReader
from host.ports.outlet import Outlet
from host.registry.db import open_registry
from host.registry.port import Registry, Statements
from host.registry.sessions import Session
from host.upkeep import exporting
from host.upkeep.searching import index
from host.upkeep.searching.index import Index, Marks, Said
from sessiondb import Damaged, SessionError, SessionFolder
from sessiondb.connection import open_reader
from sessiondb.errors import translated
from sessiondb.records import MESSAGE_IN_COLUMNS, message_in

log = logging.getLogger(__name__)

T = TypeVar("T")

DAY = 86_400_000  # ms
SOON = 1.0  # s in which news of one conversation are gathered
EVERY = 600.0  # s between two looks at all of it
AFTER_LOSS = 10.0  # s until all of it is looked at again, where a file was lost
REST = 2.0  # times as long as a step took: those who serve people come first
PORTION = 200  # messages of one step
MOST_OPEN = 500  # messages above the eldest that may still change, which are read again
OVERLAP = 60_000  # ms of the last look that the next one looks at again
AT_ONCE = 500  # conversations of one look into host.db
LATELY = DAY  # ms since a conversation was active within which it is read again at the start


class Feeding:
    """`run` until cancelled. All that is written is written by one step at a time."""

    def __init__(
        self, data: Path, db: Registry, now: Callable[[], int], days: float, news: Outlet[Session]
    ) -> None:
        self._data = data
        self._db = db
        self._now = now
        self._kept = int(days * DAY)
        self._news: dict[str, None] = {}
        self._heard = asyncio.Event()
        self._writing = asyncio.Lock()
        self._on = False
        self._since = 0  # ms UTC up to which everything was looked at; 0: nothing was
        self._lost = False  # whether a file went since everything was begun to be looked at
        self.making = False  # whether conversations are still to be read for the first time
        news.heard_by(self.note)

    def note(self, session: Session) -> None:
        if self._on:
            self._news[session.id] = None
            self._heard.set()

    async def forget(self, session: Session) -> None:
        """Once it returns no word of it is in any file. Raises `OSError`."""
        path = index.path_of(self._data, session.scope)
        async with self._writing:
            await asyncio.to_thread(index.remove, path)
        self._lost, self._since = True, 0  # also where everything is being looked at right now
        self._heard.set()

    async def off(self) -> None:
        """Nobody searches here: what there is goes, and is made again when somebody does."""
        await asyncio.to_thread(shutil.rmtree, self._data / index.FOLDER, ignore_errors=True)

    async def run(self) -> None:
        self._on = True
        clock = asyncio.get_running_loop().time
        again = clock()
        while True:
            self._heard.clear()
            async with self._alone("what is new"):
                if clock() >= again or not self._since:
                    again = clock() + EVERY
                    await self.everything()
                await self._latest()
            try:
                async with asyncio.timeout(max(0.0, again - clock()) if self._since else AFTER_LOSS):
                    await self._heard.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(SOON)

    async def everything(self) -> None:
        """Holds every file against host.db: what is missing is read, what is of another scope by now or too old goes."""
        self.making, self._lost, since, began = True, False, self._since, self._now()
        lately = 0 if since else began - LATELY
        known = await asyncio.to_thread(_scopes, self._data)
        for path in await asyncio.to_thread(index.files, self._data):
            async with self._alone(path.name):
                await self._step(_tidied, path, known, self._now() - self._kept)
        after = ""
        while sessions := await self._db.read(lambda connection: _sessions(connection, since, after)):  # noqa: B023
            after = sessions[-1][0]
            for scope, those in _by_scope(sessions).items():
                path = index.path_of(self._data, scope)
                async with self._alone(path.name):
                    for id_, active_at in await self._step(_behind, path, those, lately):
                        async with self._alone(id_):
                            await self._feed(id_, scope, active_at)
        self._since = 0 if self._lost else began - OVERLAP
        self.making = False

    async def _latest(self) -> None:
        while self._news:
            id_ = next(iter(self._news))
            del self._news[id_]
            for found in await self._db.read(lambda connection: _session(connection, id_)):  # noqa: B023
                async with self._alone(id_):
                    await self._feed(*found)

    @contextlib.asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """One file, or one conversation, that is odd leaves the others to be found."""
        try:
            yield
        except (SessionError, OSError) as error:
            log.warning("The search is behind: %s", error, extra={"action": "search_behind", "item": name})
        except Exception:  # nobody's answer depends on it
            log.exception("The search broke", extra={"action": "search_behind", "item": name})

    async def _feed(self, id_: str, scope: str, active_at: int) -> None:
        path, folder = index.path_of(self._data, scope), SessionFolder(self._data / "sessions" / id_)
        try:
            while await self._step(_fed, path, folder, (id_, active_at), self._now() - self._kept):
                pass
        except SessionError as error:  # of one conversation; looked at again when there is news of it
            if isinstance(error, Damaged) and error.path == path:
                await self._step(_removed, path)
                self._lost, self._since = True, 0  # all of it is read again
            log.info("Not to be found yet: %s", error, extra={"action": "search_behind", "session": id_})

    async def _step(self, job: Callable[..., T], *what: object) -> T:
        async with self._writing:
            began = time.perf_counter()
            more = await asyncio.to_thread(job, *what)
            took = time.perf_counter() - began
        await asyncio.sleep(took * REST)
        return more


def _by_scope(sessions: Sequence[tuple[str, str, int]]) -> dict[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for id_, scope, active_at in sessions:
        found.setdefault(scope, []).append((id_, active_at))
    return found


def _behind(path: Path, those: list[tuple[str, int]], lately: int) -> list[tuple[str, int]]:
    """Those that are to be read: all (`lately` 0), or what is not known as it is, or was active since."""
    if not lately or not path.exists():
        return those
    with closing(Index(path)) as found:
        return [(id_, at) for id_, at in those if at >= lately or found.marks(id_).active_at != at]


def _fed(path: Path, folder: SessionFolder, which: tuple[str, int], before: int) -> bool:
    """One portion of a conversation, as it was active; whether there is more. What was said before `before` is too old."""
    id_, active_at = which
    if not folder.inbound_db.exists():
        return False
    with closing(Index(path)) as found:
        marks = found.marks(id_)
        heard, mark, more = _heard(folder.inbound_db, marks.heard)
        said, last, others = _said(folder.outbound_db, marks.said)
        done = Marks(mark, last, active_at if not (more or others) else 0)
        if heard or said or done != marks:
            found.put(id_, done, [one for one in (*heard, *said) if one.at >= before])
    return more or others


def _heard(path: Path, after: int) -> tuple[list[Said], int, bool]:
    """What came in beyond a seq, up to where it need not be read again, and whether there is more."""
    sql = f"SELECT {MESSAGE_IN_COLUMNS} FROM messages_in WHERE seq > ? ORDER BY seq LIMIT ?"
    eldest = "SELECT min(seq) FROM messages_in WHERE status = 'pending'"
    with closing(open_reader(path)) as connection, translated(path):
        rows = connection.execute(sql, (after, PORTION)).fetchall()
        row = connection.execute(eldest).fetchone()
    if not rows:
        return [], after, False
    messages = [message_in(one) for one in rows if str(one[2]) not in exporting.NOT_SAID]
    entries = [(message.seq, exporting.heard(message)) for message in messages]
    last, full = int(str(rows[-1][0])), len(rows) == PORTION
    # What waits may still be edited or taken back: it is read again until it does not.
    open_from = int(str(row[0])) - 1 if row and row[0] is not None else last
    mark = last if full else min(last, max(open_from, last - 2 * MOST_OPEN))
    return [Said(seq, entry.at, entry.said) for seq, entry in entries if entry.said], mark, full


def _said(path: Path, after: int) -> tuple[list[Said], int, bool]:
    if not path.exists():
        return [], after, False
    with closing(OutboundReader(path)) as reader:
        page = reader.rows_after(after)
    found: list[Said] = []
    for row in page.rows:
        after = max(after, row.row.seq if isinstance(row, Accepted) else row.seq)
        if isinstance(row, Accepted):
            found += [
                Said(row.row.seq, entry.at, entry.said) for entry in exporting.answer(row) if entry.said
            ]
    return found, after, page.more


def _removed(path: Path) -> bool:
    index.remove(path)
    return False


def _tidied(path: Path, known: dict[str, str], before: int) -> bool:
    """Conversations that are of another scope by now, or are not there any more, are not to be found here."""
    with closing(Index(path)) as found:
        sessions = found.sessions()
        for id_ in sessions:
            if known.get(id_) != path.stem:
                found.forget(id_)
        while found.forget_before(before):
            pass
        empty = not any(known.get(id_) == path.stem for id_ in sessions)
    if empty:
        index.remove(path)
    return False


def _scopes(data: Path) -> dict[str, str]:
    """Beside the host's own queue: these are many."""
    registry = open_registry(data)
    try:
        rows = registry.execute("SELECT id, scope FROM sessions").fetchall()
    finally:
        registry.close()
    return {str(id_): str(scope) for id_, scope in rows}


def _sessions(connection: Statements, since: int, after: str) -> list[tuple[str, str, int]]:
    sql = "SELECT id, scope, active_at FROM sessions WHERE active_at >= ? AND id > ? ORDER BY id LIMIT ?"
    rows = connection.execute(sql, (since, after, AT_ONCE)).fetchall()
    return [(str(id_), str(scope), int(str(at))) for id_, scope, at in rows]


def _session(connection: Statements, id_: str) -> list[tuple[str, str, int]]:
    sql = "SELECT id, scope, active_at FROM sessions WHERE id = ?"
    rows = connection.execute(sql, (id_,)).fetchall()
    return [(str(found), str(scope), int(str(at))) for found, scope, at in rows]
