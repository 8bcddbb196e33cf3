"""What lies on a node of conversations that went on on another one: older than what that one has, and nobody's to read any more.

Their two files and attachments go while the node stands by, when nothing else works on them, or serves beside others, of
channels that it does not hold; what an agent made in its working
folder is nowhere else, and stays. A crash between two leaves the rest to the next round, or to the moment in which the
conversation comes back (`mailbox.moving`).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from host.folders.disk import Disk
from host.folders.stowage import ASIDE, erase
from host.mailbox import moving
from host.mailbox.open import Records
from host.registry.port import Statements
from host.registry.sessions import Session
from host.upkeep.backups import upgrading
from host.upkeep.searching import index
from sessiondb import SessionError, SessionFolder, Unavailable
from sessiondb.signals import RunnerLock

log = logging.getLogger(__name__)

EVERY = 600.0  # s between two rounds
PORTION = 500  # conversations that are asked for at a time


class Asks(Protocol):
    async def elsewhere(self, ids: Sequence[str]) -> list[str]:
        """Those of the conversations whose files are another node's by now."""

    async def to_forget(self) -> Sequence[tuple[str, Mapping[str, bool]]]:
        """By a mark: conversations of which nothing is to lie here, and whether their work goes, too."""

    async def carried_out(self, mark: str) -> None: ...

    async def forgotten(self) -> Sequence[str]:
        """Places of folders of which nothing is to lie here any more."""


async def keep_clear(data: Path, asks: Asks, disk: Disk) -> None:
    """Until cancelled."""
    while True:
        try:
            for mark, those in await asks.to_forget():
                await disk.run(forget, data, those)
                await asks.carried_out(mark)
            for place in await asks.forgotten():
                await disk.run(erase, data, place)
            await _round(data / "sessions", asks, disk)
        except (SessionError, OSError) as error:
            log.warning("What other nodes have by now stays here: %s", error, extra={"action": "not_left"})
        await asyncio.sleep(EVERY)


async def _round(sessions: Path, asks: Asks, disk: Disk) -> None:
    ids = await disk.run(_with_files, sessions)
    for first in range(0, len(ids), PORTION):
        for id_ in await asks.elsewhere(ids[first : first + PORTION]):
            if await disk.run(_leave, SessionFolder(sessions / id_)):
                log.info("Its files are another node's by now", extra={"action": "left", "session": id_})


async def leave_to_others(records: Records) -> None:
    """While this node serves beside them. Raises `SessionError`, `OSError`."""
    db, sessions = records.db, records.sessions.data / "sessions"
    ids = await asyncio.to_thread(_with_files, sessions)
    for first in range(0, len(ids), PORTION):
        found = functools.partial(_elsewhere, records=records, ids=ids[first : first + PORTION])
        for session in await db.read(found):
            async with (
                session.lock
            ):  # whoever takes the channel now waits for it before anything is made here
                if not db.holding.has(session.address) and await asyncio.to_thread(_leave, session.folder):
                    log.info(
                        "Its files are another node's by now", extra={"action": "left", "session": session.id}
                    )


def _elsewhere(connection: Statements, *, records: Records, ids: Sequence[str]) -> list[Session]:
    sql, node = "SELECT 1 FROM sessions WHERE id = ? AND node NOT IN ('', ?)", records.db.node
    those = [id_ for id_ in ids if connection.execute(sql, (id_, node)).fetchone() is not None]
    found = [records.sessions.one(connection, id_) for id_ in those]
    return [session for session in found if session is not None]


def forget(data: Path, sessions: Mapping[str, bool]) -> None:
    """Of somebody who was forgotten while this node was away. `sessions`: whether the work goes, too. Raises `OSError`,
    `SessionError`."""
    for id_, whole in sessions.items():
        drop(data, id_, whole=whole)
    shutil.rmtree(data / index.FOLDER, ignore_errors=True)  # made again from what is left
    for file in upgrading.kept(data):
        file.unlink(missing_ok=True)


def drop(data: Path, id_: str, *, whole: bool) -> None:
    """What lies here of a conversation that is another node's. Raises `OSError`, `SessionError`."""
    folder = SessionFolder(data / "sessions" / id_)
    if not _leave(folder):
        raise Unavailable(folder.root, "its runner does not end")
    for path in (folder.root, data / ASIDE / "sessions" / id_) if whole else ():
        if path.exists():
            shutil.rmtree(path)


def _with_files(sessions: Path) -> list[str]:
    if not sessions.is_dir():
        return []
    return sorted(path.name for path in sessions.iterdir() if (path / "inbound").is_dir())


def _leave(folder: SessionFolder) -> bool:
    """False while a runner of an earlier life is not over yet. Raises `Full`, `OSError`."""
    if folder.outbound.is_dir():
        if (lock := RunnerLock.acquire(folder.runner_lock)) is None:
            return False
        lock.release()
    moving.clear(folder)
    return True
