"""Several hosts on one database: what each holds, and what becomes of that when one is killed, stopped, cut off or drained."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import host.mailbox.moving
import host.mailbox.open
import host.mailbox.restoring
import host.registry.hints
import host.registry.leases
import host.registry.nodes
import host.registry.placing
import host.registry.postgresql
import host.registry.standby
import host.registry.stones
import host.registry.ties
import host.upkeep.giving_back
import host.upkeep.taking_up
import sessiondb.lease
from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.mailbox import copies
from host.ports.bot import Bots
from host.registry.placing import Load, chosen
from host.registry.port import Statements
from host.registry.sessions import Session
from sessiondb import SessionFolder, Unavailable
from tests.simulation.clock import Turns, VirtualLoop
from tests.simulation.launcher import Engine, SimLauncher, SimRunner
from tests.simulation.load import PLACES, People
from tests.simulation.nodes.faults import Faults
from tests.simulation.nodes.platform import SharedBot, SharedPlatform
from tests.simulation.nodes.server import Connection, Server
from tests.simulation.nodes.threads import threading_of
from tests.simulation.outcome import Law, Outcome
from tests.simulation.patches import Patch
from tests.simulation.processes import Process, alone, current, start_in
from tests.simulation.processes import _current as running
from tests.simulation.world import World

URL = "postgresql://simulated"
LOOK = 2.0  # s between two looks for places; a run has hours of them
IDLE = 5_000  # ms after which a place is given back
SOON = 3_600_000  # ms; what is due later is to be cleared away one day, and no more
SETTLE = 60.0  # s for late posts
QUIET_WITHIN = 3600.0


@dataclass(eq=False)
class Node:
    """A machine: a data folder, an engine of its own, and a clock."""

    name: str
    data: Path
    engine: Engine
    ahead: int  # ms that its clock is
    host: Host | None = None
    process: Process | None = None
    serving: asyncio.Task[None] | None = None
    keeper: asyncio.Task[None] | None = None


class OneEngine(Engine):
    """Of one node; what runs anywhere stands in `runners`, which all of them share."""

    node = ""

    def live(self) -> list[SimRunner]:
        return [runner for runner in super().live() if runner.process.node == self.node]


class Nodes(World):
    def __init__(self, outcome: Outcome, loop: VirtualLoop, data: Path) -> None:
        super().__init__(outcome, loop, data)
        self.topics = []
        self.forgets = False
        self.quiet_within = QUIET_WITHIN
        self.disk._pause = self._pause
        self.disk.sync_takes = min(self.disk.sync_takes, 0.03)
        platform = self.platform = self.shared = SharedPlatform(self._fork(), self.say)
        platform.broke = self.violated
        platform.lags = self.apart("lags").choice((0.0, 0.0, 4.0))
        places = (*PLACES, ("D2", ""), ("D3", ""), ("C3", "t1"), ("C4", "t1"))
        self.people = People(self._fork(), platform, self.chance.randint(8, 16), places)
        self.server = Server(self._fork(), self._database_now, self.disk.waits)
        self.server.committed = self._kept
        self.server.again = self.chance.choice((0.0, 0.05, 0.3))
        self.server.loses = self.chance.choice((0.0, 0.0, 0.02))
        self.server.takes = self.chance.choice((0.001, 0.001, 0.02))
        self.nodes = [self._node(f"node-{letter}") for letter in "abc"[: self.chance.choice((2, 2, 3))]]
        self._ids: dict[str, str] = {}
        self.opinions = self.apart("opinions")
        self.agreed = (
            self.opinions.random() < 0.3
        )  # by the product's own rule; else each node thinks what it likes
        self.trouble = Faults(self, self._fork())

    def _node(self, name: str) -> Node:
        data, ahead = self.data / name, self.chance.choice((0, 0, 700, -40_000, 3_600_000))
        data.mkdir()
        engine = OneEngine(
            self._fork(),
            lambda: self.clock.now() + ahead,
            lambda kind, title: self._of(name, kind, title),
            self.say,
        )
        engine.node = name
        engine.runners, engine.latest = self.engine.runners, self.engine.latest
        engine.broke, engine.hear = self.violated, self._rung
        engine.adopts, engine.locks = self.engine.adopts, self.engine.locks
        return Node(name, data, engine, ahead)

    def _of(self, node: str, kind: str, title: str) -> Process:
        process = self._process(kind, f"{title} of {node}" if kind != "host" else title)
        process.node = node
        return process

    def _database_now(self) -> int:
        return self.clock.now()

    # ── life and death ───────────────────────────────────────────────────────────────────────────────────

    def _died(self, process: Process, label: str) -> None:
        super()._died(process, label)
        self._resume(process)

    def stop_for(self, process: Process, seconds: float) -> None:
        """SIGSTOP, and SIGCONT later. What others do, and its clock, go on."""
        self.say(f"{process.name} is stopped for {seconds} s")
        process.held_until = self.loop.time() + seconds
        self.loop.hold(process)
        self.loop.call_later(seconds, self._resume, process, context=contextvars.Context())

    def _resume(self, process: Process) -> None:
        if process.held_until and (not process.alive or self.loop.time() >= process.held_until):
            process.held_until = 0.0
            self.loop.let_go(process)

    def _pause(self, seconds: float, wakers: list[Callable[[], None]] | None = None) -> None:
        self.loop.pause(seconds, wakers)
        process = current()
        while process is not None and process.alive and process.held_until:
            self.loop.pause(process.held_until - self.loop.time() + 0.001, wakers)

    def boot_node(self, node: Node) -> None:
        self.boots += 1
        process = node.process = self._of(node.name, "host", f"host-{self.boots} of {node.name}")
        settings = {
            **self._settings(),
            "data": str(node.data),
            "cluster": {"database": URL, "workspaces": str(self.data / "shared")},
        }
        bot = SharedBot(self.shared, nonce=self.nonce, allowed=self.acts)
        parts = Parts(Turns(), SimLauncher(node.engine), lambda: self.clock.now() + node.ahead)
        node.host = Host(Config.model_validate(settings), Bots({"sim": bot}), parts)
        self.say(f"{process.name} boots")
        node.serving = start_in(process, node.host.serve(), process.name)

    async def keep_node_up(self, node: Node) -> None:
        while True:
            self.boot_node(node)
            assert node.serving is not None
            assert node.process is not None
            await asyncio.wait([node.serving])
            if node.process.alive:
                error = None if node.serving.cancelled() else node.serving.exception()
                if error is not None:
                    self.say(f"the host of {node.name} ended: {error!r}")
                if error is not None and not isinstance(error, Unavailable):
                    self.violated(Law.ERRORS, f"the host of {node.name} ended: {error!r}")
                node.process.disarm()
                node.process.die("ended")
            await asyncio.sleep(self.chance.choice((0.3, 2.0, 15.0)))

    # ── the run ──────────────────────────────────────────────────────────────────────────────────────────

    async def main(self) -> None:
        (self.data / "shared").mkdir()
        (self.data / "shared" / ".dovecote").touch()
        undertaker = asyncio.create_task(self._undertaker())
        for node in self.nodes:
            node.keeper = asyncio.create_task(self.keep_node_up(node))
        await self.trouble.run()
        try:
            async with asyncio.timeout(self.quiet_within):
                await self._rest()
        except TimeoutError:
            self.violated(Law.REST, f"not everything came to rest: {self._unrest()}")
        await asyncio.sleep(SETTLE)
        self.ended_at = self.clock.now()
        [(moved,)] = self.server.rows(
            "SELECT coalesce(sum(epoch) - count(*), 0) FROM placements WHERE epoch > 1"
        )
        self.outcome.counted["places taken again"] += int(moved)
        [(given,)] = self.server.rows("SELECT count(*) FROM placements WHERE last <> ''")
        self.outcome.counted["places given back"] += int(given)
        for node in self.nodes:
            assert node.keeper is not None
            assert node.host is not None
            assert node.serving is not None
            node.keeper.cancel()
            node.host.stop()
            await asyncio.wait([node.serving], timeout=600)
            if not node.serving.done():
                self.violated(Law.REST, f"the host of {node.name} does not stop")
        undertaker.cancel()

    async def _rest(self) -> None:
        quiet = 0
        while quiet < 2:
            await asyncio.sleep(10)
            quiet = 0 if self._unrest() else quiet + 1

    def _unrest(self) -> dict[str, Any]:
        """What is still to be done, by what."""
        found: dict[str, Any] = {
            "events": self.platform.waiting,
            "stored": self.server.rows("SELECT message_id FROM inbox WHERE state = 'routed'"),
            "sessions": self.server.rows("SELECT id FROM sessions WHERE busy = 1"),
            "notices": self.server.rows("SELECT about FROM notices WHERE state NOT IN ('sent', 'failed')"),
            "tasks": self.server.rows(
                "SELECT session_id, at FROM due WHERE at <= ?", (self.clock.now() + SOON,)
            ),
        }
        return {what: left for what, left in found.items() if left}

    # ── what must hold at each moment ────────────────────────────────────────────────────────────────────

    def acts(self, place: tuple[str, ...], what: str) -> None:
        """Somebody is about to do what people see."""
        process = current()
        if process is not None and (holder := self.server.holder(place)) not in (None, self._id(process)):
            self.violated(
                Law.OVER, f"{process.name} does “{what}” in {place[2]}, which {holder} holds by now"
            )

    def id_of(self, name: str) -> str:
        if not self._ids.get(name):
            self._ids[name] = host.registry.nodes.named(self.data / name)
        return self._ids[name]

    def _id(self, process: Process) -> str:
        return self.id_of(process.node)

    def _kept(self, process: Process) -> None:
        if not self.server.is_live(process, self._id(process)):
            self.violated(Law.OVER, f"{process.name} commits to the registry, though it is over")
        for session, seq in self.server.rows(_UNCOPIED):
            self.violated(
                Law.COPIED, f"row {seq} of {session} is on its way, and no other node would know of it"
            )

    def _committed(self, process: Process, path: str) -> None:
        super()._committed(process, path)
        if process.kind != "runner" or not path.endswith("outbound.db"):
            return
        session = Path(path).parent.parent.name
        for other in self.engine.runners:
            if other.session_id == session and other.process.alive and other.process.node != process.node:
                self.violated(Law.ALONE, f"{process.name} and {other.process.name} both work on {session}")

    def _using(self, guarded: Callable[..., Any]) -> Callable[..., Any]:
        def used(writer: Any, session: Session, function: Callable[..., Any]) -> Any:
            process = current()
            if process is not None and self.server.is_live(process, self._id(process)):
                holder = self.server.holder(session.address)
                if holder != self._id(process):
                    self.violated(
                        Law.ALONE, f"{process.name} uses the files of {session.id}, which {holder} holds"
                    )
            return guarded(writer, session, function)

        return used

    def _dropping(self, drop: Callable[..., None]) -> Callable[..., None]:
        def dropped(connection: Statements, session_id: str) -> None:
            if connection.execute(_REMEMBERED, (session_id,)).fetchone():
                self.violated(Law.COPIED, f"{session_id} was copied whole, and is begun anew")
            drop(connection, session_id)

        return dropped

    def _chosen(self, own: Load, others: Sequence[Load], needed: frozenset[str], last: str) -> str:
        """Whoever a node thinks should have a place: it is harmless."""
        if self.agreed:
            return chosen(own, others, needed, last)
        return self.opinions.choice([own.node, *(one.node for one in others)])

    # ── what stands in for the machine ───────────────────────────────────────────────────────────────────

    def _clear(self, folder: SessionFolder) -> None:
        for part in (folder.outbound, folder.inbound):
            self.disk.removed(f"{part}/")
            shutil.rmtree(part, ignore_errors=True)

    def _named(self, named: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        def renamed(path: Path, name: Path) -> None:
            self.disk.renamed(str(path), str(name))
            named(path, name)

        return renamed

    def _begun(self, begun: Callable[..., Any]) -> Callable[..., Any]:
        def anew(folder: SessionFolder, path: Path) -> Any:
            self.disk.removed(str(path))
            return begun(folder, path)

        return anew

    @contextlib.contextmanager
    def patched(self, more: list[Patch]) -> Iterator[None]:
        threading = threading_of(self._pause)
        registry = host.registry
        waiting = SimpleNamespace(monotonic=self.loop.time, sleep=self.disk.waits)
        boot_time = SimpleNamespace(clock_gettime=lambda _: self.loop.time(), CLOCK_BOOTTIME=0)

        def hostname() -> str:
            process = current()
            return process.node if process is not None else ""

        with contextlib.ExitStack() as stack:
            for target, name, value in (
                (registry.postgresql, "connect", self.server.connect),
                (registry.stones, "lay", lambda connection: None),
                (registry.stones, "have_told", lambda connection: None),
                (registry.postgresql, "migrate", lambda connection: None),
                (registry.postgresql, "time", waiting),
                (registry.postgresql, "random", self.apart("attempts")),
                (registry.leases, "threading", threading),
                (registry.ties, "threading", threading),
                (registry.standby, "threading", threading),
                (registry.standby, "listening", self.server.listen),
                (registry.standby, "heard", heard),
                (registry.hints, "listening", self.server.listen),
                (registry.hints, "heard", heard),
                (registry.nodes, "socket", SimpleNamespace(gethostname=hostname)),
                (sessiondb.lease, "time", boot_time),
                (host.upkeep.taking_up, "LOOK", LOOK),
                (registry.placing, "chosen", self._chosen),
                (host.upkeep.giving_back, "EVERY", LOOK),
                (host.upkeep.giving_back, "IDLE", IDLE),
                (host.mailbox.moving, "clear", self._clear),
                (host.mailbox.restoring, "_named", self._named(host.mailbox.restoring._named)),
                (host.mailbox.restoring, "_begun", self._begun(host.mailbox.restoring._begun)),
                (host.mailbox.open, "_guarded", self._using(host.mailbox.open._guarded)),
                (copies, "drop", self._dropping(copies.drop)),
            ):
                stack.enter_context(mock.patch.object(target, name, value))
            stack.enter_context(super().patched(more))
            yield


@contextlib.contextmanager
def heard(connection: Connection | None, hint: asyncio.Event) -> Iterator[None]:
    """As `hints.heard`, of a connection without a socket."""
    if connection is None:
        yield
        return
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    connection.hint = lambda: loop.call_soon(hint.set, context=context)
    if connection.told:
        hint.set()
    try:
        yield
    finally:
        connection.hint = lambda: None


def owner(context: contextvars.Context) -> Process | None:
    """As `alone`; who is stopped has all of its callbacks wait."""
    process = context.get(running)
    return process if process is not None and process.held_until else alone(context)


_UNCOPIED = """
SELECT session_id, seq FROM ledger WHERE state IN ('pending', 'sending') AND seq % 2 = 1 AND NOT EXISTS (
    SELECT 1 FROM mailbox_copies WHERE mailbox_copies.session_id = ledger.session_id AND part = 'out' AND number = seq)
"""
_REMEMBERED = (
    "SELECT 1 FROM sessions JOIN mailbox_copies ON session_id = id"
    " WHERE id = ? AND carried <> '' AND part = 'step' LIMIT 1"
)
