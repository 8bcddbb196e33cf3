"""Runs on several cores. A worker that dies or hangs is a violation of its seed; another one takes its place."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.simulation.outcome import Law, Outcome

SPAWN = multiprocessing.get_context("spawn")
LIMIT = 300.0  # s of real time for one seed, on a slow machine that does much else; it takes one


class _Worker:
    """A process that runs one seed after another."""

    def __init__(self, work: Callable[[int], Outcome], limit: float) -> None:
        self._limit = limit
        self._seed: int | None = None
        self._deadline = 0.0
        self._stack = tempfile.NamedTemporaryFile("r", prefix="simulate-", suffix=".stack")  # noqa: SIM115
        self.pipe, theirs = SPAWN.Pipe()
        self._process: SpawnProcess = SPAWN.Process(
            target=_serve, args=(work, theirs, limit, self._stack.name), daemon=True
        )
        self._process.start()
        theirs.close()
        self.pipe.recv()  # its imports are no seed's time

    @property
    def is_idle(self) -> bool:
        return self._seed is None

    def take(self, seed: int) -> None:
        self._seed = seed
        self._deadline = time.monotonic() + self._limit * 1.1  # it says first where it hangs
        with suppress(OSError):  # it is dead: that shows when its answer is read
            self.pipe.send(seed)

    def outcome(self) -> Outcome | None:
        """What came of its seed; None while it is at it."""
        assert self._seed is not None
        found: Outcome | None = None
        try:
            if self.pipe.poll():
                found = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            found = self._lost(f"its worker ended with {self._process.exitcode}")
        if found is None and time.monotonic() > self._deadline:
            found = self._lost(f"not over after {self._limit:g} s")
        if found is not None:
            self._seed = None
        return found

    def _lost(self, why: str) -> Outcome:
        outcome = Outcome(self._seed or 0)
        outcome.violated(Law.ENDS, why)
        with suppress(OSError):
            outcome.trace.append(self._stack.read())
        self.end()
        return outcome

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()
        self._stack.close()


def _serve(work: Callable[[int], Outcome], pipe: Connection, limit: float, stack: str) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with Path(stack).open("w") as told, suppress(EOFError):
        pipe.send(None)
        while True:
            seed = pipe.recv()
            faulthandler.dump_traceback_later(limit, file=told)
            outcome = work(seed)
            faulthandler.cancel_dump_traceback_later()
            pipe.send(outcome)


def _end_with(parent: BaseProcess) -> None:
    """No worker outlives whoever asks."""
    parent.join()
    os._exit(1)


def outcomes(
    work: Callable[[int], Outcome], seeds: Iterable[int], workers: int, *, limit: float = LIMIT
) -> Iterator[Outcome]:
    """As they come. Every seed has one."""
    left = iter(seeds)
    crew: list[_Worker] = []
    try:
        while True:
            busy = [worker for worker in crew if not worker.is_idle]
            while len(busy) < workers and (seed := next(left, None)) is not None:
                worker = next((w for w in crew if w.is_idle), None)
                if worker is None:
                    worker = _Worker(work, limit)
                    crew.append(worker)
                worker.take(seed)
                busy.append(worker)
            if not busy:
                return
            wait([worker.pipe for worker in busy], timeout=1)
            for worker in busy:
                if (outcome := worker.outcome()) is not None:
                    yield outcome
                if worker.is_idle and not worker.is_alive:
                    crew.remove(worker)
    finally:
        for worker in crew:
            worker.end()
