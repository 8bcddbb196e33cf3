"""One seed of chaos: people talk all the while, faults come one after the other, and then everything is awaited."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.chaos import judge
from tests.chaos.bot import WHILE_WRITTEN
from tests.chaos.faults import Fault, faults
from tests.chaos.judge import Post, Trouble
from tests.chaos.nodes import Nodes
from tests.chaos.talk import CHOICES, Message, messages
from tests.support.durable import append, lines
from tests.support.postgres import Server

LOOK = 0.05  # s between two looks at what was posted
TOLERANCE = WHILE_WRITTEN + 5.0  # s in which what was written is packed
REST = 12.0  # s from one fault's end to the next: a conversation is to be back before
IN_THE_END = 240.0  # s in which the last answers come, and the last tasks


@dataclass(frozen=True)
class Size:
    nodes: int
    messages: int
    sessions: int
    faults: int
    share: bool = True  # where workspaces are; else each node has its own, and they are packed


@dataclass
class Outcome:
    answers: int
    wrong: list[str]
    delays: list[tuple[float, str]]  # s, and of which message; the longest first
    seconds: float
    faults: list[str] = field(default_factory=list)


class Run:
    def __init__(self, folder: Path, server: Server, seed: int, size: Size) -> None:
        self._began = time.monotonic()
        self._size = size
        self._seed = seed
        self._chance = random.Random(seed)
        self._happened: list[float] = []
        self._troubles: list[Trouble] = []
        self._nodes = Nodes(
            folder, server, size.nodes, lambda: self._happened.append(self._now()), share=size.share
        )
        self._people = folder / "platform" / "people.jsonl"
        self._told = folder / "platform" / "posts.jsonl"
        self._live = folder / "platform" / "live.jsonl"
        self._posts: list[Post] = []
        self._messages: Sequence[Message] = list(messages(seed, size.messages, size.sessions))
        self._said: dict[str, float] = {}
        self._suffered: list[str] = []

    async def outcome(self) -> Outcome:
        async with self._nodes.up():
            await self._nodes.serving()
            watching = asyncio.create_task(self._watch())
            over = asyncio.Event()
            talking = asyncio.create_task(self._talk(over))
            for number, fault in enumerate(faults(self._seed, self._size.faults)):
                await self._suffer(number, fault)
            over.set()
            await talking
            await self._everything()
            watching.cancel()
            written = self._nodes.files("written")
            wrong = list(judge.faults(self._messages, self._posts, written, self._unsure()))
            tolerance = 0.0 if self._size.share else TOLERANCE
            kept = self._nodes.files("kept")
            wrong += [f"in {channel} a turn that is over is shown" for channel in self._shown()]
            wrong += judge.lost(self._said, self._messages, self._posts, kept, self._troubles, tolerance)
        came = {post.text: post.at for post in self._posts}
        delays = [
            (late, f"{id_}, which came at {came[id_]:.1f} s")
            for late, id_ in judge.delays(self._said, self._messages, self._posts, self._happened)
        ]
        answers = {post.text for post in self._posts} & self._said.keys()
        return Outcome(len(answers), wrong, sorted(delays, reverse=True), self._now(), self._suffered)

    async def _suffer(self, number: int, fault: Fault) -> None:
        began = self._now()
        await self._nodes.suffer(fault)
        self._troubles.append(Trouble(began, self._now(), in_order=fault.what == "drain"))
        self._suffered.append(f"{began:.1f} to {self._now():.1f} s: {fault}")
        await asyncio.sleep(REST * self._chance.uniform(0.8, 1.2))

    async def _talk(self, over: asyncio.Event) -> None:
        """All messages, spread over the time that the faults take; what is left when these are over twice as fast, and not at
        once: how long a flood takes is no answer to how soon a node is back."""
        pause = self._size.faults * (REST + 5) / self._size.messages
        for message in self._messages:
            text = message.text(datetime.now(UTC))
            self._said[message.id] = self._now()
            append(self._people, channel=message.channel, id=message.id, text=text)
            await asyncio.sleep(self._chance.uniform(0, pause if over.is_set() else 2 * pause))

    async def _everything(self) -> None:
        try:
            async with asyncio.timeout(IN_THE_END):
                while not judge.answered(self._messages, self._posts, self._unsure()) or self._shown():  # noqa: ASYNC110 - other processes post
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            return  # what is missing is named

    def _unsure(self) -> set[str]:
        return judge.unsure(self._said, self._messages, self._posts, self._troubles)

    def _shown(self) -> Sequence[str]:
        return judge.shown(lines(self._live))

    async def _watch(self) -> None:
        """Sees what was posted, and answers what is asked."""
        while True:
            for found in (await asyncio.to_thread(lambda: list(lines(self._told))))[len(self._posts) :]:
                self._see(found)
            await asyncio.sleep(LOOK)

    def _see(self, found: dict[str, Any]) -> None:
        post = Post(self._now(), found["channel"], found["text"], found["file"], found["question"])
        self._posts.append(post)
        if post.question:
            choice = self._chance.choice(CHOICES)
            append(self._people, channel=post.channel, answers=post.question, text=choice)

    def _now(self) -> float:
        """s from the beginning."""
        return time.monotonic() - self._began
