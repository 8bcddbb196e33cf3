"""Where blocking work runs: the event loop never touches a disk.

The threads are our own, for most of what a round trip costs the host is handing work over: an executor makes two futures and
two locks for each call, and takes half as long again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8  # commits to separate files run in parallel; more threads gain nothing on small machines


class Disk(Protocol):
    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs the function off the loop. Its errors are the caller's."""

    def close(self) -> None: ...


def fail(future: asyncio.Future[Any], error: BaseException) -> None:
    """With another error for a StopIteration: no future takes one, and whoever waits for it would wait for ever."""
    if not isinstance(error, StopIteration):
        future.set_exception(error)
        return
    failure = RuntimeError("it raised StopIteration")
    failure.__cause__ = error
    future.set_exception(failure)


class Call:
    """One visit to a thread."""

    __slots__ = ("function", "left", "loop", "outcome", "over")

    def __init__(self, function: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.function = function
        self.loop = loop
        self.outcome: asyncio.Future[Any] = loop.create_future()
        self.over = False
        self.left: asyncio.Future[None] | None = None  # its caller was cancelled, and waits for the thread

    def make(self) -> None:
        """On the thread."""
        try:
            value, failure = self.function(), None
        except BaseException as error:  # noqa: BLE001 - the caller's, whatever it is
            value, failure = None, error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self.end, value, failure)

    def end(self, value: object, failure: BaseException | None) -> None:
        """On the loop."""
        self.over = True
        if self.left is not None and not self.left.done():
            self.left.set_result(None)
        if self.outcome.done():
            return
        if failure is None:
            self.outcome.set_result(value)
        else:
            fail(self.outcome, failure)

    async def until_over(self) -> None:
        if not self.over:
            self.left = self.loop.create_future()
            await self.left


class ThreadDisk:
    def __init__(self, threads: int = THREADS) -> None:
        self._most = threads
        self._threads: list[threading.Thread] = []
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._under_way = 0
        self._closed = False

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A caller that is cancelled still waits for its thread: what it holds (a session's lock, a connection) must not
        be handed on while the thread is at it."""
        if self._closed:
            raise RuntimeError("the threads have ended")
        call = Call(functools.partial(function, *args, **kwargs), asyncio.get_running_loop())
        self._under_way += 1
        if self._under_way > len(self._threads) < self._most:
            self._begin_thread()
        self._calls.put(call)
        try:
            found: T = await call.outcome
            return found
        except asyncio.CancelledError:
            await call.until_over()
            raise
        finally:
            self._under_way -= 1

    def close(self) -> None:
        self._closed = True
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _begin_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"disk_{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.make()
            del call  # what it held is free while this thread waits for the next
