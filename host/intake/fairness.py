"""Nobody waits for somebody else's flood: of one address so many events are admitted at a time, in the order in which they came,
and while people speak elsewhere, too, a flood leaves host.db to them for as long as it has had it.

What is behind them is not durable yet, and its platform is not told: it holds back, or delivers again. A crash loses nothing
here, for nothing is kept but who waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sessiondb import Address

AT_ONCE = (
    2  # of one address in one commit of host.db; with eight another session's trip took half as long again
)
LATELY = 1.0  # s for which somebody who spoke elsewhere is taken to go on
LONGEST_REST = 0.02  # s between two commits of a flood: on a slow disk others wait for the disk, not for it


@dataclass
class _Gate:
    users: int = 0
    inside: int = 0
    called: int = 0  # of these: whose turn has come, and who has not run since
    entered_at: float = 0.0  # s of the loop's clock, of whoever came in last
    rests: bool = False
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Gates:
    def __init__(self) -> None:
        self._gates: dict[Address, _Gate] = {}
        self._latest: Address | None = None
        self._mixed_at = float(
            "-inf"
        )  # s of the loop's clock: when two came one after the other from two addresses

    @asynccontextmanager
    async def through(self, address: Address) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        if self._latest not in (None, address):
            self._mixed_at = loop.time()
        self._latest = address
        gate = self._gates.setdefault(address, _Gate())
        gate.users += 1
        try:
            await self._enter(gate, loop)
            try:
                yield
            finally:
                self._leave(gate, loop)
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[address]

    async def _enter(self, gate: _Gate, loop: asyncio.AbstractEventLoop) -> None:
        turn: asyncio.Future[None] = loop.create_future()
        gate.waiting.append(turn)
        if not gate.rests:
            self._open(gate, loop)
        try:
            if turn.done() and gate.called > 1:  # those go first
                await asyncio.sleep(0)
            await turn
        except asyncio.CancelledError:
            if turn in gate.waiting:
                gate.waiting.remove(turn)
            elif not turn.cancelled():  # it had been let in
                gate.called -= 1
                self._leave(gate, loop)
            raise
        gate.called -= 1

    def _open(self, gate: _Gate, loop: asyncio.AbstractEventLoop) -> None:
        gate.rests = False
        while gate.waiting and gate.inside < AT_ONCE:
            turn = gate.waiting.popleft()
            if turn.done():  # cancelled, and whoever waits for it has not heard yet
                continue
            turn.set_result(None)
            gate.inside += 1
            gate.called += 1
            gate.entered_at = loop.time()

    def _leave(self, gate: _Gate, loop: asyncio.AbstractEventLoop) -> None:
        gate.inside -= 1
        now = loop.time()
        if not gate.waiting or now - self._mixed_at > LATELY:
            return self._open(gate, loop)
        gate.rests = True  # those inside leave together, by one commit, and the next come together
        if not gate.inside:
            loop.call_later(min(now - gate.entered_at, LONGEST_REST), self._open, gate, loop)
        return None
