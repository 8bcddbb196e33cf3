"""Whatever happens to a run or to whoever runs it, its seed has an outcome."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
from pathlib import Path

import apsw
import pytest

from host.registry import notices
from sessiondb import connection
from tests.simulation import processes
from tests.simulation.clock import Endless, VirtualLoop
from tests.simulation.disk import NAME, Disk
from tests.simulation.outcome import Law, Outcome
from tests.simulation.patches import Patch, refuse_misfit
from tests.simulation.pool import outcomes
from tests.simulation.processes import Crash, Process
from tests.simulation.run import run
from tests.simulation.world import World


def dies_at_three(seed: int) -> Outcome:
    if seed == 3:
        os._exit(7)
    return Outcome(seed)


def hangs(seed: int) -> Outcome:
    threading.Event().wait()
    return Outcome(seed)


def test_a_worker_that_dies_is_its_seeds_violation_and_ends_nothing_else() -> None:
    came = {outcome.seed: outcome.violations for outcome in outcomes(dies_at_three, range(1, 7), 2)}
    assert came == {
        seed: [f"{Law.ENDS}: its worker ended with 7"] if seed == 3 else [] for seed in range(1, 7)
    }


def test_a_worker_that_hangs_is_ended_and_says_where_it_hung() -> None:
    [outcome] = outcomes(hangs, [1], 1, limit=1.0)
    assert outcome.violations == [f"{Law.ENDS}: not over after 1 s"]
    assert "in hangs" in "\n".join(outcome.trace)


def test_a_run_in_which_somebody_goes_round_and_round_ends() -> None:
    async def round_and_round() -> None:
        for _ in range(10**9):
            await asyncio.sleep(0)

    loop = VirtualLoop(processes.adopt_task, most_turns=1000)
    spinning = loop.create_task(round_and_round())
    with pytest.raises(Endless):
        loop.run_until_complete(spinning)
    spinning.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(spinning)
    loop.close()


def test_a_death_in_the_worlds_own_name_is_a_violation() -> None:
    def asked_of_the_dead(world: World) -> list[Patch]:
        async def ask(_: World) -> None:
            process = Process("host", "host-9", lambda *_: None)
            process.die("long ago")
            process.point("asked")

        return [(World, "_rest", ask)]

    outcome = run(1, asked_of_the_dead)
    assert Law.ENDS in outcome.laws
    assert any("Crash" in text for text in outcome.violations)


def test_what_was_armed_and_did_not_happen_ends_with_the_troubles() -> None:
    """In 5054 the power failure that a runner was to meet came with its orderly end, after everything was to be fine."""
    outcome = run(5054)
    assert not outcome.violations, outcome.report()
    fine = next(n for n, line in enumerate(outcome.trace) if "the weather is fine" in line)
    deaths = [line for line in outcome.trace[fine:] if " dies: " in line]
    orderly = ("exit", "done", "ended", "kills itself")  # the last is what a message has its runner do
    assert all(any(how in line for how in orderly) for line in deaths), deaths


def test_others_go_on_while_a_process_waits_for_its_disk_and_its_own_callbacks_wait() -> None:
    told: list[str] = []
    loop = VirtualLoop(processes.adopt_task, processes.alone)
    slow = Process("runner", "slow", lambda *_: None)
    other = Process("runner", "other", lambda *_: None)

    def say(text: str) -> None:
        process = processes.current()
        assert process is not None
        told.append(f"{loop.time():.1f} {process.name} {text}")

    async def commits() -> None:
        say("begins")
        loop.pause(2.0)
        say("is done")

    async def works(text: str) -> None:
        await asyncio.sleep(0.5)
        say(text)

    async def all_of_them() -> None:
        mine = (
            processes.start_in(slow, commits(), "commits"),
            processes.start_in(slow, works("goes on"), "works"),
        )
        theirs = processes.start_in(other, works("works"), "works")
        await asyncio.wait([*mine, theirs])

    loop.run_until_complete(all_of_them())
    loop.close()
    assert told == ["0.0 slow begins", "0.5 other works", "2.0 slow is done", "2.5 slow goes on"]


def test_a_writer_waits_for_a_commit_that_takes_long_and_sees_what_it_committed(tmp_path: Path) -> None:
    """SQLite's own waiting takes virtual time, in which the commit goes on: nobody is refused for nothing."""
    loop = VirtualLoop(processes.adopt_task, processes.alone)
    disk = Disk(random.Random(1), lambda *_: None, loop.pause)
    disk.sync_takes = 0.3
    found: list[tuple[float, list[int]]] = []

    def connected() -> apsw.Connection:
        connection = apsw.Connection(str(tmp_path / "a.db"), vfs=NAME)
        connection.set_busy_timeout(10_000)
        return connection

    async def first() -> None:
        connection = connected()
        connection.execute("CREATE TABLE t (n); BEGIN IMMEDIATE; INSERT INTO t VALUES (1); COMMIT")
        connection.close()

    async def second() -> None:
        await asyncio.sleep(0.1)
        connection = connected()
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute("SELECT n FROM t").fetchall()
        connection.execute("COMMIT")
        found.append((loop.time(), [int(str(n)) for (n,) in rows]))
        connection.close()

    async def both() -> None:
        processes_ = [Process("runner", name, lambda *_: None) for name in ("a", "b")]
        tasks = [
            processes.start_in(process, job(), process.name)
            for process, job in zip(processes_, (first, second), strict=True)
        ]
        await asyncio.wait(tasks)
        for task in tasks:
            task.result()

    loop.run_until_complete(both())
    loop.close()
    disk.unregister()
    [(when, rows)] = found
    assert rows in ([1], [])
    assert when > 0.3


