"""Engines that do not do at once what they are told."""

from __future__ import annotations

import asyncio

from host.runners.launch.base import Runner
from host.runners.launch.process import ProcessLauncher


class SlowToStop(ProcessLauncher):
    """An engine that takes an order to stop and does not come back for long."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = asyncio.Event()
        self.comes_back = asyncio.Event()

    async def stop(self, runner: Runner, grace: float) -> None:
        self.hangs.set()
        await self.comes_back.wait()
        await super().stop(runner, grace)
