"""A loop whose time jumps to the next timer: hours pass in milliseconds, in the same order every time."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import selectors
import sys
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")

TURN = 1e-6  # s every turn of the loop takes: waits shorter than a float can add would never end
EPOCH = 1_700_000_000_000  # ms UTC at which a run begins


class Stalled(Exception):
    """Nothing is ready and no timer is set: everybody waits for somebody else for ever."""


class Endless(BaseException):
    """The loop has turned more often than any run needs: somebody goes round and round. Nobody is to catch it."""


class _JumpingSelector(selectors.SelectSelector):
    """Nothing in a run waits for a descriptor, so waiting is moving the clock."""

    def __init__(self, most_turns: int) -> None:
        super().__init__()
        self.elapsed = 0.0
        self._left = most_turns

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stalled
        self._left -= 1
        if self._left < 0:
            self._left = 1000  # for those who tidy up
            raise Endless
        self.elapsed += max(TURN, timeout)
        return []


class _NumberedTask(asyncio.Task[T]):
    """Hashed by its number: a set of tasks is walked in the order of their making, not of their addresses."""

    _numbers = itertools.count(1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._number = next(self._numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.SelectorEventLoop):
    """`on_task` is called with every task made, in the context it will run in."""

    def __init__(
        self, on_task: Callable[[asyncio.Task[Any]], None], *, most_turns: int = sys.maxsize
    ) -> None:
        self._jumping = _JumpingSelector(most_turns)
        super().__init__(self._jumping)
        _NumberedTask._numbers = itertools.count(1)

        def factory(
            loop: asyncio.AbstractEventLoop,
            coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T],
            **more: Any,
        ) -> asyncio.Future[T]:
            task: _NumberedTask[T] = _NumberedTask(coroutine, loop=loop, **more)
            more.get("context", contextvars.copy_context()).run(on_task, task)
            return task

        self.set_task_factory(factory)

    def time(self) -> float:
        return self._jumping.elapsed

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """On the caller's thread, at once."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the caller's
            future.set_exception(error)
        return future


class WallClock:
    """What programs take for the time of day; an operator or NTP may move it under them."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._moved = 0

    def now(self) -> int:
        return EPOCH + self._moved + int(self._loop.time() * 1000)

    def jump(self, ms: int) -> None:
        self._moved += ms
