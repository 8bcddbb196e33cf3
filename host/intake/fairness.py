"""Nobody waits for somebody else's flood: of one address so many events are admitted at a time, in the order in which they came.

What is behind them is not durable yet, and its platform is not told: it holds back, or delivers again. A crash loses nothing
here, for nothing is kept but who waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sessiondb import Address

AT_ONCE = (
    2  # of one address in one commit of host.db; with eight another session's trip took half as long again
)


@dataclass
class _Gate:
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    users: int = 0


class Gates:
    def __init__(self) -> None:
        self._gates: dict[Address, _Gate] = {}

    @asynccontextmanager
    async def through(self, address: Address) -> AsyncIterator[None]:
        gate = self._gates.setdefault(address, _Gate())
        gate.users += 1
        try:
            async with gate.places:
                yield
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[address]
