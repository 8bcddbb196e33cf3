"""What the engine tells of ends: hints to look at its list, which is the truth (law 3)."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from host.runners.launch import engine
from host.runners.launch.labels import INSTALLATION

log = logging.getLogger(__name__)

RECONNECT = 1.0  # s until a lost stream of events is opened again
REPLAY = 5  # s of events asked for again at each opening: none may fall between two streams


class Events:
    """A thread that hints whenever a container of the installation ends."""

    def __init__(self, client: Callable[[], Any], installation: str, hint: Callable[[str], object]) -> None:
        self._client = client
        self._filters = {
            "type": "container",
            "event": ["die", "destroy"],
            "label": f"{INSTALLATION}={installation}",
        }
        self._hint = hint
        self._closed = threading.Event()
        self._stream: Any = None
        threading.Thread(target=self._follow, name="engine-events", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        stream = self._stream
        if stream is not None:
            with contextlib.suppress(*engine.GONE):
                stream.close()

    def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                since = int(time.time()) - REPLAY
                self._stream = self._client().api.events(since=since, filters=self._filters, decode=True)
                self._tell("")
                for event in self._stream:
                    self._tell(str(event.get("id", "")) if event.get("Action") == "die" else "")
            except (*engine.GONE, ValueError, AttributeError) as error:
                # The last two: what a stream raises that is closed while it is read.
                log.debug("The engine's events ended: %s", error)
            self._closed.wait(RECONNECT)

    def _tell(self, died: str) -> None:
        if not self._closed.is_set():
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._hint(died)
