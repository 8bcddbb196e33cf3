"""The terminal as a platform: what `dovecote chat` talks to. Its libraries are imported where there is a terminal."""

from __future__ import annotations

import sys

from bots.console.bot import ConsoleBot, Screen
from bots.console.pipe import PipeScreen
from host.config import provider
from host.ports.bot import Bot, Surroundings
from host.ports.printing import SafeConsole

__all__ = ["ConsoleBot", "make"]


def make(surroundings: Surroundings) -> Bot:
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    screen: Screen = PipeScreen(sys.stdin.buffer, sys.stdout, sys.stderr)
    if interactive:
        from bots.console.terminal import TerminalScreen

        screen = TerminalScreen(SafeConsole(), provider.answering(surroundings.config, "console"))
    return ConsoleBot(surroundings.data, surroundings.config.console.user, screen)
