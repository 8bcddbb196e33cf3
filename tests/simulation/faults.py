"""What goes wrong during a run, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.simulation.platform import Weather

if TYPE_CHECKING:
    from tests.simulation.world import World

FAULTS_LAST = 150.0  # s of virtual time in which things go wrong
JUMPS = (
    -3_600_000,
    3_600_000,
    -5_000,
    65_000,
    -86_400_000,
    86_400_000,
)  # ms by which somebody sets the clock
KINDS = [
    "host",
    "host",
    "runner",
    "runner",
    "runner",
    "power",
    "clock",
    "weather",
    "weather",
    "busy",
    "restart",
    "hang",
]


class Faults:
    """A mutant may ask for other `kinds`, `jumps` and chances: those under which it shows."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance
        self.kinds: Sequence[str] = KINDS
        self.jumps: Sequence[int] = JUMPS
        self.rejects: Sequence[float] = (0.0, 0.0, 0.05)
        self.stormy = True  # whether the platform has any weather
        self.loses: Sequence[float] = (0.0, 0.0, 0.1, 0.4)

    async def trouble(self) -> None:
        """Whatever was armed and did not happen is disarmed at the end."""
        world, chance = self._world, self._chance
        self.weather()
        for _ in range(chance.randint(3, 9)):
            await asyncio.sleep(chance.uniform(0, FAULTS_LAST / 6))
            self._fault()
        await asyncio.sleep(max(0.0, FAULTS_LAST - world.loop.time()))
        world.platform.weather = Weather()
        world.engine.blind = 0.0
        for process in (world.host_process, *(r.process for r in world.engine.live())):
            if process is not None:
                process.disarm()
        world.disk.full = False
        world.disk.failing.clear()
        world.disk.busy.clear()
        world.say("the weather is fine from now on")

    def _fault(self) -> None:
        world, chance = self._world, self._chance
        kind = chance.choice(self.kinds)
        live = world.engine.live()
        if kind in ("host", "power") and world.host_process is not None:
            within = chance.choice((chance.randint(1, 30), chance.randint(1, 300)))
            world.host_process.arm(within, power=kind == "power")
        elif kind == "runner" and live:
            within = chance.choice((1, chance.randint(1, 15), chance.randint(1, 80)))
            chance.choice(live).process.arm(within, power=chance.random() < 0.1)
        elif kind == "clock":
            ms = chance.choice(self.jumps)
            world.clock.jump(ms)
            world.say(f"the clock is set by {ms} ms")
        elif kind == "weather":
            self.weather()
        elif kind == "busy" and live:
            folder = chance.choice(live).folder
            path = chance.choice((folder.inbound_db, folder.outbound_db))
            world.disk.busy[str(path)] = chance.randint(1, 60)
        elif kind == "hang":
            victims = [
                process for process in (world.host_process, *(r.process for r in live)) if process is not None
            ]
            seconds = chance.choice((0.5, 3.0, 20.0, 90.0))
            if victims:
                chance.choice(victims).hang(chance.randint(1, 60), seconds)
        elif kind == "full":
            world.disk.full = True
            world.loop.call_later(chance.choice((0.5, 5.0, 40.0)), self._room)
        elif kind == "errors" and live:
            folder = chance.choice(live).folder
            path = chance.choice((folder.inbound_db, folder.outbound_db, world.data / "host.db"))
            world.disk.failing[str(path)] = chance.choice((1, 3, 20))
        elif kind == "ruin":
            self._ruin()
        elif kind == "restart" and world.host is not None:
            world.host.stop()
        world.say(f"fault: {kind}")

    def _ruin(self) -> None:
        """A file of a session is gone or is none any more. Only one: what has no other record is lost with the second."""
        world, chance = self._world, self._chance
        folders = [f for f in sorted((world.data / "sessions").glob("*")) if f.name not in world.ruined]
        if folders:
            folder = chance.choice(folders)
            name = chance.choice(("inbound", "outbound"))
            how = chance.choice(("lost", "emptied", "cut", "overwritten"))
            if not world.disk.is_quiet(str(folder / name / f"{name}.db")):
                if how in ("cut", "overwritten"):
                    return  # what a commit under way leaves behind would undo that
                world.half_undone.add(folder.name)
            world.ruined[folder.name] = name
            world.ruined_at[folder.name] = len(world.platform.accepted)
            world.outcome.counted[f"{name}.db {how}"] += 1
            world.disk.ruin(str(folder / name / f"{name}.db"), how)
            world.say(f"{folder.name[:5]}: {name}.db is {how}")

    def _room(self) -> None:
        self._world.disk.full = False

    def weather(self) -> None:
        chance = self._chance
        if not self.stormy:
            return

        def rate() -> float:
            return chance.choice((0.0, 0.0, 0.1, 0.4))

        self._world.platform.weather = Weather(
            lose_answer=chance.choice(self.loses),
            slow=rate(),
            rate_limit=rate(),
            reject=chance.choice(self.rejects),
            lookup_fails=rate(),
            duplicate=chance.choice((0.1, 0.5)),
            online=chance.random() < 0.85,
        )
