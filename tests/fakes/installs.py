"""Installs in memory: what `host.registry.installs` keeps in host.db, with the same promises."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace

from host.ports.installs import Install


class KeptInstalls:
    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.installs: dict[str, Install] = {}
        self._states: set[str] = set()
        self._numbers = itertools.count(1)

    async def keep(self, holder: str, name: str, secret: str) -> None:
        self.secrets[holder] = secret
        self.installs[holder] = Install(holder, name, int(time.time() * 1000))

    async def secret(self, holder: str) -> str:
        return self.secrets.get(holder, "")

    async def end(self, holder: str, why: str) -> bool:
        counted = self.secrets.pop(holder, "") != ""
        if counted:
            before = self.installs[holder]
            self.installs[holder] = Install(holder, before.name, int(time.time() * 1000), why)
        return counted

    async def trouble(self, holder: str, why: str) -> int:
        if (found := self.installs.get(holder)) is None or found.ended:
            return 0
        since = (found.since or int(time.time() * 1000)) if why else 0
        self.installs[holder] = replace(found, trouble=why, since=since)
        return since

    async def all(self) -> Sequence[Install]:
        return [self.installs[holder] for holder in sorted(self.installs)]

    async def begin(self) -> str:
        self._states.add(state := f"state-{next(self._numbers)}")
        return state

    async def comes_back(self, state: str) -> bool:
        known = state in self._states
        self._states.discard(state)
        return known
