"""What the machine's service manager hears (systemd's sd_notify): that we are ready, that we go on, that we stop.

The watchdog is fed by the loop and by each platform's way in: when either hangs, nothing is said any more, and the manager
starts a fresh process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping

from host.upkeep.state import State

log = logging.getLogger(__name__)

MORE_TIME = 300  # s from each word about a long beginning
AGAIN = 60.0  # s between two of them
LONGEST = 14_400.0  # s of one step of the beginning: what lasts longer hangs, and is the manager's to end


class Manager:
    """Says nothing where nobody listens: without `NOTIFY_SOCKET` in the environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC", "") if mine else ""
        self._every = int(microseconds) / 2_000_000 if microseconds.isdigit() else 0.0  # s; 0 = no watchdog
        self._status = ""

    def ready(self, status: str) -> None:
        self._say(f"READY=1\nSTATUS={status}")

    def starting(self, status: str) -> None:
        """What is done before READY may take longer than a manager waits for it: each word of ours asks for more time."""
        self._status = status
        self._say(f"EXTEND_TIMEOUT_USEC={MORE_TIME * 1_000_000}\nSTATUS={status}")

    @contextlib.asynccontextmanager
    async def at(self, status: str) -> AsyncIterator[None]:
        """A step of the beginning. As long as it lasts more time is asked for, and the watchdog is fed: on a restored folder,
        which was held, it is due already."""
        self._status = status
        saying = asyncio.create_task(self._asks(), name="beginning")
        try:
            yield
        finally:
            saying.cancel()

    async def _asks(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                while True:
                    self.starting(self._status)
                    self.goes_on()
                    await asyncio.sleep(min(AGAIN, self._every or AGAIN))

    def stopping(self) -> None:
        self._say("STOPPING=1\nSTATUS=Stopping: what is under way is brought to its end")

    def goes_on(self) -> None:
        """The watchdog is due from READY on, while a restored folder is held as well."""
        if self._every:
            self._say("WATCHDOG=1")

    async def feed(self, state: State) -> None:
        """Until cancelled."""
        if not (self._address and self._every):
            return
        told = ""
        while True:
            hanging = ", ".join(state.hanging())
            if not hanging:
                self.goes_on()
            elif hanging != told:
                log.critical("%s: the bot hangs", hanging, extra={"action": "bot_hangs"})
            told = hanging
            await asyncio.sleep(self._every)

    def _say(self, words: str) -> None:
        """A datagram to a socket of this machine: never waits, and whether anybody hears it is not ours to know."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            ) as to,
        ):
            to.sendto(words.encode(), address)
