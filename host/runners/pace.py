"""What conversations may write a second: who writes more than its share is held for some seconds, again and again.

The disk is shared, and every commit of the host waits behind what lies in its queue. A container that writes little, or much
at once, never meets this wall; one that goes on has its share of what all may write together, and runs in between, so
that it can answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from host.folders import written
from host.runners.launch.base import Launcher, LaunchError, Runner

log = logging.getLogger(__name__)

MIB = 1024 * 1024
AT_ONCE = 128 * MIB  # bytes that one may write as fast as it can; given back at the pace of its share
MOST_OWED = 64 * MIB  # bytes; what one wrote beyond that before it could be held is not held against it
MOST_HELD = 5.0  # s at a time: half of what a reader may keep the host from its file, far less than a runner may be silent
LEAST_HELD = 1.0  # s; to hold and let go costs the engine a tenth of a second
BREATH = 0.03  # s that one who still owes is let run for between two holds; with the engine's two orders it is twice that
MANY = 10  # of them go on at least, as is assumed for who does not, or has no runner meanwhile
SELDOM = 2.0  # s between two looks at how much the machine writes
OFTEN = 0.1  # s between two looks at who it is, as long as somebody writes much
LONG_AGO = 60.0  # s after which nobody can tell whether what was written since was written little by little
SHARE = 10  # a look that took long is followed by a pause of so many times its length
MUCH = 8 * MIB  # bytes a second of the whole machine, below which nobody is looked at


@dataclass(eq=False)
class Account:
    """What one may still write at once, in bytes; below 0 it is held."""

    left: float = AT_ONCE

    @property
    def goes_on(self) -> bool:
        return self.left < AT_ONCE / 2

    @property
    def whole(self) -> bool:
        return self.left >= AT_ONCE


def shares(accounts: Collection[Account], together: float) -> tuple[float, float]:
    """Bytes a second for each that goes on, and for each that does not, of what all may write `together`. Pure."""
    share = together / max(1, sum(account.goes_on for account in accounts))
    return share, min(share, together / max(MANY, len(accounts)))


def charge(account: Account, wrote: int, seconds: float, rate: float) -> None:
    account.left = min(AT_ONCE, max(-MOST_OWED, account.left - wrote + seconds * rate))


def held_for(account: Account, rate: float) -> float:
    """Seconds; 0 for who may go on. Pure."""
    return min(max(-account.left / rate, LEAST_HELD), MOST_HELD) if account.left < 0 else 0.0


@dataclass(eq=False)
class _Paced:
    runner: Runner
    pid: int
    account: Account
    looked: float  # loop time of the last look, or of its beginning
    counted: int | None = None  # bytes at the last look; None: nobody has looked yet
    until: float = 0.0  # loop time of the next order
    told: bool = False  # the log has it that this one is held
    order: asyncio.Task[None] | None = None  # to the engine, under way

    def has_written(self, counted: int | None, now: float) -> int:
        """Bytes since the last look. What it wrote before anybody looked is nobody's."""
        last, self.counted = self.counted, counted if counted is not None else self.counted
        if last is None or counted is None or now - self.looked > LONG_AGO:
            return 0
        return max(0, counted - last)


class Pace:
    """All share one look; as long as the machine writes little that is a glance at one counter."""

    def __init__(self, launcher: Launcher, together: float) -> None:
        """`together`: bytes a second that all may write who go on beyond half of what each may at once."""
        self._launcher = launcher
        self._together = together
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pace")
        self._paced: set[_Paced] = set()
        self._owing: dict[str, tuple[Account, float]] = {}  # sessions without a runner, and since when
        self._rounds: asyncio.Task[None] | None = None

    async def keep(self, runner: Runner, pid: int) -> None:
        """Holds the runner to its share until cancelled, by when it has ended. `pid` as `first_process` has it."""
        paced = _Paced(runner, pid, self._account(runner.session_id), asyncio.get_running_loop().time())
        self._paced.add(paced)
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._go_round(), name="pace")
        try:
            await asyncio.Event().wait()
        finally:
            self._paced.discard(paced)
            if not paced.account.whole:  # another life is no way out of it
                self._owing[runner.session_id] = paced.account, asyncio.get_running_loop().time()

    def _account(self, session_id: str) -> Account:
        now = asyncio.get_running_loop().time()
        for account, since in self._owing.values():
            charge(account, 0, now - since, self._together / MANY)
        self._owing = {id_: (account, now) for id_, (account, _) in self._owing.items() if not account.whole}
        return self._owing.pop(session_id, (Account(), now))[0]

    async def _go_round(self) -> None:
        loop = asyncio.get_running_loop()
        machine = await loop.run_in_executor(self._pool, written.by_machine)
        while self._paced:
            before = loop.time()
            await asyncio.sleep(SELDOM)
            last, machine = machine, await loop.run_in_executor(self._pool, written.by_machine)
            if machine - last > MUCH * (loop.time() - before) or self._owed():
                try:
                    await self._look_often()
                except Exception:  # a task's boundary: who is held has to be let go
                    log.exception("A look at what runners write failed", extra={"action": "look_failed"})

    def _owed(self) -> bool:
        return any(paced.runner.held or not paced.account.whole for paced in self._paced)

    async def _look_often(self) -> None:
        """Until nobody owes anything."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SELDOM
        while self._paced and (loop.time() < until or self._owed()):
            began = loop.time()
            counted = await loop.run_in_executor(
                self._pool, written.by_containers, [paced.pid for paced in self._paced]
            )
            self._settle(counted)
            await asyncio.sleep(max(OFTEN, (loop.time() - began) * SHARE))

    def _settle(self, counted: dict[int, int]) -> None:
        now = asyncio.get_running_loop().time()
        going_on, others = shares([paced.account for paced in self._paced], self._together)
        for paced in self._paced:
            rate = going_on if paced.account.goes_on else others
            charge(paced.account, paced.has_written(counted.get(paced.pid), now), now - paced.looked, rate)
            paced.looked = now
            paced.told = paced.told and not paced.account.whole
            if now < paced.until or (paced.order is not None and not paced.order.done()):
                continue
            if paced.runner.held:
                paced.order = asyncio.create_task(self._let_run(paced, rate), name="let run")
            elif seconds_ := held_for(paced.account, rate):
                paced.order = asyncio.create_task(self._hold(paced, seconds_), name="hold")

    async def _hold(self, paced: _Paced, seconds: float) -> None:
        fields = {"action": "paced", "session": paced.runner.session_id}
        said = "Runner is held now and then: it writes more than its share"
        try:
            await self._launcher.hold(paced.runner)
        except LaunchError as error:
            said = f"Runner writes more than its share and cannot be held: {error.reason}"
        paced.until = asyncio.get_running_loop().time() + seconds
        if not paced.told:
            log.warning(said, extra=fields)
            paced.told = True

    async def _let_run(self, paced: _Paced, rate: float) -> None:
        """Who still owes is held again after a breath: until the next look it would write as fast as the disk takes it.

        Tried again soon if the engine is away."""
        try:
            await self._launcher.let_go(paced.runner)
        except LaunchError as error:
            log.debug("A runner is held for longer: %s", error.reason)
            paced.until = asyncio.get_running_loop().time() + LEAST_HELD
            return
        await asyncio.sleep(BREATH)
        if paced in self._paced and (seconds := held_for(paced.account, rate)):
            await self._hold(paced, seconds)

    def close(self) -> None:
        for task in (self._rounds, *(paced.order for paced in self._paced)):
            if task is not None:
                task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)
