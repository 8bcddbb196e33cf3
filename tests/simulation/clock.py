"""A loop whose time jumps to the next timer: hours pass in milliseconds, in the same order every time.

A callback may pause in its middle, as a process does that waits for its disk: it runs in a greenlet of its own, and
whatever belongs to others goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import heapq
import itertools
import selectors
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from host.folders.disk import Call

P = ParamSpec("P")
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
        self.elapsed += timeout if timeout > TURN else TURN
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


class _Handle(asyncio.Handle):
    """As the library's, which looks each time whether its loop is debugged."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context | None,
    ) -> None:
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class VirtualLoop(asyncio.SelectorEventLoop):
    """`on_task` is called with every task made, in the context it will run in. `owner` says which single-threaded process
    a callback belongs to: while one of its callbacks pauses, its others wait."""

    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(
        self,
        on_task: Callable[[asyncio.Task[Any]], None],
        owner: Callable[[contextvars.Context], object] = lambda _: None,
        *,
        most_turns: int = sys.maxsize,
    ) -> None:
        self._owner = owner
        self._paused: set[object] = set()
        self.pausing = 0  # callbacks in their middle: each has a stack of SQLite's, and must come to its end
        self._rested: deque[greenlet] = deque()
        self._aside: list[asyncio.Handle] = []
        self._turn = 0  # callbacks that are left of it
        self._turned = False  # since somebody began to run the loop
        self._working: greenlet | None = None
        self._jumping = _JumpingSelector(most_turns)
        self._timers: list[tuple[float, asyncio.TimerHandle]] = []
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
        """As a thread has it: begun at a later turn of the loop, with others before and after it."""
        future: asyncio.Future[T] = self.create_future()

        def job() -> None:
            try:
                result = func(*args)
            except BaseException as error:  # noqa: BLE001 - the caller's, the end of its process included
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self.call_soon(job)
        return future

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, timer))
        return timer

    # ── turns ────────────────────────────────────────────────────────────────────────────────────────────

    def _run_once(self) -> None:
        """Turns as the library has them, until the loop is stopped; what pauses in one is left where it is."""
        self._turned = False
        while self._turn or not (self._turned and self._stopping):
            self._working = greenlet(self._work)
            self._working.switch()
            self._go_on()

    def _work(self) -> None:
        """Callbacks one after another. Whoever has paused in one has been replaced meanwhile; who finds that others have
        rested lets them go on first."""
        me = getcurrent()
        while not self._rested:
            if not self._turn:
                if self._turned and self._stopping:
                    return
                self._begin_turn()
                continue
            self._turn -= 1
            handle = self._ready.popleft()
            if handle._cancelled:
                continue
            if self._paused and self._owner(handle._context) in self._paused:  # type: ignore[attr-defined]
                self._aside.append(handle)
                continue
            try:
                handle._context.run(handle._callback, *handle._args)  # type: ignore[attr-defined]
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - as the library's: whoever called is told
                told = {"message": f"Exception in {handle!r}", "exception": error, "handle": handle}
                self.call_exception_handler(told)
            if self._working is not me:
                return

    def _begin_turn(self) -> None:
        self._turned = True
        self._jumping.select(self._left_until_next())
        timers, now = self._timers, self._jumping.elapsed
        while timers and (timers[0][0] <= now or timers[0][1]._cancelled):
            timer = heapq.heappop(timers)[1]
            if not timer._cancelled:
                self._ready.append(timer)
        self._turn = len(self._ready)

    def _left_until_next(self) -> float | None:
        if self._ready or self._stopping:
            return 0.0
        timers = self._timers
        while timers and timers[0][1]._cancelled:
            heapq.heappop(timers)
        return max(0.0, timers[0][0] - self._jumping.elapsed) if timers else None

    def pause(self, seconds: float, wakers: list[Callable[[], None]] | None = None) -> None:
        """In the middle of a callback: the machine does something else for so long, or until the waker is called."""
        strand = getcurrent()
        if strand.parent is None:
            return
        owner = self._owner(contextvars.copy_context())
        task = asyncio.current_task(self)
        if task is not None:
            asyncio.tasks._leave_task(self, task)
        if owner is not None:
            self._paused.add(owner)
        timer = self.call_later(seconds, self._rested.append, strand, context=contextvars.Context())

        def wake() -> None:
            if not timer.cancelled() and strand not in self._rested:
                timer.cancel()
                self._rested.append(strand)

        wakers = wakers if wakers is not None else []
        wakers.append(wake)
        self.pausing += 1
        strand.parent.switch()
        self.pausing -= 1
        wakers.remove(wake)
        self._paused.discard(owner)
        self._ready.extendleft(reversed(self._aside))
        self._aside.clear()
        if task is not None:
            asyncio.tasks._enter_task(self, task)

    def hold(self, owner: object) -> None:
        """Its callbacks wait until it is let go."""
        self._paused.add(owner)

    def let_go(self, owner: object) -> None:
        self._paused.discard(owner)
        self._ready.extendleft(reversed(self._aside))
        self._aside.clear()

    def _go_on(self) -> None:
        while self._rested:
            self._rested.popleft().switch()


class Turns:
    """The host's `Disk`: what a thread would do is done in a later turn of the loop. Who is cancelled waits for it too."""

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = _Call(functools.partial(function, *args, **kwargs))
        try:
            found: T = await call.outcome
            return found
        except asyncio.CancelledError:
            await call.until_over()
            raise

    def close(self) -> None:
        """There is no thread."""


class _Call(Call):
    """Made in a later turn of the loop, whose next hears of its end."""

    __slots__ = ()

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(function, asyncio.get_running_loop())
        self.loop.call_soon(self.make)

    def make(self) -> None:
        try:
            value, failure = self.function(), None
        except BaseException as error:  # noqa: BLE001 - the caller's, the end of its process included
            value, failure = None, error
        self.over = True
        self.loop.call_soon(self.end, value, failure)

    async def until_over(self) -> None:
        if self.over:
            await asyncio.wait([self.outcome])  # two turns, which recorded seeds count on
        else:
            self.left = self.loop.create_future()
            await self.left


class WallClock:
    """What programs take for the time of day; an operator or NTP may move it under them."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._moved = 0
        self.farthest = 0  # ms by which it ever was set

    def now(self) -> int:
        return EPOCH + self._moved + int(self._loop.time() * 1000)

    def jump(self, ms: int) -> None:
        self._moved += ms
        self.farthest = max(self.farthest, abs(self._moved), abs(ms))
