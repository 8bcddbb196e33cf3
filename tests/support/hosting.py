"""Running a real host in the test's own loop, with real runner processes and a platform in memory."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.folders.disk import ThreadDisk
from host.ports.bot import Bots
from host.runners.launch.base import Launcher
from sessiondb import SessionError
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.forking import ForkedLauncher


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def ended(error: SessionError) -> None:
    """For a registry to call that nobody is to take over."""
    raise AssertionError(error)


def config(data: Path, **sections: Any) -> Config:
    """Everybody is let in and money is no object, unless a test says otherwise."""
    access = {"unknown": "allow", **sections.pop("access", {})}
    model = {"budget_usd_per_day": math.inf, **sections.pop("model", {})}
    return Config.model_validate({"data": str(data), "access": access, "model": model, **sections})


@asynccontextmanager
async def serving(
    settings: Config,
    bot: MemoryBot | None = None,
    launcher: Launcher | None = None,
    now: Callable[[], int] = now_ms,
    **parts: Any,
) -> AsyncIterator[tuple[Host, MemoryBot]]:
    """A host that is up, and its bot; stopped gracefully at the end."""
    bot = bot or MemoryBot()
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    disk = ThreadDisk()
    made = Parts(disk, launcher or ForkedLauncher(), now, **parts)
    host = Host(settings, Bots({bot.channel_type: bot}), made)
    task = asyncio.create_task(host.serve())
    try:
        async with asyncio.timeout(TIMEOUT):
            started = asyncio.create_task(host.started.wait())
            await asyncio.wait({started, task}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():  # it never began
                started.cancel()
                task.result()
        yield host, bot
    finally:
        host.stop()
        async with asyncio.timeout(TIMEOUT):
            await task
        disk.close()
