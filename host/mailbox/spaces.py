"""Where workspaces and working folders are: in the data folder, and packed where nodes share a registry (`luggage`); workspaces
perhaps in a folder that all nodes share (docs/adr/0041)."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from host.folders import packing, share
from host.folders.share import Patient, Unfit
from host.mailbox import luggage
from host.mailbox.luggage import Luggage
from host.registry import meta
from host.registry.port import Registry, Statements
from host.registry.sessions import Session, Sessions
from sessiondb import Unavailable

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LEISURE = 600.0  # s for what goes through whole folders
KEY = "workspaces"  # in `meta`: what the mark of the shared folder says


class Spaces:
    def __init__(self, db: Registry, sessions: Sessions, baggage: Luggage) -> None:
        self._db = db
        self._sessions = sessions
        self.luggage = baggage
        self._patient = Patient()
        self._at_leisure = Patient(LEISURE)
        self._mark = ""
        self._mounted = False  # a share is in the place of the workspaces in the data folder

    async def begin(self, installation: str) -> None:
        """Whoever serves, before anything else: that the folder is the one that all nodes share. Raises `SessionError`."""
        await self.luggage.begin()
        own = self._sessions.data / "workspaces"
        self._mounted = await self._run(own, _is_mounted, own)
        if self._mounted and self._db.ties is not None:
            told = {"action": "workspaces_mounted"}
            log.info(
                "%s is a link or a mount, and taken for a share of all nodes: it is not packed",
                own,
                extra=told,
            )
        root = self._sessions.common
        if root is None:
            return
        known = await self._db.read(known_mark)
        try:
            if not known:
                known = await self._run(root, share.claim, root, installation)
                mark = functools.partial(meta.put, key=KEY, value=known)
                await self._db.write(mark)
            self._mark = known
            await self._run(root, share.require, root, known)
        except Unfit as error:
            raise Unavailable(root, f"{error.problem}. {error.remedy}") from error

    async def ready(self, agent: str, scope: str) -> Path:
        """The workspace of the scope for a runner, made where there was none. Raises `OSError`, `SessionError`."""
        await self.take_over(agent, scope)
        path = self._sessions.shared_by(agent, scope)
        return await self._run(path, _made, path)

    async def working(self, session: Session) -> None:
        """The working folder of a conversation, likewise, and what was attached to its messages.

        Raises `OSError`, `SessionError`."""
        await self.luggage.bring_along(session.id, luggage.incoming(session.id))
        await self.luggage.take_over(work(session.id), session.id)
        await self._run(session.folder.work, _made, session.folder.work)

    async def erase(self, agent: str, scope: str) -> None:
        """All that is in the workspace of the scope. Raises `OSError`, `SessionError`."""
        if self._is_packed:
            await self.luggage.forget(workspace(agent, scope))
            return
        if (root := self._sessions.common) is not None:  # what is not mounted is not forgotten
            await self._run(root, share.require, root, self._mark)
        await self._at_leisure.run(packing.take_away, self._sessions.shared_by(agent, scope))

    # ── by scope: for whoever places conversations on nodes ──────────────────────────────────────────────

    async def take_over(self, agent: str, scope: str) -> None:
        """What the scope keeps is on this node, as it was on the one before. Raises `OSError`, `SessionError`."""
        if self._is_packed:
            await self.luggage.take_over(workspace(agent, scope))
        elif (root := self._sessions.common) is not None:
            await self._run(root, share.require, root, self._mark)

    async def keep(self, agent: str, scope: str, *, at_rest: bool) -> bool:
        """Packs it now, where it was changed; whether another node would find all of it. `at_rest`: no runner of the scope lives.

        Raises `OSError`, `SessionError`."""
        return not self._is_packed or await self.luggage.keep(workspace(agent, scope), at_rest=at_rest)

    async def is_current(self, agent: str, scope: str) -> bool:
        """Whether another node would find it as it is here. Raises `OSError`, `SessionError`."""
        return not self._is_packed or await self.luggage.is_current(workspace(agent, scope))

    async def let_go(self, agent: str, scope: str) -> bool:
        """As `keep`, at rest; and whoever takes it over here again asks what another node did with it meanwhile."""
        return not self._is_packed or await self.luggage.let_go(workspace(agent, scope))

    @property
    def _is_packed(self) -> bool:
        return self._sessions.common is None and not self._mounted

    async def run(self, path: Path, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What looks into a workspace. Raises what it raises, and `OSError` where the folder does not answer."""
        return await self._run(path, function, *args, **kwargs)

    async def _run(self, path: Path, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._patient.run(function, *args, **kwargs)
        except TimeoutError as error:
            log.error("%s does not answer", path, extra={"action": "share_hangs"})
            raise share.hangs(path) from error


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def _is_mounted(path: Path) -> bool:
    return path.is_symlink() or (path.is_dir() and path.stat().st_dev != path.parent.stat().st_dev)


def known_mark(connection: Statements) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
    return str(row[0]) if row else ""


def workspace(agent: str, scope: str) -> str:
    """Its place, as `luggage` has it."""
    return f"workspaces/{agent}/{scope}"


def of(session: Session) -> list[str]:
    """Where it writes."""
    return [work(session.id), workspace(session.agent, session.scope)]


def work(session_id: str) -> str:
    return f"sessions/{session_id}/work"
