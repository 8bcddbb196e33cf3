"""Simulated processes: which one runs is a context variable, and a dead one can do nothing any more."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

UNREACHED = 10**9


class Crash(BaseException):
    """The process ended here. Nothing catches it, and whatever the process still tries raises it again."""


class Process:
    """`fuse`: so many points (writes, syncs, calls) until it dies; `power`: the machine dies with it."""

    def __init__(self, kind: str, name: str, on_death: Callable[[Process, str], None]) -> None:
        self.kind = kind
        self.name = name
        self.alive = True
        self.fuse = UNREACHED
        self.power = False
        self.wakers: list[Callable[[], None]] = []  # of those of its callbacks that wait for the disk
        self.hangs_after = UNREACHED  # points of its disk work
        self.hangs_for = 0.0  # s
        self.hung_at: float | None = None  # loop's time
        self.tasks: list[asyncio.Task[Any]] = []
        self.node = ""  # whose machine it runs on, where there are several
        self.held_until = 0.0  # loop's time: until then it is stopped (SIGSTOP), with all its threads
        self._on_death = on_death

    def arm(self, fuse: int, *, power: bool = False) -> None:
        self.fuse = fuse
        self.power = power

    def disarm(self) -> None:
        """Nor does the machine die with a process that ends of itself later."""
        self.arm(UNREACHED)
        self.hang(UNREACHED, 0.0)

    def hang(self, after: int, seconds: float) -> None:
        """Its disk will not answer for so long, once."""
        self.hangs_after, self.hangs_for = after, seconds

    def hangs_now(self) -> float:
        """s for which its disk does not answer now."""
        self.hangs_after -= 1
        if self.hangs_after != 0:
            return 0.0
        self.hung_at = asyncio.get_running_loop().time()
        return self.hangs_for

    def point(self, label: str) -> None:
        """Somewhere the process may die: between this and what comes next."""
        if self.alive:
            self.fuse -= 1
            if self.fuse > 0:
                return
            self.die(label)
        raise Crash(self.name)

    def die(self, label: str) -> None:
        if self.alive:
            self.alive = False
            self._on_death(self, label)

    async def bury(self) -> None:
        """Ends its tasks; their `finally` clauses run, and reach nothing."""
        for turn in range(400):
            left = [task for task in self.tasks if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.sleep(0 if turn < 100 else 0.1)  # some wait for a disk, and find themselves dead
        for task in self.tasks:
            if task.done() and not task.cancelled():
                task.exception()
        self.tasks.clear()


_current: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)

_thread: contextvars.ContextVar[bool] = contextvars.ContextVar("thread", default=False)


def current() -> Process | None:
    """None for the world itself: platforms, people and the checks."""
    return _current.get()


def alone(context: contextvars.Context) -> Process | None:
    """The process of a callback that has the process for itself; a host's disk work has threads, a heartbeat has one."""
    process = context.get(_current)
    return None if process is None or process.kind == "host" or context.get(_thread) else process


def point(label: str) -> None:
    process = _current.get()
    if process is not None:
        process.point(label)


def adopt_task(task: asyncio.Task[Any]) -> None:
    """Called in the context of a new task: it belongs to the process that made it."""
    process = _current.get()
    if process is not None:
        process.tasks.append(task)


def start_in(process: Process, coroutine: Any, name: str) -> asyncio.Task[Any]:
    context = contextvars.copy_context()
    context.run(_current.set, process)
    return asyncio.get_running_loop().create_task(coroutine, name=name, context=context)


def start_thread(coroutine: Any, name: str) -> asyncio.Task[Any]:
    """Of the current process, and not held up by what the rest of it waits for."""
    context = contextvars.copy_context()
    context.run(_thread.set, True)
    return asyncio.get_running_loop().create_task(coroutine, name=name, context=context)
