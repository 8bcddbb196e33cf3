"""What goes wrong with nodes during a run, and when it ends."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.simulation.platform import Weather

if TYPE_CHECKING:
    from tests.simulation.nodes.world import Node, Nodes

FAULTS_LAST = 90.0  # s of virtual time in which things go wrong
KINDS = ("kill", "kill", "stop", "stop", "cut", "cut", "drain", "restart", "runner", "weather")


class Faults:
    """A mutant may ask for other `kinds` and times."""

    def __init__(self, world: Nodes, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self.kinds: Sequence[str] = KINDS
        self.many = chance.randint(2, 7)
        self.stopped_for: Sequence[float] = (0.7, 3.0, 7.0, 12.0, 30.0)
        self.cut_for: Sequence[float] = (0.3, 4.0, 9.0, 15.0, 35.0)

    async def run(self) -> None:
        world, chance = self._world, self._chance
        for _ in range(self.many):
            await asyncio.sleep(chance.uniform(0, FAULTS_LAST / 5))
            self._fault(chance.choice(world.nodes))
        await asyncio.sleep(max(0.0, FAULTS_LAST - world.loop.time()))
        world.platform.weather = Weather()
        world.server.cut.clear()
        world.server.again = world.server.loses = 0.0
        for process in (*(n.process for n in world.nodes), *(r.process for r in world.engine.live())):
            if process is not None:
                process.disarm()
        world.say("the weather is fine from now on")

    def _fault(self, node: Node) -> None:
        world, chance = self._world, self._chance
        kind = chance.choice(self.kinds)
        process = node.process
        world.say(f"fault: {kind} {node.name}")
        world.outcome.counted[kind] += 1
        runners = node.engine.live()
        if kind == "kill" and process is not None:
            process.arm(chance.choice((1, chance.randint(1, 40), chance.randint(1, 200))))
        elif kind == "stop" and process is not None and process.alive and not process.held_until:
            world.stop_for(process, chance.choice(self.stopped_for))
        elif kind == "cut":
            world.server.cut.add(node.name)
            world.server.silent = chance.random() < 0.5
            self._later(chance.choice(self.cut_for), node)
        elif kind == "drain":
            self._drain(node)
        elif kind == "restart" and node.host is not None:
            node.host.stop()
        elif kind == "runner" and runners:
            chance.choice(runners).process.arm(
                chance.choice((1, chance.randint(1, 15), chance.randint(1, 80)))
            )
        elif kind == "weather":
            world.platform.weather = Weather(
                lose_answer=chance.choice((0.0, 0.1, 0.4)),
                slow=chance.choice((0.0, 0.1, 0.4)),
                rate_limit=chance.choice((0.0, 0.1)),
                lookup_fails=chance.choice((0.0, 0.1)),
                duplicate=chance.choice((0.1, 0.5)),
                online=chance.random() < 0.85,
            )

    def _later(self, seconds: float, node: Node) -> None:
        reached = self._world.server.cut.discard
        self._world.loop.call_later(seconds, reached, node.name, context=contextvars.Context())

    def _drain(self, node: Node) -> None:
        world = self._world
        id_ = world.id_of(node.name)
        world.server.rows("INSERT OR IGNORE INTO drained VALUES (?, ms_now())", (id_,))
        undo = ("DELETE FROM drained WHERE node = ?", (id_,))
        world.loop.call_later(
            self._chance.choice((5.0, 40.0)), lambda: world.server.rows(*undo), context=contextvars.Context()
        )
