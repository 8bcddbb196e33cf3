"""Asking the host within a call: a row that goes out at once, and the `system` message that answers it.

The row's id follows from turn and call, so a call that is run again after a crash asks nothing twice: it finds the answer
that is there, or waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from runner.inbound import InboundReader
from runner.outbound import Emitted, OutboundWriter
from sessiondb import content
from sessiondb.errors import Unavailable
from sessiondb.records import MessageIn

PATIENCE = 45.0  # s until the agent is told that the host has not answered
FIRST_LOOK = 0.01  # s; doubles
SLOWEST_LOOK = 0.25


class NoAnswer(Exception):
    """The host has not answered in time; it may still carry the order out."""


class HostLine:
    def __init__(self, inbound: InboundReader, outbound: OutboundWriter, ring: Callable[[], None]) -> None:
        self._inbound = inbound
        self._outbound = outbound
        self._ring = ring

    async def ask(self, row: Emitted) -> tuple[content.System, MessageIn]:
        """The answer and the message it came in. Raises `NoAnswer`."""
        self._outbound.emit([row])
        self._ring()
        pause = FIRST_LOOK
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    found = self._answer(content.result_id(row.id))
                    if found is not None:
                        return found
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, SLOWEST_LOOK)
        except TimeoutError as error:
            raise NoAnswer from error

    def _answer(self, id_: str) -> tuple[content.System, MessageIn] | None:
        try:
            rows = self._inbound.messages([id_], wait=False)
        except Unavailable:
            return None
        if not rows:
            return None
        answer = content.decode_inbound(rows[0].content)
        return (answer, rows[0]) if isinstance(answer, content.System) else None
