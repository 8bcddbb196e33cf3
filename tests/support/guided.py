"""Whoever is guided through a set-up in a test: keeps what was said, and picks as told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from host.ports.setup import Place


class Guided:
    def __init__(self, wanted: str = "") -> None:
        self.said: list[str] = []
        self.places: Sequence[Place] = ()
        self._wanted = wanted
        self._more = asyncio.Event()

    def say(self, line: str) -> None:
        self.said.append(line)
        self._more.set()

    def checked(self, what: str) -> None:
        self.say(f"✓ {what}")

    async def pick(self, places: Sequence[Place]) -> Place:
        self.places = places
        return next((place for place in places if self._wanted in (place.id, place.name)), places[0])

    async def until(self, words: str) -> None:
        async with asyncio.timeout(30):
            while not any(words in line for line in self.said):
                self._more.clear()
                await self._more.wait()
