"""Having an agent call its tools: the mock's script, in one channel."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from host.ports.events import EventClass, Ingested
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving

SHELL = ["bash", "view_file", "create_file", "edit_file"]


class Caller:
    def __init__(self, bot: MemoryBot, data: Path) -> None:
        self.bot = bot
        self.data = data

    async def call(self, *calls: tuple[str, dict[str, Any]]) -> str:
        """The results of these calls of one turn."""
        before = len(self.bot.said("c"))
        lines = [f"@@call {name} {json.dumps(arguments)}" for name, arguments in calls]
        await self.bot.say("c", "\n".join([*lines, "@@results"]))
        await self.bot.until(lambda: len(self.bot.said("c")) > before)
        return self.bot.said("c")[-1]

    async def answer(self, value: str, **who: Any) -> Ingested:
        question = self.bot.sent[-1].question
        more = {"event_class": EventClass.ANSWER, "natural_id": question, "refers_to": question}
        return await self.bot.say("c", "", value=value, **more, **who)

    @property
    def workspace(self) -> Path:
        [found] = self.data.glob("sessions/*/work")
        return found

    @property
    def shared(self) -> Path:
        [found] = self.data.glob("workspaces/*/*")
        return found


@asynccontextmanager
async def calling(data: Path, **options: Any) -> AsyncIterator[Caller]:
    async with serving(config(data, agents={"default": {"options": options}})) as (_, bot):
        yield Caller(bot, data)
