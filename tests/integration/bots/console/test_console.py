"""The console shows what an owner is asked to decide; whoever sits there is one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bots.console import ConsoleBot
from bots.console.transcript import Line
from host.ports.bot import Decision, Delivery, Shown
from sessiondb import Address, content
from tests.support.discording import Notebook


class _Paper:
    """A screen that keeps what it was given, until it is told to end."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Line]] = []
        self.left = asyncio.Event()

    def said(self, channel: str, line: Line) -> None:
        self.lines.append((channel, line))

    def progress(self, shown: Shown) -> None:
        return

    async def serve(self, bot: ConsoleBot) -> None:
        await self.left.wait()


async def test_a_number_decides_and_anything_else_is_a_message(tmp_path: Path) -> None:
    notebook, paper = Notebook(), _Paper()
    notebook.controls.owners = ("you",)
    bot = ConsoleBot(tmp_path, "you", paper)
    ready = asyncio.Event()
    running = asyncio.create_task(bot.run(notebook, ready.set))
    await ready.wait()
    [payload] = bot.render(content.Text("Let Sam in?"))
    decision = Decision("r1", (("allow", "Allow"), ("deny", "Deny")))
    asked = Delivery("k1", Address("console", "local", ""), payload, private_to="you", decision=decision)
    await bot.send(asked)
    assert [(channel, line.options) for channel, line in paper.lines] == [("main", ("Allow", "Deny"))]
    assert await bot.lookup(asked) is not None

    said = await bot.say("main", "who is Sam?")
    assert notebook.events[0].message_id == said.message_id
    assert notebook.controls.ordered == []
    decided = await bot.say("main", "1")
    assert (decided.message_id, decided.reason) == ("", "r1: allow")
    assert notebook.controls.ordered == [("you", "decide", "r1", "allow")]
    assert await bot.settled(decided) == ""
    await bot.say("main", "2")
    assert [event.text for event in notebook.events] == ["who is Sam?", "2"]
    paper.left.set()
    await running

    again = asyncio.create_task(ConsoleBot(tmp_path, "you", paper).run(notebook, ready.set))
    await again
    assert [event.text for event in notebook.events] == ["who is Sam?", "2"]
