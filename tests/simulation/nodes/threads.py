"""What the product does in threads of its own, in virtual time: a thread is a callback that may pause in its middle."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from types import SimpleNamespace

from tests.simulation.processes import _thread, current

Pause = Callable[["float", "Wakers"], None]
FOR_EVER = 86_400.0  # s; who waits for so long looks again


class Wakers(list[Callable[[], None]]):
    """Of whoever waits: for what is to come, and for the end of its process."""

    def append(self, wake: Callable[[], None]) -> None:
        super().append(wake)
        if (process := current()) is not None:
            process.wakers.append(wake)

    def remove(self, wake: Callable[[], None]) -> None:
        super().remove(wake)
        if (process := current()) is not None:
            process.wakers.remove(wake)


class _Waited:
    """What one waits for until another says so."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self._wakers = Wakers()

    def _wait(self, seconds: float) -> None:
        self._pause(seconds, self._wakers)
        process = current()
        if process is not None and not process.alive:
            process.point("")

    def _wake(self) -> None:
        for wake in list(self._wakers):
            wake()


class _Event(_Waited):
    def __init__(self, pause: Pause) -> None:
        super().__init__(pause)
        self._set = False

    def set(self) -> None:
        self._set = True
        self._wake()

    def is_set(self) -> bool:
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            self._wait(FOR_EVER if timeout is None else timeout)
        return self._set


class _Condition(_Waited):
    """Nobody pauses while he has it, so it is always to be had."""

    def __enter__(self) -> _Condition:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def notify(self) -> None:
        self._wake()

    def wait_for(self, predicate: Callable[[], bool]) -> bool:
        while not predicate():
            self._wait(FOR_EVER)
        return True


class _Lock(_Waited):
    def __init__(self, pause: Pause) -> None:
        super().__init__(pause)
        self._held = False

    def __enter__(self) -> _Lock:
        while self._held:
            self._wait(FOR_EVER)
        self._held = True
        return self

    def __exit__(self, *_: object) -> None:
        self._held = False
        self._wake()


class _Thread:
    def __init__(self, pause: Pause, target: Callable[[], None]) -> None:
        self._target = target
        self._over = _Event(pause)

    def start(self) -> None:
        context = contextvars.copy_context()
        context.run(_thread.set, True)
        asyncio.get_running_loop().call_soon(self._run, context=context)

    def _run(self) -> None:
        try:
            self._target()
        finally:
            self._over.set()

    def join(self) -> None:
        self._over.wait()


def threading_of(pause: Pause) -> SimpleNamespace:
    """What stands in for the module."""

    def thread(*, target: Callable[[], None], name: str, daemon: bool) -> _Thread:
        return _Thread(pause, target)

    return SimpleNamespace(
        Thread=thread,
        Event=lambda: _Event(pause),
        Condition=lambda: _Condition(pause),
        Lock=lambda: _Lock(pause),
    )
