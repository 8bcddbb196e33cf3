"""One run: a host, its runners, a platform and its people, and everything that can go wrong, out of one seed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import host.delivery.service
import host.folders.share
import host.live.policy
import host.mailbox.open
import host.mailbox.outbound
import host.upkeep.pruning
import runner.claims
import runner.inbound
import runner.maintain
import runner.providers.mock
import sessiondb.connection
import sessiondb.signals
from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.mailbox.inbound import InboundWriter
from host.ports.bot import Bots
from runner.outbound import OutboundWriter
from runner.tools.tool import ToolContext
from sessiondb import Full
from sessiondb.records import MessageIn
from tests.simulation import fine, topics
from tests.simulation.clock import Turns, VirtualLoop, WallClock
from tests.simulation.disk import NAME, Disk
from tests.simulation.faults import Faults
from tests.simulation.forgotten import Forgotten
from tests.simulation.launcher import Engine, SimLauncher
from tests.simulation.load import People
from tests.simulation.outcome import Law, Outcome
from tests.simulation.patches import Patch, refuse_misfit
from tests.simulation.platform import Platform, Post, SimBot
from tests.simulation.processes import Process, current, point, start_in
from tests.simulation.witness import Witness

QUIET_WITHIN = 16 * 3600.0  # s of virtual time in which everything must have come to rest
TRY = 20  # ms between two tries of a reader, which still meets a slow writer's breath: most of a run's turns are such tries
SETTLE = 900.0  # s more for notices and late posts


class World:
    def __init__(self, outcome: Outcome, loop: VirtualLoop, data: Path) -> None:
        self.loop = loop
        self.data = data
        self.outcome = outcome
        self.chance = random.Random(outcome.seed)
        self.clock = WallClock(loop)
        self.faults = Faults(self)
        self.disk = Disk(self._fork(), self._committed, loop.pause, self._write_locked)
        self._began_as: dict[tuple[Process, str], str] = {}  # who was to write when the lock was taken
        self.platform = Platform(self._fork(), self.say)
        self.platform.broke = self.violated
        self.platform.lags = self.apart("lags").choice((0.0, 0.0, 4.0, 12.0))
        self.engine = Engine(self._fork(), self.clock.now, self._process, self.say)
        self.engine.broke = self.violated
        self.engine.hear = self._rung
        self.engine.takes = self.apart("engine").choice((0.0, 0.0, 0.3, 1.5, 6.0))
        self.last_words = (
            False  # whether runners die as soon as they have said that there is something to read
        )
        self.engine.adopts = self.chance.random() < 0.5
        self.engine.locks = self.chance.random() < 0.8
        self.engine.blind = self.chance.choice((0.0, 0.0, 0.3))
        self.nonce = self.chance.random() < 0.5
        self.forgets = self.chance.random() < 0.4  # what is over is soon pruned, on both sides
        self.forgotten = Forgotten()
        self.open_after = self.chance.choice((0.1, 1.0, host.live.policy.OPEN_AFTER))
        self.asks_at_the_end = outcome.seed % 3 == 0
        self.effects: Counter[str] = Counter()
        self.commits: Counter[tuple[str, str]] = Counter()  # by kind of process and database
        self.committed_at: dict[tuple[str, str], float] = {}  # the last one of those; loop's time
        self.ruined: dict[str, str] = {}  # sessions of which somebody damaged or lost a file: which
        # A commit was under way: its journal may bring back a part of the file, in which nobody meets what is missing.
        self.half_undone: set[str] = set()
        self.ruined_at: dict[str, int] = {}  # how many events had been accepted by then
        self.people = People(self._fork(), self.platform, self.chance.randint(6, 14))
        self.topics = topics.of(self)
        self.host: Host | None = None
        self.host_process: Process | None = None
        self._serving: asyncio.Task[None] | None = None
        self._dead: asyncio.Queue[Process] = asyncio.Queue()
        self.boots = 0
        self.ended_at = 0  # ms UTC at which the last host was told to stop
        self.gaps = itertools.count(1)
        self.witness = Witness(self.disk, self.violated)
        self.quiet_within = QUIET_WITHIN
        self.page = self.chance.choice((200, 200, 3))  # rows that one statement reads, on either side
        self._tokens = self._fork()
        self.gap = self._fork()  # chance of what mutants and their conditions ask for
        self.disk.sync_takes = self.chance.choice((0.0, 0.0, 0.002, 0.03, 0.15, 0.5))
        self.disk.restless = self.chance.choice((0.0, 0.1, 0.5))
        if outcome.seed % 8 == 6:
            self.faults.kinds = [*self.faults.kinds, *("ruin",) * 4]

    def _fork(self) -> random.Random:
        """Its own source of chance for each part, so that one part's use does not shift another's."""
        return random.Random(self.chance.getrandbits(64))

    def apart(self, name: str) -> random.Random:
        """Chance of what came later: what was there before goes as it did."""
        return random.Random(f"{name}-{self.outcome.seed}")

    def say(self, text: str) -> None:
        process = current()
        self.outcome.trace.append(
            f"{self.loop.time():10.3f} {process.name if process else 'world':12} {text}"
        )

    def violated(self, law: Law, text: str) -> None:
        self.say(f"VIOLATION {text}")
        self.outcome.violated(law, text)

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
            for wake in list(
                victim.wakers
            ):  # to find themselves dead, before anybody tidies up what they are at
                wake()
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
        self.config = Config.model_validate(self._settings())
        bot = SimBot(self.platform, nonce=self.nonce)
        parts = Parts(Turns(), SimLauncher(self.engine), self.clock.now)
        self.host = Host(self.config, Bots({"sim": bot}), parts)
        self.say(f"{process.name} boots")
        self._serving = start_in(process, self.host.serve(), process.name)

    def _settings(self) -> dict[str, Any]:
        given: dict[str, Any] = {
            "data": str(self.data),
            "access": {"unknown": "allow"},
            "agents": {"default": {"provider": "mock"}},
            "host": {"bells": False, "sweep_every": 10, "poll_slowest": 5, "retention_days": 1},
            "runner": {"stream_idle": 4, "idle_exit": 15, "concurrent_starts": 2},
            "routes": [
                {"channel": "C1", "engage": "always", "session": "channel"},
                {"channel": "*", "engage": "mention", "session": "thread"},
            ],
        }
        for topic in self.topics:
            topic.settings(given)
        return given

    async def keep_up(self) -> None:
        """Whoever restarts the host: an init system, an operator."""
        while True:
            self.boot()
            assert self._serving is not None
            assert self.host_process is not None
            await asyncio.wait([self._serving])
            if self.host_process.alive:
                error = None if self._serving.cancelled() else self._serving.exception()
                if isinstance(error, Full) and self.host is not None and not self.host.started.is_set():
                    self.say(f"the host cannot start: {error}")  # in words; whoever restarts it tries again
                elif error is not None:
                    self.violated(Law.ERRORS, f"the host ended: {error!r}")
                self.host_process.disarm()
                self.host_process.die("ended")
            await asyncio.sleep(self.chance.choice((0.3, 2.0, 15.0)))

    # ── the run ──────────────────────────────────────────────────────────────────────────────────────────

    async def main(self) -> None:
        helpers = [asyncio.create_task(job) for job in (self._undertaker(), self.keep_up())]
        self.platform.hears = self._heard
        for topic in self.topics:
            topic.plan()
        await self.faults.trouble()
        try:
            async with asyncio.timeout(self.quiet_within):
                await self._rest()
        except TimeoutError:
            self.violated(Law.REST, "not everything came to rest")
        await asyncio.sleep(SETTLE)
        if self.asks_at_the_end and not self.outcome.violations:
            await fine.ask_everybody(self)
            await asyncio.sleep(fine.SETTLE)
        helpers[1].cancel()
        assert self.host is not None
        assert self._serving is not None
        self.ended_at = self.clock.now()
        self.host.stop()
        await asyncio.wait([self._serving], timeout=600)
        if not self._serving.done():
            self.violated(Law.REST, "the host does not stop")
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
                if await self._settled(id_):
                    done.add(id_)

    async def _settled(self, message_id: str) -> bool:
        """Asked in the host's own name; a host that ends meanwhile has not answered."""
        host, process, serving = self.host, self.host_process, self._serving
        assert host is not None
        assert process is not None
        assert serving is not None
        if not process.alive or not host.started.is_set():
            return False
        asked = start_in(process, self._over(host, message_id), "settled")
        await asyncio.wait([asked, serving], return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            asked.cancel()
            return False
        error = None if asked.cancelled() else asked.exception()
        return not asked.cancelled() and (error is None or isinstance(error, LookupError))  # at rest

    async def _over(self, host: Host, message_id: str) -> None:
        if not await self._is_held(host, message_id):
            await host.settled(message_id)

    async def _is_held(self, host: Host, message_id: str) -> bool:
        """What is asked of a session whose outbound.db was damaged waits for an operator; that is said, and no more."""
        sql = "SELECT session_id FROM inbox WHERE message_id = ?"
        found = await host.house.records.db.read(lambda c: c.execute(sql, (message_id,)).fetchone())
        return found is not None and self.ruined.get(str(found[0])) == "outbound"

    async def is_held(self, message_id: str) -> bool:
        """Asked in the host's own name, while nobody dies."""
        host, process = self.host, self.host_process
        assert host is not None
        assert process is not None
        asked = start_in(process, self._is_held(host, message_id), "held")
        await asyncio.wait([asked])
        return bool(asked.result())

    def _waits(self, message_id: str) -> bool:
        event = self.platform.acknowledged[message_id]
        aside = event.text.startswith("!aside")  # waits for company, and for no answer
        return event.event_class not in ("edit", "delete", "reaction") and not aside

    # ── what the parts call ──────────────────────────────────────────────────────────────────────────────

    def _heard(self, post: Post) -> None:
        for topic in self.topics:
            topic.hears(post)

    def _rung(self, session_id: str) -> None:
        process = current()
        if process is not None and self.last_words:
            process.arm(1)
            point(f"its last words to {session_id[:5]}")

    def _claiming(self, claim: Callable[..., None]) -> Callable[..., None]:
        """What was said after a channel became what it is, is taken by nobody who has the folder of what it was."""

        def claimed(writer: OutboundWriter, messages: Sequence[MessageIn], turn: str) -> None:
            process = current()
            scope = next((r.scope for r in self.engine.runners if r.process is process), "")
            claim(writer, messages, turn)
            for message in messages:
                now = self.platform.privacy.get(message.address.platform_id, "")
                said = self.platform.acknowledged.get(message.id)
                if said is None or said.privacy != now or f"-{now}" in scope:
                    continue
                if self.platform.changed_at < self.platform.acknowledged_at[message.id]:
                    self.violated(Law.SCOPE, f"{message.id} is {now}, and taken in {scope}")

        return claimed

    def stopped(self, session_id: str, verdict: str) -> None:
        """The host says why it stops a runner."""
        if verdict in ("stop_hung", "stop_stuck", "stop_idle"):
            for runner in self.engine.live():
                hung = runner.process.hung_at is not None
                if runner.session_id == session_id and not hung and self.loop.time() - runner.born < 60:
                    self.violated(Law.ALIVE, f"{runner.process.name} is stopped as {verdict}, and is well")

    def _write_locked(self, process: Process, path: str) -> None:
        self._began_as[process, path] = self.engine.latest.get(path, "")

    def _committed(self, process: Process, path: str) -> None:
        """Who took the lock in time may end its commit: whoever comes next finds what it wrote."""
        self.outcome.counted["commits"] += 1
        self.commits[process.kind, path] += 1
        self.committed_at[process.kind, path] = self.loop.time()
        if process.kind != "runner" or not path.endswith("outbound.db"):
            return
        started = next((r.incarnation for r in self.engine.runners if r.process is process), "")
        if started != self._began_as.pop(
            (process, path), started
        ):  # without one it rolled back what another had begun
            self.violated(Law.FENCED, f"{process.name} commits though its incarnation is dead")

    def _watched(self, writing: Callable[[InboundWriter], Any]) -> Callable[[InboundWriter], Any]:
        """At every commit: the watermark passes only what is done, and what is settled has been read."""
        witness = self.witness

        @contextlib.contextmanager
        def watched(writer: InboundWriter) -> Iterator[None]:
            with writing(writer):
                witness.begins(writer)
                yield
                opened = min((parcel.seq for parcel in writer.open_parcels()), default=None)
                if opened is not None and writer.mark("delivery_watermark") >= opened:
                    self.violated(Law.WATERMARK, f"the watermark has passed {opened}, which is not done")
                witness.settled(writer)

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

        rename = host.mailbox.open._rename

        def set_aside(path: Path, now: int) -> str:
            kept = rename(path, now)
            self.disk.renamed(str(path), str(path.with_name(kept)))
            return kept

        def kill(pid: int, number: int) -> None:
            process = current()
            assert process is not None
            assert number == signal.SIGKILL
            process.fuse = 1
            process.point("kills itself")

        waiting = SimpleNamespace(monotonic=self.loop.time, sleep=self.disk.waits, thread_time=lambda: 0.0)
        with contextlib.ExitStack() as stack:
            for target, name, value in (
                (sessiondb.connection, "vfs", NAME),
                (sessiondb.connection, "sync", self.disk.sync),
                (sessiondb.connection, "time", waiting),
                (sessiondb.connection, "FINE", TRY),
                (runner.inbound, "time", waiting),
                (secrets, "token_hex", self.token),
                (host.delivery.service, "random", SimpleNamespace(Random=self._fork)),
                (sessiondb.signals, "time", SimpleNamespace(time_ns=lambda: self.clock.now() * 1_000_000)),
                (host.folders.share, "_begun", _in_a_later_turn),
                (host.folders.share, "time", waiting),
                (host.live.policy, "OPEN_AFTER", self.open_after),
                (host.delivery.collect, "time", SimpleNamespace(thread_time=lambda: 0.0)),
                (host.live.progress, "time", SimpleNamespace(thread_time=lambda: 0.0)),
                (host.mailbox.outbound, "time", SimpleNamespace(thread_time=lambda: 0.0)),
                (host.mailbox.outbound, "ROWS_PER_READ", self.page),
                (host.mailbox.open, "_rename", set_aside),
                (runner.inbound, "PAGE", self.page),
                (runner.claims, "PAGE", self.page),
                (OutboundWriter, "claim", self._claiming(OutboundWriter.claim)),
                (InboundWriter, "settle", self.witness.noting(InboundWriter.settle)),
                (InboundWriter, "writing", self._watched(InboundWriter.writing)),
                (runner.providers.mock, "mock_append", mock_append),
                (runner.providers.mock, "os", SimpleNamespace(kill=kill, getpid=lambda: 0)),
            ):
                stack.enter_context(mock.patch.object(target, name, value))
            theirs = [patch for topic in self.topics for patch in topic.patches()]
            soon = self.forgotten.soon() if self.forgets else ()
            for patch in [*self.forgotten.patches(), *soon, *theirs, *more]:
                refuse_misfit(patch)
                stack.enter_context(mock.patch.object(*patch))
            yield


def _in_a_later_turn(call: Callable[[], Any], over: Callable[[], None]) -> asyncio.Future[Any]:
    """As `share._begun`, whose threads know nothing of virtual time."""
    begun = asyncio.get_running_loop().run_in_executor(None, call)
    begun.add_done_callback(lambda _: over())
    return begun
