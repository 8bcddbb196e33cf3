"""Where the workspaces of privacy scopes are: below the data folder, or in the folder that all nodes share (docs/adr/0041)."""

from __future__ import annotations

import contextlib
import functools
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from host.folders import share
from host.folders.share import Patient, Unfit
from host.registry import meta
from host.registry.port import Registry, Statements
from host.registry.sessions import Sessions
from sessiondb import Unavailable

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LEISURE = 600.0  # s for what goes through whole folders
KEY = "workspaces"  # in `meta`: what the mark of the shared folder says


class Spaces:
    def __init__(self, db: Registry, sessions: Sessions) -> None:
        self._db = db
        self._sessions = sessions
        self._patient = Patient()
        self._at_leisure = Patient(LEISURE)
        self._mark = ""

    async def begin(self, installation: str) -> None:
        """Whoever serves, before anything else: that the folder is the one that all nodes share. Raises `SessionError`."""
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
        """The workspace of the scope, which is made where there was none. Raises `OSError`, `SessionError`."""
        path, root = self._sessions.shared_by(agent, scope), self._sessions.common
        if root is not None:
            await self._run(root, share.require, root, self._mark)
        return await self._run(path, _made, path)

    async def erase(self, agent: str, scope: str) -> None:
        """All that is in the workspace of the scope. Raises `OSError`, `SessionError`."""
        path, root = self._sessions.shared_by(agent, scope), self._sessions.common
        if root is not None:  # what is not mounted is not forgotten
            await self._run(root, share.require, root, self._mark)
        await self._at_leisure.run(_erased, path)

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


def _erased(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def known_mark(connection: Statements) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
    return str(row[0]) if row else ""
