"""`dovecote` in a real terminal of 80×24: keys in, what a person sees out."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import signal
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pyte

from tests.support.started import Dovecote
from tests.support.waiting import DEADLINE, until

WIDTH, HEIGHT = 80, 24
FULL = 4_095  # B that wait for the reader of a terminal: what its driver keeps
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
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._own, theirs = pty.openpty()
        termios.tcsetwinsize(self._own, (HEIGHT, WIDTH))
        self._process = Dovecote(
            *arguments,
            folder=folder,
            environment={**clean, "TERM": "xterm-256color", "COLUMNS": "", **environment},
            start_new_session=True,
            **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        )
        os.close(theirs)
        self.screen.answer = self.type

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
        os.write(self._own, keys.encode())

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

    def wait_unread(self) -> None:
        """Waits, reading nothing, until so much is written that whoever writes has to wait for its reader."""

        def unread() -> int:
            return int.from_bytes(fcntl.ioctl(self._own, termios.FIONREAD, bytes(4)), sys.byteorder)

        until(lambda: unread() >= FULL)

    def leave(self, keys: str = CTRL_D) -> int:
        """Its exit code, once it has ended."""
        self.type(keys)
        return self.end()

    def end(self) -> int:
        """Waits until it has ended by itself. Raises `TimeoutError`."""
        deadline = time.monotonic() + DEADLINE
        while self._read() and time.monotonic() < deadline:
            pass
        until(lambda: self._process.poll() is not None)
        self.close()
        return int(self._process.returncode)

    def close(self) -> None:
        """Whatever it is at."""
        if self._own < 0:
            return
        self._process.kill()
        self._process.wait(DEADLINE)
        os.close(self._own)
        self._own = -1

    def interrupt(self) -> bool:
        """Ctrl-C, where it is a signal; true once it has ended."""
        self._process.send_signal(signal.SIGINT)
        return self._process.poll() is not None

    def hang_up(self) -> None:
        """The window is closed."""
        self._process.send_signal(signal.SIGHUP)

    def _read(self) -> bool:
        """Whether it still runs."""
        if not select.select([self._own], [], [], 0.1)[0]:
            return True
        try:
            read = os.read(self._own, 65_536)
        except OSError:  # nobody has the other side open any more
            return False
        self._stream.feed(self._decoder.decode(read))
        return bool(read)
