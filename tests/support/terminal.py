"""`dovecote` in a real terminal of 80×24: keys in, what a person sees out."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
import pyte

from tests.support.dovecote import ROOT
from tests.support.waiting import DEADLINE, until

WIDTH, HEIGHT = 80, 24
ENTER, NEW_LINE, TAB, CTRL_C, CTRL_D = "\r", "\x1b\r", "\t", "\x03", "\x04"


class _Screen(pyte.HistoryScreen):
    """Answers what programs ask of a terminal, such as where its cursor is."""

    answer: Any = None

    def write_process_input(self, data: str) -> None:
        self.answer(data)


class Terminal:
    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC", "SLACK"))
        }
        self.screen = _Screen(WIDTH, HEIGHT, history=2_000)
        self._stream = pyte.Stream(self.screen)
        self._process = pexpect.spawn(
            sys.executable,
            ["-c", "from host.cli import main; main()", *arguments],
            cwd=str(folder),
            env={**clean, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "", **environment},
            dimensions=(HEIGHT, WIDTH),
            encoding="utf-8",
            codec_errors="replace",
            timeout=DEADLINE,
        )
        self.screen.answer = self._process.send

    @property
    def lines(self) -> list[str]:
        """What is to be seen now."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def all(self) -> str:
        """The same with what was scrolled away."""
        above = ["".join(line[x].data for x in range(WIDTH)).rstrip() for line in self.screen.history.top]
        return "\n".join([*above, *self.lines])

    def type(self, keys: str) -> None:
        self._process.send(keys)

    def enter(self, text: str) -> None:
        self.type(text + ENTER)

    def see(self, words: str, *, times: int = 1) -> None:
        """Waits until the words stand somewhere. Raises `AssertionError` with what stands there instead."""
        self.until(lambda: self.all.count(words) >= times, f"{words!r} × {times}")

    def until(self, condition: Any, what: str = "it") -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline or not self._read():
                assert condition(), f"{what} is not to be seen in:\n{self.all}"
                return

    def leave(self, keys: str = CTRL_D) -> int:
        """Its exit code, once it has ended."""
        self.type(keys)
        return self.end()

    def end(self) -> int:
        """Waits until it has ended by itself. Raises `TimeoutError`."""
        deadline = time.monotonic() + DEADLINE
        while self._read() and time.monotonic() < deadline:
            pass
        until(lambda: not self._process.isalive())
        self.close()
        status, number = self._process.exitstatus, self._process.signalstatus
        return int(status) if status is not None else -int(number or 0)

    def close(self) -> None:
        """Whatever it is at."""
        if not self._process.closed:
            self._process.close(force=True)

    def hang_up(self) -> None:
        """The window is closed."""
        self._process.kill(signal.SIGHUP)

    def _read(self) -> bool:
        """Whether it still runs."""
        try:
            self._stream.feed(self._process.read_nonblocking(65_536, timeout=0.1))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        return True
