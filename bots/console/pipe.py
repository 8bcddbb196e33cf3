"""The console without a terminal: a message per line in, a reply per message out."""

from __future__ import annotations

import asyncio
import sys
from typing import BinaryIO, TextIO

from bots.console.bot import ConsoleBot
from bots.console.transcript import Line
from host.ports.bot import HostBusy, Shown
from host.ports.printing import escaped

CHANNEL = "pipe"


class PipeScreen:
    def __init__(self, source: BinaryIO, out: TextIO, errors: TextIO) -> None:
        self._source = source
        self._out = out
        self._errors = errors

    def said(self, channel: str, line: Line) -> None:
        if channel != CHANNEL:
            return
        options = "".join(f"\n  {number}. {option}" for number, option in enumerate(line.options, 1))
        said = f"{line.text}{options}\n"
        self._out.write(escaped(said) if self._out.isatty() else said)
        self._out.flush()

    def progress(self, shown: Shown) -> None:
        """Nobody watches a pipe."""

    async def serve(self, bot: ConsoleBot) -> None:
        await bot.caught_up(CHANNEL)
        number = 0
        while raw := await asyncio.to_thread(self._source.readline):
            number += 1
            text = self._text(raw, number)
            if not text.strip():
                continue
            try:
                await bot.settled(await bot.say(CHANNEL, text))
            except (HostBusy, OSError) as error:
                self._errors.write(f"line {number} was not taken: {error}\n")
                sys.exit(1)

    def _text(self, raw: bytes, number: int) -> str:
        try:
            return raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            self._errors.write(f"line {number} is not UTF-8; what cannot be read is replaced\n")
            return raw.decode("utf-8", "replace").rstrip("\r\n")
