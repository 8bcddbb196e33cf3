"""A host with Claude agents whose Messages API is the fake: real runner processes, real HTTP, real SSE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw

from host.ports.events import EventClass
from host.runners.launch.base import Launcher
from sessiondb import Step, Unavailable
from sessiondb.connection import open_reader
from tests.fakes.model_api import FakeModelAPI
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.dovecote import runners_in
from tests.support.hosting import config, serving


class Talk:
    """One channel of one host."""

    def __init__(self, api: FakeModelAPI, bot: MemoryBot, data: Path) -> None:
        self.api = api
        self.bot = bot
        self.data = data

    async def say(self, text: str, **more: Any) -> None:
        await self.bot.say("c", text, **more)

    async def replies(self, count: int) -> list[str]:
        """What was said once there is so much of it."""
        await self.bot.until(lambda: len(self.bot.said("c")) >= count)
        return self.bot.said("c")

    async def ask(self, text: str) -> str:
        before = len(self.bot.said("c"))
        await self.say(text)
        return (await self.replies(before + 1))[-1]

    async def click(self, choice: str) -> None:
        """On the latest question."""
        question = next(sent.question for sent in reversed(self.bot.sent) if sent.question)
        more = {"event_class": EventClass.ANSWER, "natural_id": question, "refers_to": question}
        await self.say("", value=choice, **more)

    async def claimed(self, count: int) -> None:
        """Waits until the runner has claimed so many messages."""
        await self.eventually(lambda: len(self._query("SELECT 1 FROM processing_ack")) >= count)

    async def eventually(self, condition: Callable[[], object]) -> None:
        """For what happens in another process: there is nothing to wait on but the world itself."""
        async with asyncio.timeout(TIMEOUT):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def runner_pids(self) -> list[int]:
        return runners_in(self.data)

    def steps(self) -> list[Step]:
        sql = "SELECT step, turn, kind, tool_use_id, state, content FROM transcript ORDER BY step"
        return [Step(*row) for row in self._query(sql)]

    def workspace(self) -> Path:
        [path] = self.data.glob("sessions/*/work")
        return path

    def shared(self) -> Path:
        [path] = self.data.glob("workspaces/*/*")
        return path

    def _query(self, sql: str) -> list[Any]:
        [path] = self.data.glob("sessions/*/outbound/outbound.db")
        try:
            connection = open_reader(path)
            try:
                return connection.execute(sql).fetchall()
            finally:
                connection.close()
        except (Unavailable, apsw.BusyError):
            return []


@asynccontextmanager
async def talking(
    api: FakeModelAPI,
    data: Path,
    options: dict[str, Any] | None = None,
    sections: dict[str, Any] | None = None,
    launcher: Launcher | None = None,
    **agent: Any,
) -> AsyncIterator[Talk]:
    """`agent` and its `options` are added to the default agent's, `sections` to the configuration."""
    told = {"provider": "claude", "options": {"retries": 1, **(options or {})}, **agent}
    own = {"model": {"base_url": api.base_url}, **(sections or {})}
    settings = config(data, agents={"default": told}, **own)
    async with serving(settings, launcher=launcher) as (_, bot):
        yield Talk(api, bot, data)
