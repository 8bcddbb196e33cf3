"""The doctor's lines, from the page: looked at when somebody asks, and kept until somebody asks again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from host.config import Config
from host.ports import faults
from host.ports.bot import Bots
from host.ports.findings import Finding, Looks
from host.upkeep.state import State
from host.web.gate import Visitor
from host.web.others import Others
from host.web.page import Page

BOUND = 20.0  # s for one look
SLOW = "Try again when this machine, or its network, is less busy"


@dataclass(frozen=True, slots=True)
class Looked:
    at: int = 0  # ms UTC; 0: nobody has
    found: Sequence[Finding] = ()


class Health:
    def __init__(
        self,
        page: Page,
        others: Others,
        state: State,
        bots: Bots,
        look: Callable[[Config], list[Finding]] | None,
    ) -> None:
        """`look`: at this machine; None where nobody knows how."""
        self._page = page
        self._others = others
        self._state = state
        self._bots = bots
        self._look = look
        self._looked = Looked()
        self._looking = asyncio.Lock()
        page.shows("/health", self._show)
        page.does("/health", self._again)

    async def _show(self, _: web.Request, visitor: Visitor) -> web.StreamResponse:
        age = await asyncio.to_thread(self._state.swept)
        machines, tables = (
            await self._page.books.read(self._others.machines) if self._others.share else ((), 0)
        )
        values = {
            "machines": machines,
            "tables": tables,
            "problem": self._state.unwell(age),
            "age": round(age) if age < math.inf else None,
            "platforms": self._state.connected(),
            "looked": self._looked,
        }
        return self._page.html("health.html", visitor, values)

    async def _again(self, _: web.Request, __: Visitor, ___: Mapping[str, str]) -> str:
        """One at a time: who asks meanwhile gets what the one before is about to see."""
        if self._looking.locked():
            async with self._looking:
                return ""
        async with self._looking:
            looks = [
                self._bot(name, bot) for name, bot in self._bots.by_platform.items() if isinstance(bot, Looks)
            ]
            found = await asyncio.gather(self._machine(), *looks)
            self._looked = Looked(self._page.now(), [finding for part in found for finding in part])
        return ""

    async def _machine(self) -> Sequence[Finding]:
        if self._look is None:
            return []
        return await _bounded("This machine", asyncio.to_thread(self._look, self._page.config))

    async def _bot(self, name: str, bot: Looks) -> Sequence[Finding]:
        return await _bounded(name, bot.look(self._page.config))


async def _bounded(what: str, look: Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(BOUND):
            return await look
    except TimeoutError:
        return [Finding(what, False, f"no answer within {BOUND:.0f} s", SLOW)]
    except Exception as error:  # noqa: BLE001 - a look that fails is a finding, whatever it met
        return [Finding(what, False, faults.of(error).rstrip("."))]