@pytest.mark.parametrize("settles", [True, False])
def test_what_was_to_be_seen_after_a_kill_within_a_commit_outlives_a_power_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, settles: bool
) -> None:
    """Whoever opens the file makes durable what is found there; without that the failure takes it back."""
    kept = {_kept_after_a_kill(tmp_path / str(seed), seed, monkeypatch, settles=settles) for seed in range(8)}
    assert kept == ({True} if settles else {True, False})


def _kept_after_a_kill(folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch, *, settles: bool) -> bool:
    folder.mkdir()
    path = folder / "inbound.db"
    loop = VirtualLoop(processes.adopt_task, processes.alone)
    opened: list[Path] = []

    def committed(process: Process, _: str) -> None:
        if opened:
            process.die("between the removal of the journal and the sync of the folder")

    disk = Disk(random.Random(seed), committed, loop.pause)
    disk.sync_takes = 0.01
    monkeypatch.setattr(connection, "vfs", NAME)
    monkeypatch.setattr(connection, "sync", disk.sync if settles else lambda _: None)
    insert = "INSERT INTO session (key, value) VALUES ('a', 'b')"

    async def writes() -> None:
        own = connection.open_writer(path, "inbound")
        opened.append(path)
        own.execute(insert)

    async def dies() -> None:
        task = processes.start_in(Process("host", "host", lambda *_: None), writes(), "writes")
        await asyncio.wait([task])
        assert isinstance(task.exception(), Crash)

    def found() -> bool:
        own = connection.open_writer(path, "inbound")
        row = own.execute("SELECT value FROM session WHERE key = 'a'").fetchone()
        own.close()
        return row is not None

    loop.run_until_complete(dies())
    assert found()
    disk.lose_power()
    there = found()
    loop.close()
    disk.unregister()
    return there


def test_a_run_leaves_nothing_behind_that_the_next_one_would_keep_for_ever() -> None:
    """The next freezes what there is; in 12 the dead had still something to do at their end."""
    gc.collect()
    run(12)
    assert gc.collect() < 100


def test_what_cannot_be_called_as_that_for_which_it_stands_in_is_refused() -> None:
    """It failed as a TypeError, which was taken for the law that its mutant breaks."""
    refuse_misfit((notices, "add", lambda connection, notice, now, chunk=0: None))
    with pytest.raises(TypeError, match="add does not fit: too many positional arguments"):
        refuse_misfit((notices, "add", lambda connection, notice, now: None))
    with pytest.raises(
        TypeError, match="open_writer does not fit: got an unexpected keyword argument 'busy'"
    ):
        refuse_misfit((connection, "open_writer", lambda path, schema: None))
