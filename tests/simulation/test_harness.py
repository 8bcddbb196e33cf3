"""Whatever happens to a run or to whoever runs it, its seed has an outcome."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from tests.simulation import processes
from tests.simulation.clock import Endless, VirtualLoop
from tests.simulation.forgotten import Patch
from tests.simulation.outcome import Law, Outcome
from tests.simulation.pool import outcomes
from tests.simulation.processes import Process
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
    assert all("exit" in line or "done" in line or "ended" in line for line in deaths), deaths
