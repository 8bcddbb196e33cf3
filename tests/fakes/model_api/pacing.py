"""Gates: the test decides when the server goes on, so nothing has to sleep."""

import asyncio


class Gate:
    """Lets one waiter through per released pass, or everyone once opened.

    `await gate.reached(n)` returns when the server has come to the gate for the n-th time, so a test can look
    at what the client holds while the server provably sends nothing more.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._passes = 0
        self._open = False
        self._arrivals = 0

    async def wait(self) -> None:
        """The server's side: come to the gate and wait for a pass."""
        async with self._changed:
            self._arrivals += 1
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._open or self._passes > 0)
            if not self._open:
                self._passes -= 1

    async def release(self, passes: int = 1) -> None:
        async with self._changed:
            self._passes += passes
            self._changed.notify_all()

    async def open(self) -> None:
        async with self._changed:
            self._open = True
            self._changed.notify_all()

    async def reached(self, arrivals: int = 1) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._arrivals >= arrivals)
