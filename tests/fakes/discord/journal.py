"""What happened at the fake: every REST call, and a way to wait for a state without sleeping."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from tests.fakes.discord.state import Upload

T = TypeVar("T")


@dataclass
class Call:
    """One REST request. `route` is the method and the path with `{}` for every id."""

    route: str
    path: dict[str, str]
    query: dict[str, str]
    authorization: str | None
    json: Any = None
    files: list[Upload] = field(default_factory=list)
    status: int | None = None  # what Discord answered; None where (or while) it was not carried out
    fault: str | None = None

    def id(self, name: str) -> int:
        """A snowflake out of the path; what is no number names nothing that exists."""
        return int(self.path[name]) if self.path[name].isdigit() else 0


class Journal:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._waiters: set[asyncio.Future[None]] = set()

    def touch(self) -> None:
        """Something changed: whoever waits for a state looks again."""
        for waiter in tuple(self._waiters):
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, predicate: Callable[[], T | Literal[False] | None], timeout: float) -> T:
        """The first truthy value of `predicate`; TimeoutError names the latest calls."""
        try:
            async with asyncio.timeout(timeout):
                while not (value := predicate()):
                    await self._change()
                return value
        except TimeoutError:
            latest = "\n  ".join(
                f"{call.route} -> {call.status} {call.fault or ''}" for call in self.calls[-15:]
            )
            raise TimeoutError(f"Not within {timeout} s. The latest calls:\n  {latest}") from None

    async def _change(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
