"""The files by which runners know until when their sessions are this node's: a host that is stopped ends none of them itself.

They are renewed by a thread that does nothing else, after the lease was: a disk that hangs delays no beat. What a crash does: a
file that is made and not renewed is over, and its runner with it.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from sessiondb import lease

log = logging.getLogger(__name__)


class Ties:
    def __init__(self) -> None:
        self._paths: set[Path] = set()
        self._until = 0.0
        self._renewed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None

    def renew(self, until: float) -> None:
        """By `lease.clock`; 0: all of them end."""
        with self._renewed:
            self._until = until
            self._renewed.notify()
            if self._thread is None and until:
                self._thread = threading.Thread(target=self._run, name="ties", daemon=True)
                self._thread.start()

    def tie(self, path: Path) -> None:
        """Blocks; from its return on the file is renewed. Raises `OSError`."""
        path.touch()
        with self._renewed:
            self._paths.add(path)
            lease.renew(path, self._until)

    def untie(self, path: Path) -> None:
        with self._renewed:
            self._paths.discard(path)

    def end(self) -> None:
        with self._renewed:
            self._ended = True
            self._renewed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        known = 0.0
        while True:
            with self._renewed:
                self._renewed.wait_for(lambda: self._ended or self._until != known)  # noqa: B023 - asked at once
                if self._ended:
                    return
                known, paths = self._until, list(self._paths)
            for path in paths:
                try:
                    lease.renew(path, known)
                except OSError as error:  # a folder that is gone: so is what its runner works on
                    log.debug("Not renewed: %s", error)
