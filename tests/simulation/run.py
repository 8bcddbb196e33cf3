"""A run from its seed to its outcome. It always ends, and whatever ends it is in the outcome."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from tests.simulation import laws, processes
from tests.simulation.clock import Endless, Stalled, VirtualLoop
from tests.simulation.outcome import Law, Outcome
from tests.simulation.patches import Patch
from tests.simulation.processes import Crash, current
from tests.simulation.world import World

Mutant: TypeAlias = Callable[[Any], list[Patch]]


class Kind(NamedTuple):
    """Of run: its world, whose callbacks wait for one another, and what must hold in the end."""

    world: Callable[[Outcome, VirtualLoop, Path], World]
    owner: Callable[[contextvars.Context], object]
    check: Callable[[Any], None]


ONE_HOST = Kind(World, processes.alone, laws.check)

MOST_TURNS = 3_000_000  # of the loop; a run takes some ten thousand


def run(seed: int, mutant: Mutant | None = None, kind: Kind = ONE_HOST) -> Outcome:
    """The same seed gives the same run."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None  # closing a dead process's connection fails
    gc.disable()
    gc.freeze()  # what is there stays: it is not looked through after each seed
    try:
        return _run(seed, mutant, kind)
    finally:
        gc.enable()
        for _ in range(
            3
        ):  # what the dead still do at their end leaves something; the next freeze would keep it for ever
            if not gc.collect():
                break
        sys.unraisablehook = hook


def _run(seed: int, mutant: Mutant | None, kind: Kind) -> Outcome:
    scratch = "/dev/shm" if Path("/dev/shm").is_dir() else None
    data = Path(tempfile.mkdtemp(prefix="dovecote-", dir=scratch))
    outcome = Outcome(seed)
    loop = VirtualLoop(processes.adopt_task, kind.owner, most_turns=MOST_TURNS)
    try:
        asyncio.set_event_loop(loop)
        with _deaths_reported(outcome):
            _live(outcome, loop, data, mutant, kind)
    finally:
        with contextlib.suppress(Exception, Crash, Endless):
            _end_tasks(loop)
        asyncio.set_event_loop(None)
        loop.close()
        shutil.rmtree(data, ignore_errors=True)
    return outcome


def _live(outcome: Outcome, loop: VirtualLoop, data: Path, mutant: Mutant | None, kind: Kind) -> None:
    world = loop.run_until_complete(_made(outcome, loop, data, kind))
    loop.set_exception_handler(lambda _, context: _unhandled(world, context))
    with _listening(world), world.patched(mutant(world) if mutant else []):
        with _deaths_reported(outcome):
            loop.run_until_complete(world.main())
        kind.check(world)


@contextlib.contextmanager
def _deaths_reported(outcome: Outcome) -> Iterator[None]:
    """Whatever ends the world before its end has broken a law; the laws are checked of what there is all the same."""
    try:
        yield
    except Stalled:
        outcome.violated(Law.REST, "everything stands still")
    except Endless:
        outcome.violated(Law.ENDS, f"not over after {MOST_TURNS} turns of the loop")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a simulated death is one, and must not end whoever counts
        outcome.trace.append(traceback.format_exc())
        outcome.violated(Law.ENDS, f"the world ended: {error!r}")


async def _made(outcome: Outcome, loop: VirtualLoop, data: Path, kind: Kind) -> World:
    return kind.world(outcome, loop, data)


@contextlib.contextmanager
def _listening(world: World) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("host", "runner")]
    listener = _Listener(world)
    for logger in loggers:
        logger.addHandler(listener)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(listener)
            logger.propagate = True


class _Listener(logging.Handler):
    """What a program logs as an error it did not expect is a violation."""

    EXPECTED = frozenset({"bot_broke"})

    def __init__(self, world: World) -> None:
        super().__init__(logging.WARNING)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        process = current()
        text = record.getMessage()
        self._world.say(f"{record.levelname} {text}")
        if (
            getattr(record, "action", "") == "runner_stopped"
            and isinstance(record.args, tuple)
            and record.args
        ):
            self._world.stopped(getattr(record, "session", ""), str(record.args[0]))
        unexpected = record.exc_info is not None and getattr(record, "action", "") not in self.EXPECTED
        if unexpected and (process is None or process.alive):
            assert record.exc_info is not None
            self._world.violated(Law.ERRORS, f"{text}: {record.exc_info[1]!r}")


def _unhandled(world: World, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, Exception):
        world.say(f"unhandled: {error!r}")


def _end_tasks(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.set_exception_handler(lambda *_: None)
    loop.run_until_complete(_over(left, loop))


async def _over(left: set[asyncio.Task[Any]], loop: VirtualLoop) -> None:
    """Nobody is thrown away in the middle of a statement: the collector would end it in the midst of SQLite."""
    if left:
        await asyncio.wait(left, timeout=60)
    for _ in range(100):
        if not loop.pausing:
            return
        await asyncio.sleep(5)
