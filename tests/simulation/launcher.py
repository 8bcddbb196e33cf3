"""Runners as simulated processes: the real agent loop over the real files, killed at any point."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from host.runners.launch.base import LaunchError, Runner, RunnerSpec
from runner.inbound import InboundReader
from runner.leash import LOOK
from runner.loop import AgentLoop
from runner.maintain import maintain
from runner.outbound import OutboundWriter, Superseded
from runner.providers import factory
from runner.settings import Settings
from runner.tools import standard
from runner.tools.schedule import Schedule
from runner.tools.tool import Tool
from runner.watch import FileWatch
from sessiondb import Damaged, SessionError, lease
from sessiondb.contract import DAMAGED
from sessiondb.signals import RunnerLock, beat
from tests.simulation.outcome import Law
from tests.simulation.processes import Process, current, point, start_in, start_thread

HEARTBEAT_EVERY = 15.0  # s; a run has few of them, the sweep's patience is a minute
POLL_SLOWEST = 4.0  # s
KILLED = -9


class SimRunner:
    def __init__(self, spec: RunnerSpec, process: Process) -> None:
        self.session_id = spec.session_id
        self.incarnation = spec.incarnation
        self.outline = spec.outline
        self.held = False
        self.folder = spec.folder
        self.scope = spec.shared.name
        self.process = process
        self.loop: AgentLoop | None = None
        self.born = asyncio.get_running_loop().time()
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        point("wait for a runner")
        return await asyncio.shield(self.ended)

    def end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)


@dataclass
class Engine:
    """What runs runners; it outlives hosts. `adopts`: a new host takes over what lives, as with containers."""

    chance: random.Random
    now: Callable[[], int]
    new_process: Callable[[str, str], Process]
    trace: Callable[[str], None]
    adopts: bool = True
    locks: bool = True  # whether the session's lock keeps a second runner out
    busy: float = 0.03  # chance that it starts nothing now
    takes: float = 0.0  # s until it begins a runner that it is to start
    away_until: float = 0.0  # loop's time: it answers nobody
    hangs_until: float = 0.0  # it answers everybody then
    mixed: list[str] = field(
        default_factory=list
    )  # runners that took what was not for those with their folder
    blind: float = 0.0  # chance that a host finds no runner at boot, though some live
    runners: list[SimRunner] = field(default_factory=list)
    latest: dict[str, str] = field(default_factory=dict)  # outbound.db → incarnation the host started last
    broke: Callable[[Law, str], None] = lambda *_: None
    hear: Callable[[str], None] = lambda _: None
    more_tools: Callable[[Settings], list[Tool]] = lambda _: []

    async def asked(self, what: str) -> None:
        """Whatever it is asked. Raises `LaunchError` while it is away."""
        point(what)
        clock = asyncio.get_running_loop().time
        if (left := self.hangs_until - clock()) > 0:
            await asyncio.sleep(left)
            point(what)
        if clock() < self.away_until:
            raise LaunchError("the engine does not answer", transient=True)

    def live(self) -> list[SimRunner]:
        return [runner for runner in self.runners if runner.process.alive]

    def died(self, process: Process) -> None:
        for runner in self.runners:
            if runner.process is process:
                runner.end(KILLED)


class SimLauncher:
    """One host's client of the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def start(self, spec: RunnerSpec) -> SimRunner:
        await self._engine.asked("start a runner")
        engine = self._engine
        if engine.chance.random() < engine.busy:
            raise LaunchError("the engine is busy", transient=True)
        await asyncio.sleep(engine.takes)
        point("a runner is made")
        engine.latest[str(spec.folder.outbound_db)] = spec.incarnation
        runner = SimRunner(spec, engine.new_process("runner", f"runner-{len(engine.runners) + 1}"))
        engine.runners.append(runner)
        engine.trace(f"{runner.process.name} starts for {spec.session_id[:5]} as {spec.incarnation}")
        start_in(runner.process, _life(engine, runner, spec), runner.process.name)
        await asyncio.sleep(0.05)
        point("runner started")
        return runner

    async def stop(self, runner: Runner, grace: float) -> None:
        await self._engine.asked("stop a runner")
        assert isinstance(runner, SimRunner)
        if runner.loop is not None and grace > 0:
            runner.loop.stop()
            await asyncio.wait([asyncio.ensure_future(asyncio.shield(runner.ended))], timeout=grace)
        if not runner.ended.done():
            runner.process.die("killed by the host")
        await asyncio.shield(runner.ended)

    async def first_process(self, runner: Runner) -> int:
        return 0

    async def hold(self, runner: Runner) -> None:
        raise NotImplementedError  # whose first process is not known is never held

    async def let_go(self, runner: Runner) -> None:
        raise NotImplementedError

    async def reconcile(self, installation: str, node: str = "") -> list[Runner]:
        await self._engine.asked("reconcile")
        engine = self._engine
        if engine.chance.random() < engine.blind:
            raise LaunchError("the engine does not answer", transient=True)
        if engine.adopts:
            return list(engine.live())
        for runner in engine.live():
            runner.process.die("left over")
        return []

    async def maintain(self, spec: RunnerSpec, *, delivered_up_to: int, older_than: int) -> None:
        await self._engine.asked("maintain")
        engine = self._engine
        if any(r.session_id == spec.session_id for r in engine.live()):
            raise LaunchError("another runner holds the session", transient=True)
        process = engine.new_process("maintenance", f"maintenance of {spec.session_id[:5]}")
        job = start_in(process, _maintain(spec, delivered_up_to, older_than), process.name)
        await asyncio.wait([job])
        if job.cancelled() or job.exception() is not None:
            damaged = not job.cancelled() and isinstance(job.exception(), Damaged)
            raise LaunchError("maintenance failed", transient=True, code=DAMAGED if damaged else 4)
        process.die("done")

    async def close(self) -> None:
        return


