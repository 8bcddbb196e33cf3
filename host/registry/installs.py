"""Who installed a platform's app, on the one connection of host.db: secrets sealed, states that came back by their mark.

A state is itself sealed and is kept nowhere before it comes back: whoever begins installations without end writes nothing, and
pushes out nobody's.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from host.folders.seal import Seal, SealError
from host.ports.installs import KEPT_FOR, Install, InstallsError
from host.registry.port import Registry, Statements
from sessiondb import SessionError

T = TypeVar("T")

GOOD_FOR = 600_000  # ms from the first step of an installation to the last
MOST_BACK = 1_000  # states that came back and are still good: one more, and the oldest could come back again
LONGEST_STATE = 300  # characters; ours have about 150
STATE = "installation"  # what a state says that it is, for other things are sealed with the same key
LONGEST_NAME = 100  # characters
LONGEST_WHY = 500  # characters
SEALED = (  # tables by their keys
    ("mcp_logins", "agent", "server", "workspace"),
    ("installs", "channel_type", "holder"),
)


class Installs:
    """Of one platform."""

    def __init__(self, db: Registry, seal: Seal, channel_type: str, now: Callable[[], int]) -> None:
        self._db = db
        self._seal = seal
        self._type = channel_type
        self._now = now

    async def keep(self, holder: str, name: str, secret: str) -> None:
        """One row, one commit: after a crash the earlier secret counts, or this one."""
        try:
            row = self._type, holder, name[:LONGEST_NAME], self._seal.seal(secret), self._now(), ""
        except SealError as error:
            raise InstallsError(str(error)) from error
        await self._write(
            lambda c: c.execute(
                "INSERT INTO installs (channel_type, holder, name, sealed, changed_at, ended) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (channel_type, holder) DO UPDATE SET name = excluded.name, sealed = excluded.sealed,"
                " changed_at = excluded.changed_at, ended = excluded.ended, trouble = '', since = 0",
                row,
            )
        )

    async def secret(self, holder: str) -> str:
        found = await self._write(lambda c: c.execute(_SEALED, (self._type, holder)).fetchone())
        if found is None:
            return ""
        try:
            return self._seal.open(bytes(found[0]))
        except SealError as error:
            raise InstallsError(f"{holder}: {error}") from error

    async def end(self, holder: str, why: str) -> bool:
        def ended(connection: Statements) -> bool:
            connection.execute(_END, (why, b"", self._now(), self._type, holder))
            return bool(connection.changes())

        return await self._write(ended)

    async def trouble(self, holder: str, why: str) -> int:
        """The first of a row of failures says since when; what they are about may change meanwhile."""

        def noted(connection: Statements) -> int:
            if not why:
                connection.execute(_WELL, (self._type, holder))
                return 0
            connection.execute(_TROUBLE, (why[:LONGEST_WHY], self._now(), self._type, holder))
            row = connection.execute(_SINCE, (self._type, holder)).fetchone()
            return int(str(row[0])) if row else 0

        return await self._write(noted)

    async def all(self) -> Sequence[Install]:
        return await self._write(lambda connection: known(connection, self._type))

    async def begin(self) -> str:
        state = f"{STATE}:{self._type}:{self._now() + GOOD_FOR}:{secrets.token_hex(16)}"
        try:
            return self._seal.seal(state).decode()
        except SealError as error:
            raise InstallsError(str(error)) from error

    async def comes_back(self, state: str) -> bool:
        """The first to come back with it is written down before anything is done with it: a crash leaves it used."""
        ends_at, mark = self._opened(state)
        now = self._now()
        if ends_at <= now:
            return False

        def back(connection: Statements) -> bool:
            connection.execute("DELETE FROM install_states WHERE ends_at <= ?", (now,))
            connection.execute(_BACK, (mark, ends_at))
            first = bool(connection.changes())
            connection.execute(_TOO_MANY, (MOST_BACK,))
            return first

        return await self._write(back)

    def _opened(self, state: str) -> tuple[int, str]:
        """When it ends (ms UTC; 0 where it is none of ours), and what it is known by."""
        if not state or len(state) > LONGEST_STATE or not state.isascii():
            return 0, ""
        try:
            kind, platform, ends_at, mark = self._seal.open(state.encode()).split(":")
            return (int(ends_at), mark) if (kind, platform) == (STATE, self._type) else (0, "")
        except (SealError, ValueError):
            return 0, ""

    async def _write(self, job: Callable[[Statements], T]) -> T:
        try:
            return await self._db.write(job)
        except SessionError as error:
            raise InstallsError(str(error)) from error


def known(connection: Statements, channel_type: str) -> list[Install]:
    found = connection.execute(_ALL, (channel_type,)).fetchall()
    return [_install(row) for row in found]


def _install(row: Sequence[object]) -> Install:
    holder, name, changed_at, ended, trouble, since = row
    return Install(str(holder), str(name), int(str(changed_at)), str(ended), str(trouble), int(str(since)))


def of_one_gone(connection: Statements, channel_type: str, install: Install, now: int) -> str:
    """What becomes of what is still to be said there, in words."""
    if now > install.waits_until:
        return "what was still to be said there is given up"
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(install.waits_until / 1000))
    count = waiting(connection, channel_type, install.holder)
    if not count:
        return "nothing waits to be said there"
    return f"what is still to be said in {count} place{'s' * (count > 1)} there waits until {until}"


def waiting(connection: Statements, channel_type: str, holder: str) -> int:
    """In how many places of it something is still to be said; looked up in the records of each of its conversations."""
    row = connection.execute(_WAITING, (channel_type, holder) * 2).fetchone()
    return int(str(row[0])) if row else 0


def gone(connection: Statements, now: int) -> list[str]:
    """A line for each workspace that is not served and for whose return something still waits, or that nobody has mended."""
    found = connection.execute(_GONE, (now - KEPT_FOR,)).fetchall()
    unserved = [(str(row[0]), _install(row[1:])) for row in found]
    return [
        f"{one.name} ({one.holder}): {one.why}; {of_one_gone(connection, platform, one, now)}"
        for platform, one in unserved
    ]


def of(db: Registry, seal: Seal, now: Callable[[], int]) -> Callable[[str], Installs]:
    """By platform."""
    return lambda channel_type: Installs(db, seal, channel_type, now)


def renew(connection: Statements, seal: Seal) -> int:
    """All that former keys sealed is sealed with the key of today; returns how much. Raises `SealError`."""
    renewed = 0
    for table, *columns in SEALED:
        for *key, sealed in connection.execute(
            f"SELECT {', '.join(columns)}, sealed FROM {table}"
        ).fetchall():
            if sealed and (fresh := seal.renewed(bytes(sealed))) is not None:
                where = " AND ".join(f"{column} = ?" for column in columns)
                connection.execute(f"UPDATE {table} SET sealed = ? WHERE {where}", (fresh, *key))
                renewed += 1
    return renewed


_SEALED = "SELECT sealed FROM installs WHERE channel_type = ? AND holder = ? AND ended = ''"
_END = (
    "UPDATE installs SET ended = ?, sealed = ?, changed_at = ?, trouble = '', since = 0"
    " WHERE channel_type = ? AND holder = ? AND ended = ''"
)
_TROUBLE = (
    "UPDATE installs SET trouble = ?, since = CASE since WHEN 0 THEN ? ELSE since END"
    " WHERE channel_type = ? AND holder = ? AND ended = ''"
)
_SINCE = "SELECT since FROM installs WHERE channel_type = ? AND holder = ?"
_WELL = "UPDATE installs SET trouble = '', since = 0 WHERE channel_type = ? AND holder = ? AND trouble <> ''"
_FIELDS = "holder, name, changed_at, ended, trouble, since"
_ALL = f"SELECT {_FIELDS} FROM installs WHERE channel_type = ? ORDER BY holder"
_GONE = (
    f"SELECT channel_type, {_FIELDS} FROM installs"
    " WHERE (ended <> '' AND changed_at >= ?) OR trouble <> '' ORDER BY channel_type, holder"
)
_WAITING = """
SELECT count(*) FROM (
    SELECT platform_id, thread_id FROM ledger WHERE state IN ('pending', 'sending', 'unknown')
    AND session_id IN (SELECT id FROM sessions WHERE channel_type = ? AND workspace_id = ?)
    UNION SELECT platform_id, thread_id FROM notices
    WHERE state IN ('pending', 'sending', 'unknown') AND channel_type = ? AND workspace_id = ?
) AS places
"""
_TOO_MANY = (
    "DELETE FROM install_states WHERE hash NOT IN"
    " (SELECT hash FROM install_states ORDER BY ends_at DESC LIMIT ?)"
)
_BACK = "INSERT INTO install_states VALUES (?, ?) ON CONFLICT DO NOTHING"
