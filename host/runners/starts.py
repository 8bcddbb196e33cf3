"""Starts that die without a claim: counted durably, with a pause of their own that grows (law 11)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from host.gateway.server import GatewayError
from host.ports import figures
from host.registry.notices import Notice
from host.registry.port import Registry, Statements
from host.registry.sessions import Session
from host.runners import sweep
from host.runners.launch.base import LaunchError
from host.words import Sentence, joined, known, say
from sessiondb import SessionError
from sessiondb.contract import DAMAGED, WAITED_IN_VAIN

log = logging.getLogger(__name__)

ALARM_AFTER = 4  # starts in a row without a claim after which the people in the session are told


def failure(error: Exception) -> tuple[str, str, bool]:
    """What a start that raised is for the log and for a chat, and whether only a person can cure it.

    Whatever a start raises is a failure of that start, which counts, backs off and is told: nothing else.
    """
    match error:
        case LaunchError():
            # What follows a colon is for the log: the engine's own words, and paths of this machine.
            return str(error), str(error).partition(": ")[0], not error.transient
        case GatewayError():
            return str(error), str(error), not error.transient
        case SessionError():
            return str(error), say("the files of this conversation cannot be read or written"), False
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return (
                f"{where}{error.strerror or error}",
                say("a folder of this conversation cannot be used"),
                False,
            )
    log.error("A start failed by a fault of our own", exc_info=error, extra={"action": "start_broke"})
    return f"{type(error).__name__}: {error}", say("a fault of my own; the host's log says more"), False


def ended(code: int) -> Sentence:
    """What the end of a runner that did nothing is for a chat."""
    return _ENDED.get(code) or say("my process ended with code {code}; its runner.log says why", code=code)


_ENDED = {
    3: say("another process of mine still has this conversation"),
    4: say("the files of this conversation cannot be written"),
    5: say("I was installed in two versions that do not fit"),
    WAITED_IN_VAIN: say("the files of this conversation are busy"),
    DAMAGED: say("the files of this conversation cannot be read"),
}


class Starts:
    def __init__(
        self, db: Registry, now: Callable[[], int], notify: Callable[[Notice], Awaitable[None]]
    ) -> None:
        self._db = db
        self._now = now
        self._notify = notify

    async def earliest(self, session: Session) -> int:
        """ms UTC before which the session's runner is not started again; 0 when its last start was well, or when the clock
        was set back since: nobody knows how much of the pause is left, and the next failure begins another."""

        def job(connection: Statements) -> tuple[int, int]:
            row = connection.execute(
                "SELECT next_start_at, start_failures FROM sessions WHERE id = ?", (session.id,)
            ).fetchone()
            return (int(row[0]), int(row[1])) if row else (0, 0)

        at, failures = await self._db.read(job)
        return 0 if at > self._now() + sweep.start_pause(failures) else at

    async def refuse(self, session: Session, why: str) -> None:
        """Kept for the listings alone: nothing is tried again, so nothing grows."""
        sql = "UPDATE sessions SET start_failures = 1, start_error = ?, next_start_at = 0 WHERE id = ?"
        await self._db.write(lambda connection: connection.execute(sql, (why, session.id)).fetchall())

    async def note(self, session: Session, failure: str, told: str = "", refused: bool = False) -> None:
        """How a start went; '' when it was well, which forgets the failures before it.

        `told` is the failure in words for a chat. A refusal is told at once, for only a person can cure it.
        """

        def job(connection: Statements) -> int:
            row = connection.execute(
                "SELECT start_failures FROM sessions WHERE id = ?", (session.id,)
            ).fetchone()
            before = int(row[0]) if row else 0
            failures = before + 1 if failure else 0
            if failures != before:
                connection.execute(
                    "UPDATE sessions SET start_failures = ?, start_error = ?, next_start_at = ? WHERE id = ?",
                    (
                        failures,
                        failure[:500],
                        self._now() + sweep.start_pause(failures) if failures else 0,
                        session.id,
                    ),
                )
            return failures

        failures = await self._db.write(job)
        if failure:
            figures.STARTS.labels("failed").inc()
            log.warning("Start failed: %s", failure, extra={"action": "start_failed", "session": session.id})
        if failures == ALARM_AFTER or refused:
            text = say(
                "⚠️ I cannot start right now; your message waits and I keep trying ({id}).", id=session.id[:9]
            )
            if told:
                text = joined(" ", [text, say("Reason: {reason}.", reason=known(told))])
            about, day = "refused" if refused else "no-start", self._now() // 86_400_000
            await self._notify(Notice(f"{about}:{session.id}:{day}", session.place, text))
