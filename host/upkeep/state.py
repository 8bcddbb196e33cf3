"""How the host is, asked at the moment of asking: for probes, for monitoring, for a service's watchdog."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from host.config import Config
from host.config.settings import Settings
from host.folders import pulse
from host.gateway import limits
from host.gateway.budget import day_of
from host.gateway.limits import Standing
from host.ports import figures
from host.ports.bot import Bot, Hears
from host.registry.port import Registry, Statements
from host.runners.lives import Lives

LONGEST_LOOK = (
    300.0  # s since a bot last saw to its way in, after which it hangs; a look may read many histories
)


@dataclass(frozen=True, slots=True)
class Depth:
    """What waits, in numbers."""

    messages: int
    notices: int
    busy: int
    budgets: Sequence[Standing]


class State:
    def __init__(
        self, settings: Settings, db: Registry, lives: Lives, bots: Mapping[str, Bot], now: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._db = db
        self._lives = lives
        self._bots = bots
        self._now = now

    def connected(self) -> dict[str, bool]:
        """By platform. A bot that cannot tell runs in this process, and is there."""
        return {
            name: bot.hearing().connected if isinstance(bot, Hears) else True
            for name, bot in self._bots.items()
        }

    def hanging(self) -> list[str]:
        """Platforms whose bot takes itself for connected and has not looked for too long."""
        now = asyncio.get_running_loop().time()
        return [
            name
            for name, bot in self._bots.items()
            if isinstance(bot, Hears) and now - bot.hearing().looked_at > LONGEST_LOOK
        ]

    def swept(self) -> float:
        """Seconds since the sweep's last sign of life; infinite before the first. Reads the disk."""
        try:
            return pulse.age(Path(self._settings.config.data))
        except OSError:
            return math.inf

    def told(self) -> pulse.Told:
        """For those who look from another process."""
        return pulse.Told(self.connected(), tuple(self.hanging()))

    def unwell(self, age: float) -> str:
        """Why the host should be started anew, its last sweep being so many seconds old; '' when it need not."""
        if age > pulse.STALE:
            return f"the last sweep was {age:.0f} s ago" if age < math.inf else "no sweep has ended yet"
        if hanging := self.hanging():
            return f"{', '.join(hanging)}: the bot hangs"
        return ""

    async def depth(self) -> Depth:
        """Raises `SessionError` of host.db."""
        return await self._db.read(lambda connection: _depth(connection, self._settings.config, self._now()))

    async def _own_depth(self) -> Depth:
        """Of what this node is to do: what all nodes have is the sum."""
        holding, config = self._db.holding, self._settings.config
        own = holding.counted()
        return await self._db.read(lambda connection: _depth(connection, config, self._now(), own))

    async def measure(self) -> None:
        """Sets every gauge. Raises `SessionError` of host.db."""
        depth = await self._own_depth()
        figures.WAITING.set(depth.messages)
        figures.UNDELIVERED.set(depth.notices)
        figures.BUSY.set(depth.busy)
        figures.RUNNERS.set(len(self._lives.running()))
        _show_budgets(depth.budgets if self._db.holding.has_upkeep else ())  # they are everybody's
        for platform, connected in self.connected().items():
            figures.CONNECTED.labels(platform).set(int(connected))
        figures.SWEPT.set(await asyncio.to_thread(self.swept))


def _depth(connection: Statements, config: Config, now: int, own: str = "TRUE") -> Depth:
    row = connection.execute(_WAITING.format(own)).fetchone()
    messages, notices, busy = (int(str(number)) for number in row) if row else (0, 0, 0)
    today = day_of(now, ZoneInfo(config.host.zone))
    return Depth(messages, notices, busy, limits.standings(connection, config, today))


def _show_budgets(standings: Sequence[Standing]) -> None:
    """A limit that a reload took away is shown no more."""
    figures.BUDGET_LEFT.clear()
    figures.SHARE_LEFT.clear()
    for one in standings:
        if one.limit.budget == "all":
            figures.BUDGET_LEFT.labels(one.limit.period).set(one.left / limits.MICRO)
    for (kind, period), share in limits.least_left(standings).items():
        figures.SHARE_LEFT.labels(kind, period).set(share)


_WAITING = """
SELECT (SELECT count(*) FROM inbox JOIN sessions ON sessions.id = session_id WHERE inbox.state = 'routed' AND {0}),
       (SELECT count(*) FROM notices AS sessions WHERE state IN ('pending', 'sending', 'unknown') AND {0}),
       (SELECT count(*) FROM sessions WHERE busy = 1 AND {0})
"""
