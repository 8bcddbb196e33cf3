"""A real terminal of 80 columns and 24 lines, with a shell in it, that a test types into and looks at."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pexpect
import pyte

from tests.support.waiting import DEADLINE

COLUMNS, LINES = 80, 24
PROMPT = "ready> "
DOWN = "\x1b[B"
COLOURS = {"default": "#d6dde6", "green": "#6fcf7f", "red": "#ff7b72", "blue": "#79b8ff", "cyan": "#7ed4d6"}


class Terminal:
    """Everything waits: what a test looks for has to appear."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.commands: list[str] = []  # that were typed to the shell
        self._resting = False  # the prompt was seen, and nothing was typed since
        self._screen = pyte.HistoryScreen(COLUMNS, LINES, history=2_000)
        self._stream = pyte.Stream(self._screen)
        self.everything = ""
        self._child: Any = pexpect.spawn(
            "/bin/bash",
            ["--norc", "--noprofile", "-i"],
            cwd=str(folder),
            env={
                **environment,
                "PS1": PROMPT,
                "TERM": "xterm-256color",
                "PROMPT_TOOLKIT_NO_CPR": "1",
                "BASH_SILENCE_DEPRECATION_WARNING": "1",
            },
            dimensions=(LINES, COLUMNS),
            encoding="utf-8",
            timeout=DEADLINE,
        )
        self._child.logfile_read = self

    def write(self, text: str) -> None:
        """What the terminal shows, as it comes."""
        self.everything += text
        self._stream.feed(text)

    def flush(self) -> None: ...

    async def run(self, *commands: str) -> None:
        """One line of the shell; each command of it counts."""
        self.commands += commands
        await self.rests()
        self._resting = False
        self._child.sendline(" && ".join(commands))

    async def rests(self) -> None:
        """Until the shell has nothing to do."""
        if not self._resting:
            await self.sees(PROMPT.strip())
            self._resting = True

    async def sees(self, words: str) -> str:
        """Waits until they appear behind what was seen before; white space, and how lines break, is nobody's concern."""
        pattern = r"[\s\x1b\[\d;?a-zA-Z]*?".join(re.escape(word) for word in words.split(" ") if word)
        found = await asyncio.to_thread(self._child.expect, [pattern, re.escape(PROMPT)])
        if found and words != PROMPT.strip():
            raise AssertionError(
                f"{words!r} did not come, and the command has ended:\n{self.everything[-3_000:]}"
            )
        return str(self._child.after)

    async def answers(self, question: str, keys: str = "") -> None:
        """Waits for the question, types, and presses Enter."""
        await self.sees(question)
        await asyncio.to_thread(self._child.send, f"{keys}\r")

    def interrupts(self) -> None:
        self._child.sendintr()

    def closes(self) -> None:
        self._child.close(force=True)

    def page(self) -> str:
        """The screen as HTML, to be made a picture of."""
        shown = [self._line(row) for row in range(LINES)]
        lines = "\n".join(
            line for line in shown if not line.startswith(PROMPT.strip().replace(">", "&gt;"))
        ).rstrip()
        return (
            "<!doctype html><meta charset='utf-8'><body style='margin:0;padding:16px 18px;background:#11161d;width:744px'>"
            f"<pre style='margin:0;color:{COLOURS['default']};font:14.5px/1.35 DejaVu Sans Mono,monospace'>{lines}</pre>"
        )

    def _line(self, row: int) -> str:
        shown = ""
        for column in range(COLUMNS):
            cell = self._screen.buffer[row][column]
            text = cell.data.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            colour = COLOURS.get(cell.fg, f"#{cell.fg}" if len(cell.fg) == 6 else COLOURS["default"])
            weight = ";font-weight:bold" if cell.bold else ""
            shown += (
                text
                if cell.fg == "default" and not cell.bold
                else f"<span style='color:{colour}{weight}'>{text}</span>"
            )
        return shown.rstrip()
