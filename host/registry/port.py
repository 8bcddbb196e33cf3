"""The registry as everybody but its engine sees it: what the host itself knows, in one place that survives it.

An engine (SQLite behind host.db: `registry/db.py`) runs jobs, each a function of the statements it may make. What a job
says is plain SQL; what depends on the engine (its errors, its files, its migrations) stays in the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from host.registry.holding import Holding
from host.registry.statements import Beside as Beside
from host.registry.statements import Bindings as Bindings
from host.registry.statements import Rows as Rows
from host.registry.statements import Statements as Statements
from host.registry.tidings import Tidings
from host.registry.ties import Ties

T = TypeVar("T")


class Hint(Protocol):
    """That there may be something to be looked at, for who would look a little later anyway (law 3)."""

    async def wait(self, seconds: float) -> None:
        """Until something was told, or the time is over."""


class Registry(Protocol):
    """Jobs never overlap, and one that raises undoes only itself; those that wait at a time share a commit.

    A job may be run again from its beginning, where nothing of it was kept: what it changes beside the registry bears that.
    Both raise what the job raises, or `sessiondb.SessionError` when nothing could be committed.
    """

    async def write(self, job: Callable[[Statements], T], then: Callable[[T], None] | None = None) -> T:
        """Runs the job in a transaction and returns after the commit. `then` is called before that with what the job returned, in
        the order of the commits, and also where whoever asked was cancelled meanwhile."""

    async def read(self, job: Callable[[Statements], T]) -> T:
        """Sees every write that was asked for before it."""

    async def scrub(self) -> bool:
        """What was overwritten until now is in no file of the registry's any more; false while somebody reads an older state.
        A database promises less: nobody can read it there (docs/adr/0033)."""

    async def close(self) -> None: ...

    @property
    def node(self) -> str:
        """Whose data folder this is, where several share a registry, or did; '' on a machine that was always alone."""

    ahead: (
        Callable[[], int] | None
    )  # ms that the time of all nodes is ahead of this machine's clock now; None where it is alone

    @property
    def ties(self) -> Ties | None:
        """By which runners know until when this host leads; None where nobody else ever does."""

    holding: Holding  # what of all this is this node's to do

    tidings: Tidings  # what other nodes changed

    def leads(self) -> bool:
        """Whether what is done outside of the registry at this moment is still this host's to do."""