async def _maintain(spec: RunnerSpec, delivered_up_to: int, older_than: int) -> None:
    maintain(spec.folder.outbound_db, delivered_up_to=delivered_up_to, older_than=older_than)


async def _life(engine: Engine, runner: SimRunner, spec: RunnerSpec) -> None:
    """As `python -m runner` has it: lock, look at the incarnation, work."""
    environment = {
        **spec.environment,
        "DOVECOTE_INCARNATION": spec.incarnation,
        "DOVECOTE_SESSION_DIR": str(spec.folder.root),
        "DOVECOTE_WORKSPACE": str(spec.folder.work),
        "DOVECOTE_SHARED": str(spec.shared),
    }
    settings = Settings.from_environment(environment)
    if environment.get("DOVECOTE_LEASED"):
        start_thread(_leashed(spec), "leash")
    await asyncio.sleep(0.2)
    lock = RunnerLock.acquire(spec.folder.runner_lock) if engine.locks else None
    if engine.locks and lock is None:
        code = 3
    else:
        try:
            code = await _serve(engine, runner, settings)
        except Superseded:
            code = 3
        except SessionError as error:
            engine.trace(f"{runner.process.name}: {error}")
            code = DAMAGED if isinstance(error, Damaged) else 4
        except Exception as error:  # noqa: BLE001 - a bug of the runner: the run has failed
            engine.broke(Law.ERRORS, f"{runner.process.name}: {error!r}")
            code = 1
        finally:
            if lock is not None:
                lock.release()
    process = current()
    if process is not None and process.alive:
        runner.end(code)
        process.die(f"exit {code}")


async def _leashed(spec: RunnerSpec) -> None:
    """As `runner.leash` has it."""
    while True:
        left = lease.left(spec.folder.lease)
        if left <= 0:
            break
        await asyncio.sleep(min(left, LOOK))
    process = current()
    if process is not None and process.alive:
        process.die("its lease is over")


async def _serve(engine: Engine, runner: SimRunner, settings: Settings) -> int:
    inbound = InboundReader(settings.folder.inbound_db)
    if inbound.incarnation() != settings.incarnation:
        raise Superseded
    outbound = OutboundWriter(settings.folder.outbound_db, inbound, settings.incarnation, engine.now)
    watch = FileWatch(settings.folder.inbound_db, None, POLL_SLOWEST)
    hearts: list[asyncio.Task[None]] = []
    runner.loop = AgentLoop(
        settings,
        factory.make(settings),
        inbound,
        outbound,
        watch,
        ring=lambda: engine.hear(runner.session_id),
        now=engine.now,
        kit=lambda: [*standard(), *Schedule().tools(), *engine.more_tools(settings)],
        on_up=lambda: hearts.append(start_thread(_heartbeat(engine, settings), "heartbeat")),
    )
    try:
        await runner.loop.run()
        return 0
    finally:
        for heart in hearts:
            heart.cancel()
        outbound.close()
        inbound.close()


async def _heartbeat(engine: Engine, settings: Settings) -> None:
    while True:
        beat(settings.folder.heartbeat, settings.incarnation)
        at = engine.now() * 1_000_000
        os.utime(settings.folder.heartbeat, ns=(at, at))
        await asyncio.sleep(HEARTBEAT_EVERY)
