"""One run: a host, its runners, a platform and its people, and everything that can go wrong, out of one seed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
import random
import secrets
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias
from unittest import mock

import apsw

import host.delivery.service
import host.live.policy
import host.mailbox.outbound
import host.upkeep.pruning
import runner.maintain
import runner.providers.mock
import sessiondb.connection
import sessiondb.signals
from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.folders.disk import InlineDisk
from host.mailbox.inbound import InboundWriter
from host.ports.bot import Bots
from host.ports.events import Verdict
from runner.tools.tool import ToolContext
from tests.simulation import processes
from tests.simulation.clock import Stalled, VirtualLoop, WallClock
from tests.simulation.disk import NAME, Disk
from tests.simulation.launcher import Engine, SimLauncher
from tests.simulation.load import People
from tests.simulation.platform import Platform, SimBot, Weather
from tests.simulation.processes import Process, current, point, start_in

FAULTS_LAST = 150.0  # s of virtual time in which things go wrong
QUIET_WITHIN = 16 * 3600.0  # s of virtual time in which everything must have come to rest
SETTLE = 900.0  # s more for notices and late posts


@dataclass
class Outcome:
    seed: int
    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def report(self) -> str:
        """What went wrong and everything that led there."""
        told = [f"seed {self.seed}", *self.trace, *(f"VIOLATION {text}" for text in self.violations)]
        return "\n".join([*told, f"again: make simulate SEEDS=1 FIRST_SEED={self.seed}"])


Patch: TypeAlias = tuple[object, str, object]


class Forgotten:
    """What pruning removed, by folder of the session and table: the laws are about it as well."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.count = 0

    def rows(self, session: str, table: str) -> list[dict[str, Any]]:
        return self._rows.get((session, table), [])

    def note(self, connection: apsw.Connection, table: str, where: str, *bindings: Any) -> None:
        cursor = connection.execute(f"SELECT * FROM {table} WHERE {where}", bindings)
        found = cursor.fetchall()
        self.count += len(found)
        if found:
            names = [str(name) for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            session = Path(connection.db_filename("main")).parent.parent.name
            self._rows.setdefault((session, table), []).extend(
                dict(zip(names, row, strict=True)) for row in found
            )

    def patches(self) -> list[Patch]:
        messages, deliveries = InboundWriter.forget_messages, InboundWriter.forget_deliveries
        delete = runner.maintain._delete

        def forget_messages(writer: InboundWriter, ids: Iterable[str]) -> None:
            ids = list(ids)
            for id_ in ids:
                self.note(writer._connection, "messages_in", "id = ?", id_)
            messages(writer, ids)

        def forget_deliveries(writer: InboundWriter, before: int, *, most: int) -> int:
            self.note(writer._connection, "delivered", "state NOT IN ('pending', 'sending', 'unknown')")
            return deliveries(writer, before, most=most)

        def noted_delete(connection: apsw.Connection, where: str, *bindings: int) -> int:
            table, _, condition = where.strip().partition(" WHERE ")
            self.note(connection, table, condition, *bindings)
            return delete(connection, where, *bindings)

        return [
            (InboundWriter, "forget_messages", forget_messages),
            (InboundWriter, "forget_deliveries", forget_deliveries),
            (runner.maintain, "_delete", noted_delete),
            (host.upkeep.pruning, "DAY", 15_000),
            (host.upkeep.pruning, "EVERY", 20.0),
            (host.upkeep.pruning, "AGAIN", 10_000),
            (host.upkeep.pruning, "AFTER_FAILURE", 5_000),
        ]


JUMPS = (-3_600_000, 3_600_000, -5_000, 65_000)  # ms by which somebody sets the clock
FAULTS = [
    "host",
    "host",
    "runner",
    "runner",
    "runner",
    "power",
    "clock",
    "weather",
    "weather",
    "busy",
    "restart",
]


class World:
    def __init__(self, seed: int, loop: VirtualLoop, data: Path) -> None:
        self.loop = loop
        self.data = data
        self.outcome = Outcome(seed)
        self.chance = random.Random(seed)
        self.clock = WallClock(loop)
        self.faults: Sequence[str] = FAULTS  # a mutant may ask for those under which it shows
        self.jumps: Sequence[int] = JUMPS
        self.disk = Disk(self._fork(), self._committed)
        self.platform = Platform(self._fork(), self.say)
        self.platform.broke = self.violated
        self.engine = Engine(self._fork(), self.clock.now, self._process, self.say)
        self.engine.broke = self.violated
        self.engine.adopts = self.chance.random() < 0.5
        self.engine.locks = self.chance.random() < 0.8
        self.engine.blind = self.chance.choice((0.0, 0.0, 0.3))
        self.nonce = self.chance.random() < 0.5
        self.forgets = self.chance.random() < 0.4  # what is over is soon pruned, on both sides
        self.forgotten = Forgotten()
        self.open_after = self.chance.choice((0.1, 1.0, host.live.policy.OPEN_AFTER))
        self.effects: Counter[str] = Counter()
        self.people = People(self._fork(), self.platform, self.chance.randint(6, 14))
        self.host: Host | None = None
        self.host_process: Process | None = None
        self._serving: asyncio.Task[None] | None = None
        self._dead: asyncio.Queue[Process] = asyncio.Queue()
        self.boots = 0
        self.gaps = itertools.count(1)
        self._tokens = self._fork()

    def _fork(self) -> random.Random:
        """Its own source of chance for each part, so that one part's use does not shift another's."""
        return random.Random(self.chance.getrandbits(64))

    def say(self, text: str) -> None:
        process = current()
        self.outcome.trace.append(
            f"{self.loop.time():10.3f} {process.name if process else 'world':12} {text}"
        )

    def violated(self, text: str) -> None:
        self.say(f"VIOLATION {text}")
        self.outcome.violations.append(text)

    # ── life and death ───────────────────────────────────────────────────────────────────────────────────

    def _process(self, kind: str, name: str) -> Process:
        return Process(kind, name, self._died)

    def _died(self, process: Process, label: str) -> None:
        self.say(f"{process.name} dies: {label}")
        self.outcome.counted[f"deaths of a {process.kind}"] += 1
        victims = [process]
        if process.power:
            self.outcome.counted["power failures"] += 1
            victims += [r.process for r in self.engine.live()]
            if self.host_process is not None and self.host_process is not process:
                victims.append(self.host_process)
        for victim in victims:
            victim.alive = False
            self.disk.end_of(victim)
            self._dead.put_nowait(victim)
        if process.power:
            self.disk.lose_power()
        for victim in victims:
            self.engine.died(victim)

    async def _undertaker(self) -> None:
        while True:
            await (await self._dead.get()).bury()

    def boot(self) -> None:
        self.boots += 1
        process = self.host_process = self._process("host", f"host-{self.boots}")
        settings = Config.model_validate(
            {
                "data": str(self.data),
                "host": {"bells": False, "sweep_every": 10, "poll_slowest": 5, "retention_days": 1},
                "runner": {"stream_idle": 4, "idle_exit": 15, "concurrent_starts": 2},
                "routes": [
                    {"channel": "C1", "engage": "always", "session": "channel"},
                    {"channel": "*", "engage": "mention", "session": "thread"},
                ],
            }
        )
        bot = SimBot(self.platform, nonce=self.nonce)
        parts = Parts(InlineDisk(), SimLauncher(self.engine), self.clock.now)
        self.host = Host(settings, Bots({"sim": bot}), parts)
        self.say(f"{process.name} boots")
        self._serving = start_in(process, self.host.serve(), process.name)

    async def keep_up(self) -> None:
        """Whoever restarts the host: an init system, an operator."""
        while True:
            self.boot()
            assert self._serving is not None
            assert self.host_process is not None
            await asyncio.wait([self._serving])
            if self.host_process.alive:
                if not self._serving.cancelled() and (error := self._serving.exception()) is not None:
                    self.violated(f"the host ended: {error!r}")
                self.host_process.power = False
                self.host_process.die("ended")
            await asyncio.sleep(self.chance.choice((0.3, 2.0, 15.0)))

    # ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────

    async def trouble(self) -> None:
        chance = self.chance
        for _ in range(chance.randint(3, 9)):
            await asyncio.sleep(chance.uniform(0, FAULTS_LAST / 6))
            self._fault()
        await asyncio.sleep(max(0.0, FAULTS_LAST - self.loop.time()))
        self.platform.weather = Weather()
        self.engine.blind = 0.0
        for process in (self.host_process, *(r.process for r in self.engine.live())):
            if process is not None:
                process.fuse = processes.UNREACHED
        self.disk.busy.clear()
        self.say("the weather is fine from now on")

    def _fault(self) -> None:
        chance = self.chance
        kind = chance.choice(self.faults)
        live = self.engine.live()
        if kind in ("host", "power") and self.host_process is not None:
            self.host_process.fuse = chance.choice((chance.randint(1, 30), chance.randint(1, 300)))
            self.host_process.power = kind == "power"
        elif kind == "runner" and live:
            victim = chance.choice(live).process
            victim.fuse = chance.choice((1, chance.randint(1, 15), chance.randint(1, 80)))
            victim.power = chance.random() < 0.1
        elif kind == "clock":
            self.clock.jump(chance.choice(self.jumps))
        elif kind == "weather":
            self._weather()
        elif kind == "busy" and live:
            folder = chance.choice(live).folder
            path = chance.choice((folder.inbound_db, folder.outbound_db))
            self.disk.busy[str(path)] = chance.randint(1, 60)
        elif kind == "restart" and self.host is not None:
            self.host.stop()
        self.say(f"fault: {kind}")

    def _weather(self) -> None:
        chance = self.chance

        def rate() -> float:
            return chance.choice((0.0, 0.0, 0.1, 0.4))

        self.platform.weather = Weather(
            lose_answer=rate(),
            slow=rate(),
            rate_limit=rate(),
            reject=chance.choice((0.0, 0.0, 0.05)),
            lookup_fails=rate(),
            duplicate=chance.choice((0.1, 0.5)),
            online=chance.random() < 0.85,
        )

    # ── the run ──────────────────────────────────────────────────────────────────────────────────────────

    async def main(self) -> None:
        helpers = [asyncio.create_task(job) for job in (self._undertaker(), self.keep_up())]
        self._weather()
        await self.trouble()
        try:
            async with asyncio.timeout(QUIET_WITHIN):
                await self._rest()
        except TimeoutError:
            self.violated("not everything came to rest")
        await asyncio.sleep(SETTLE)
        helpers[1].cancel()
        assert self.host is not None
        assert self._serving is not None
        self.host.stop()
        await asyncio.wait([self._serving], timeout=600)
        if not self._serving.done():
            self.violated("the host does not stop")
        helpers[0].cancel()

    async def _rest(self) -> None:
        """Until every message has its outcome and nothing is on its way."""
        done: set[str] = set()
        while True:
            await asyncio.sleep(20)
            due = [
                id_ for id_ in dict.fromkeys(self.platform.accepted) if id_ not in done and self._waits(id_)
            ]
            if not due and not self.platform.waiting:
                return
            for id_ in due:
                assert self.host is not None
                with contextlib.suppress(LookupError):  # its session is at rest
                    await self.host.settled(id_)
                done.add(id_)

    def _waits(self, message_id: str) -> bool:
        kind = self.platform.acknowledged[message_id].event_class
        return kind not in ("edit", "delete", "reaction")

    # ── what the parts call ──────────────────────────────────────────────────────────────────────────────

    def _committed(self, process: Process, path: str) -> None:
        self.outcome.counted["commits"] += 1
        if process.kind != "runner" or not path.endswith("outbound.db"):
            return
        started = next((r.incarnation for r in self.engine.runners if r.process is process), "")
        if started != self.engine.latest.get(path):
            self.violated(f"{process.name} commits though its incarnation is dead")

    def _watched(self, writing: Callable[[InboundWriter], Any]) -> Callable[[InboundWriter], Any]:
        """The watermark passes only what is done, at every commit."""

        @contextlib.contextmanager
        def watched(writer: InboundWriter) -> Iterator[None]:
            with writing(writer):
                yield
                opened = min((parcel.seq for parcel in writer.open_parcels()), default=None)
                if opened is not None and writer.mark("delivery_watermark") >= opened:
                    self.violated(f"the watermark has passed {opened}, which is not done")

        return watched

    async def _append(self, context: ToolContext, file: str, line: str) -> str:
        """Append a line to a file of the workspace."""
        point("before an effect")
        await asyncio.sleep(0.05)
        point("before an effect")
        self.effects[line] += 1
        self.say(f"effect {line}")
        point("after an effect")
        return "appended"

    def token(self, count: int = 16) -> str:
        return self._tokens.randbytes(count).hex()

    @contextlib.contextmanager
    def patched(self, more: list[Patch]) -> Iterator[None]:
        """Chance, time and death come from the world."""
        append = self._append

        async def mock_append(context: ToolContext, file: str, line: str) -> str:
            """Append a line to a file of the workspace."""
            return await append(context, file, line)

        def kill(pid: int, number: int) -> None:
            process = current()
            assert process is not None
            assert number == signal.SIGKILL
            process.fuse = 1
            process.point("kills itself")

        with contextlib.ExitStack() as stack:
            for target, name, value in (
                (sessiondb.connection, "vfs", NAME),
                (secrets, "token_hex", self.token),
                (host.delivery.service, "random", SimpleNamespace(Random=self._fork)),
                (sessiondb.signals, "time", SimpleNamespace(time_ns=lambda: self.clock.now() * 1_000_000)),
                (host.live.policy, "OPEN_AFTER", self.open_after),
                (host.mailbox.outbound, "time", SimpleNamespace(monotonic=self.loop.time)),
                (InboundWriter, "writing", self._watched(InboundWriter.writing)),
                (runner.providers.mock, "mock_append", mock_append),
                (runner.providers.mock, "os", SimpleNamespace(kill=kill, getpid=lambda: 0)),
            ):
                stack.enter_context(mock.patch.object(target, name, value))
            for patch in [*(self.forgotten.patches() if self.forgets else ()), *more]:
                stack.enter_context(mock.patch.object(*patch))
            yield


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
        unexpected = record.exc_info is not None and getattr(record, "action", "") not in self.EXPECTED
        if unexpected and (process is None or process.alive):
            assert record.exc_info is not None
            self._world.violated(f"{text}: {record.exc_info[1]!r}")


def run(seed: int, mutant: Callable[[World], list[Patch]] | None = None) -> Outcome:
    """The same seed gives the same run."""
    scratch = "/dev/shm" if Path("/dev/shm").is_dir() else None
    data = Path(tempfile.mkdtemp(prefix="dovecote-", dir=scratch))
    loop = VirtualLoop(processes.adopt_task)
    loggers = [logging.getLogger(name) for name in ("host", "runner")]
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None  # closing a dead process's connection fails
    gc.disable()
    try:
        asyncio.set_event_loop(loop)
        world = loop.run_until_complete(_made(seed, loop, data))
        listener = _Listener(world)
        for logger in loggers:
            logger.addHandler(listener)
            logger.propagate = False
        loop.set_exception_handler(lambda _, context: _unhandled(world, context))
        with world.patched(mutant(world) if mutant else []):
            try:
                loop.run_until_complete(world.main())
            except Stalled:
                world.violated("everything stands still")
            from tests.simulation import laws

            laws.check(world)
    finally:
        for logger in loggers:
            logger.handlers = [h for h in logger.handlers if not isinstance(h, _Listener)]
            logger.propagate = True
        with contextlib.suppress(Exception):
            _end_tasks(loop)
        asyncio.set_event_loop(None)
        loop.close()
        gc.enable()
        gc.collect()
        sys.unraisablehook = hook
        shutil.rmtree(data, ignore_errors=True)
    return world.outcome


async def _made(seed: int, loop: VirtualLoop, data: Path) -> World:
    return World(seed, loop, data)


def _unhandled(world: World, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, Exception):
        world.say(f"unhandled: {error!r}")


def _end_tasks(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.set_exception_handler(lambda *_: None)
    loop.run_until_complete(asyncio.wait(left, timeout=1)) if left else None


def stored(world: World) -> list[str]:
    """Ids of the messages the host took in."""
    return [id_ for id_, verdict in world.platform.verdicts.items() if verdict is Verdict.STORED]
