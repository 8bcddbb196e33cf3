"""Jobs that wait at a time share a commit, whatever the engine."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from host.folders.disk import Disk, fail
from host.registry.port import Statements
from sessiondb.errors import Unavailable

T = TypeVar("T")
LARGEST_GROUP = 256  # jobs in one commit
ROUNDS = 2  # of the loop between two commits: whoever goes on for the one before is in the next, not in that after it

Job: TypeAlias = Callable[[Statements], Any]
Outcome: TypeAlias = tuple[Any, Exception | None]  # what the job returned, or what it raised


@dataclass
class _Waiting:
    job: Job
    future: asyncio.Future[Any]
    then: Callable[[Any], None] | None


class Grouped(ABC):
    """The queue of a `Registry`: reads stand in it with the writes."""

    everybodys: tuple[type[Exception], ...]  # what ends the whole commit, whichever job met it

    def __init__(self, disk: Disk, where: Path) -> None:
        """`where` names it in errors."""
        self._disk = disk
        self._where = where
        self._closed = False
        self._queue: list[_Waiting] = []
        self._pump: asyncio.Task[None] | None = None

    async def write(self, job: Callable[[Statements], T], then: Callable[[T], None] | None = None) -> T:
        """Raises `Unavailable` once it is closed: whoever comes late begins again with the next life."""
        if self._closed:
            raise Unavailable(self._where, "this host ends")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(job, future, then))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._run(), name="hostdb")
        return await future

    async def read(self, job: Callable[[Statements], T]) -> T:
        return await self.write(job)

    async def close(self) -> None:
        while self._pump is not None and not self._pump.done():  # others may have begun one meanwhile
            await self._pump
        self._closed = True
        await self._disk.run(self._end)

    @abstractmethod
    def _commit(self, jobs: list[Job]) -> list[Outcome]:
        """All in one transaction (`_outcomes`), which is committed on return. Blocks."""

    @abstractmethod
    def _alone(self, job: Job) -> Any:
        """What the job returns, in a savepoint: what it raises undoes it and nothing else."""

    @abstractmethod
    def _end(self) -> None: ...

    def _outcomes(self, jobs: list[Job]) -> list[Outcome]:
        """For `_commit`, within its transaction. Raises what is `everybodys`."""
        outcomes: list[Outcome] = []
        for job in jobs:
            try:
                outcomes.append((self._alone(job), None))
            except self.everybodys:
                raise
            except Exception as error:  # noqa: BLE001 - handed to the one who asked
                outcomes.append((None, error))
        return outcomes

    async def _run(self) -> None:
        while self._queue:
            group, self._queue = self._queue[:LARGEST_GROUP], self._queue[LARGEST_GROUP:]
            try:
                outcomes = await self._disk.run(self._commit, [waiting.job for waiting in group])
            except Exception as error:  # noqa: BLE001 - every waiter of the group gets it, and nobody else
                outcomes = [(None, error)] * len(group)
            for waiting, (value, failure) in zip(group, outcomes, strict=True):
                _tell(waiting, value, failure)
            for _ in range(ROUNDS):  # those who were answered run, then those whose place they leave
                await asyncio.sleep(0)


def _tell(waiting: _Waiting, value: Any, failure: Exception | None) -> None:
    if failure is None and waiting.then is not None:
        try:
            waiting.then(value)
        except Exception as error:  # noqa: BLE001 - of whoever asked, as what the job raises
            failure = error
    if waiting.future.cancelled():
        return
    if failure is not None:
        fail(waiting.future, failure)
    else:
        waiting.future.set_result(value)
