"""The nodes, each with a data folder and a wire of its own and begun again whenever it ends, and the database of them all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from host.cli.ending import NothingFoundError
from host.cli.nodes import drain
from host.folders import share
from host.registry import nodes
from sessiondb import SessionError
from tests.chaos import bot
from tests.chaos.faults import Fault
from tests.chaos.wire import Wire
from tests.support import clocks
from tests.support.postgres import Server
from tests.support.sharing import Node

APART = 3_600_000  # ms between the clocks of one node and the next
AGAIN = 1.0  # s after which whoever looks after a service begins it again
DEADLINE = 60.0  # s in which somebody is to serve
LOOK = 0.1  # s between two looks


class Nodes:
    """`happened` is called with the moment at which something was done to them."""

    def __init__(
        self, folder: Path, server: Server, count: int, happened: Callable[[], None], *, share: bool
    ) -> None:
        self._share = share
        self.platform = folder / "platform"
        self._shared = folder / "shared"
        self._server = server
        self._url = server.database()
        self._happened = happened
        self._wires: list[Wire] = []
        self._nodes: list[Node] = []
        self._ending = False
        for number in range(count):
            wire = Wire(folder / f"wire{number}", server.folder)
            url = self._url.replace(f"host={server.folder}", f"host={wire.folder}")
            self._wires.append(wire)
            self._nodes.append(Node(self.platform, folder / f"node{number}", url, bot.serve))

    async def serving(self) -> list[int]:
        """The numbers of the nodes that serve; waits for one."""
        async with asyncio.timeout(DEADLINE):
            while True:
                with contextlib.suppress(RuntimeError):
                    ids = await asyncio.to_thread(
                        self._server.says, self._url, "SELECT id FROM nodes_seen WHERE serves = 1"
                    )
                    found = [n for n, one in enumerate(self._nodes) if nodes.named(one.data) in ids.split()]
                    if found:
                        return found
                await asyncio.sleep(LOOK)

    async def suffer(self, fault: Fault) -> None:
        """Returns when it is over."""
        if fault.what == "restart":
            await self._restart()
            return
        serving = await self.serving()
        idle = [number for number in range(len(self._nodes)) if number not in serving]
        among = serving if fault.serving or not idle else idle
        hit = among[int(fault.which * len(among))]
        node, wire = self._nodes[hit], self._wires[hit]
        self._happened()
        match fault.what:
            case "kill":
                await node.kill()
            case "drain":
                await self._drain(node, ends=hit in serving)
            case "stop":
                node.signal(signal.SIGSTOP)
                await asyncio.sleep(fault.lasts)
                node.signal(signal.SIGCONT)
            case mood:
                wire.become(mood)
                await asyncio.sleep(fault.lasts)
                wire.become("well")
        self._happened()

    async def _drain(self, node: Node, *, ends: bool) -> None:
        """One that serves ends in order, and is a candidate again once it has; one that stands by goes on."""
        ended = node.process
        with contextlib.suppress(NothingFoundError, SessionError):  # no other could serve at this moment
            await asyncio.to_thread(drain, node.data, nodes.named(node.data), undo=False)
            if ended is not None and ends:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DEADLINE):
                        await ended.wait()
        with contextlib.suppress(NothingFoundError, SessionError):
            await asyncio.to_thread(drain, node.data, nodes.named(node.data), undo=True)

    def files(self, name: str) -> list[Path]:
        """Of that name, in the workspaces as whoever goes on with them has them."""
        if self._share:
            return list(self._shared.rglob(name))
        rows = self._server.says(self._url, "SELECT node, place FROM packed WHERE session_id = ''").split()
        latest = dict(row.split("|")[::-1] for row in rows)
        of = {nodes.named(node.data): node.data for node in self._nodes}
        return [path for place, node in latest.items() for path in (of[node] / place).rglob(name)]

    async def _restart(self) -> None:
        self._happened()
        await asyncio.to_thread(self._server.stop)
        await asyncio.to_thread(self._server.start)
        self._happened()

    async def _look_after(self, node: Node) -> None:
        while not self._ending:
            node.start()
            assert node.process is not None
            await node.process.wait()
            await asyncio.sleep(AGAIN)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        self.platform.mkdir()
        self._shared.mkdir()
        if self._share:
            (self._shared / share.MARK).touch()
        looking = []
        try:
            for number, (wire, node) in enumerate(zip(self._wires, self._nodes, strict=True)):
                await wire.lay()
                node.lay()
                clocks.set_clock(node.data, number * APART)
                looking.append(asyncio.create_task(self._look_after(node)))
            yield
        finally:
            self._ending = True
            for task in looking:
                task.cancel()
            for node in self._nodes:
                if node.process is not None and node.process.returncode is None:
                    await node.kill()
                for pid in node.runners():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            for wire in self._wires:
                await wire.close()


def back_within() -> float:
    """s in which a conversation answers again, whatever happened."""
    from host.registry import leases  # an extra's, where there is one

    return leases.LEASE + leases.GRACE + 5.0
