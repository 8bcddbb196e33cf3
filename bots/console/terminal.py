"""The console in a terminal: history, streaming text, a status line, several conversations."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bots.console import commands
from bots.console.bot import MAIN, ConsoleBot
from bots.console.commands import Command, Completing, Refused
from bots.console.markdown import Markdown
from bots.console.transcript import Line
from host.ports.bot import HostBusy, Shown

SHOWN_BEFORE = 20  # lines of a conversation shown when it is opened
STREAMED_LINES = 12  # of an answer under way, shown above the prompt
LONGEST_LINE = 44  # characters of a conversation's last line in the list of them
INTERRUPT = "\x03"  # typed: Ctrl-C
TWICE_WITHIN = 3.0  # s in which a second Ctrl-C leaves


class _Keys(Vt100Input):
    """The terminal's keys, which nobody else takes while something is printed above the prompt: for that time prompt_toolkit
    hands them to the terminal's driver, for which Ctrl-C is a signal and Ctrl-D the end of a line that nobody reads."""

    def cooked_mode(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class TerminalScreen:
    def __init__(self, console: Console, who: str) -> None:
        """`who` names the agent and its model."""
        self._console = console
        self._who = who
        self._channel = MAIN
        self._waiting: dict[str, float] = {}  # by channel: since when an answer is awaited
        self._shown: dict[str, Shown] = {}
        self._watching: set[asyncio.Task[None]] = set()
        self._interrupted = -TWICE_WITHIN
        self._typed: asyncio.Queue[str | None] = asyncio.Queue()  # None: leave

    # ── what the bot shows ───────────────────────────────────────────────────────────────────────────────

    def said(self, channel: str, line: Line) -> None:
        self._shown.pop(channel, None)
        if channel != self._channel:
            self._console.print(Text(f"an answer in “{channel}” (/switch {channel})", "dim"))
            return
        self._print(line)

    def progress(self, shown: Shown) -> None:
        if shown.address.platform_id in self._waiting:  # what comes after the end is stale
            self._shown[shown.address.platform_id] = shown

    # ── the person ───────────────────────────────────────────────────────────────────────────────────────

    async def serve(self, bot: ConsoleBot) -> None:
        bot.folder.mkdir(parents=True, exist_ok=True)
        session = self._session(bot)
        hint = "/help for commands, Esc Enter for a new line, Ctrl-D to leave\n"
        self._console.print(Text(hint, "dim"))
        self._open(bot, MAIN)
        self._typed = asyncio.Queue()
        with patch_stdout(raw=True):
            working = asyncio.create_task(self._work(bot), name="console:typed")
            working.add_done_callback(
                lambda _: session.app.is_running and session.app.exit(exception=EOFError())
            )
            with contextlib.suppress(EOFError):
                # A signal stays the host's, also behind the prompt: prompt_toolkit would take it away for good.
                await session.prompt_async(self._prompt, refresh_interval=0.2, handle_sigint=False)
            self._typed.put_nowait(None)
            try:
                await working
            finally:
                for task in self._watching:
                    task.cancel()
        self._say_what_is_left()

    async def _work(self, bot: ConsoleBot) -> None:
        """What was typed, one after the other, until somebody leaves."""
        while (typed := await self._typed.get()) is not None:
            try:
                if await (self._interrupt(bot) if typed is INTERRUPT else self._takes(bot, typed)):
                    return
            except OSError as error:  # of a conversation's file
                self._console.print(Text(f"That did not work: {error}", "red"))

    def _session(self, bot: ConsoleBot) -> PromptSession[str]:
        """It never ends between two messages: what is typed meanwhile is kept, and nothing of the status stays behind."""
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if buffer.text.strip():
                buffer.append_to_history()
                self._typed.put_nowait(buffer.text)
            buffer.reset()

        @keys.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.reset()
            self._typed.put_nowait(INTERRUPT)

        return PromptSession(
            input=_Keys(sys.stdin),
            history=FileHistory(str(bot.folder / "history")),
            key_bindings=keys,
            multiline=True,
            prompt_continuation="  ",
            completer=Completing(bot.channels),
            complete_while_typing=False,
            reserve_space_for_menu=4,
            bottom_toolbar=self._toolbar,
            erase_when_done=True,
        )

    async def _takes(self, bot: ConsoleBot, text: str) -> bool:
        """What was typed; true to leave."""
        self._interrupted = -TWICE_WITHIN
        self._console.print(Text(f"› {text}", "green"))
        match commands.read(text):
            case Refused(why):
                self._console.print(Text(why, "red"))
            case Command("quit"):
                return True
            case Command() as command:
                await self._command(bot, command)
            case str(said):
                await self._entered(bot, self._channel, bot.say(self._channel, said))
        return False

    async def _command(self, bot: ConsoleBot, command: Command) -> None:
        match command.name:
            case "new":
                self._open(bot, _name(command.rest) or f"chat-{len(bot.channels()) + 1}")
            case "switch":
                self._switch(bot, _name(command.rest) or MAIN)
            case "sessions":
                self._list(bot)
            case "help":
                self._help()
            case "stop" | "clear":
                await self._entered(bot, self._channel, bot.control(self._channel, command.name))
            case other:
                order = bot.order(self._channel, f"!{other} {command.rest}".strip())
                await self._entered(bot, self._channel, order)

    async def _entered(self, bot: ConsoleBot, channel: str, entering: Coroutine[Any, Any, Any]) -> None:
        try:
            ingested = await entering
        except (HostBusy, OSError) as error:
            self._console.print(Text(f"not taken: {error}", "red"))
            return
        if ingested.message_id:
            self._watch(channel, bot.settled(ingested))

    def _watch(self, channel: str, settled: Coroutine[Any, Any, object]) -> None:
        """The status stands as long as something is on its way, and no longer, however it ends."""

        async def watching() -> None:
            self._waiting.setdefault(channel, time.monotonic())
            try:
                await settled
            except LookupError:
                pass
            finally:
                self._watching.discard(task)
                if not any(other.get_name() == channel for other in self._watching):
                    self._waiting.pop(channel, None)
                    self._shown.pop(channel, None)

        task = asyncio.create_task(watching(), name=channel)
        self._watching.add(task)

    async def _interrupt(self, bot: ConsoleBot) -> bool:
        """Ctrl-C stops the turn, or says how to leave; true for the second in a row."""
        now = time.monotonic()
        if now - self._interrupted < TWICE_WITHIN:
            return True
        self._interrupted = now
        if self._channel in self._waiting:
            self._console.print(Text("Stopping. Ctrl-C once more leaves.", "dim"))
            await self._entered(bot, self._channel, bot.control(self._channel, "stop"))
        else:
            self._console.print(Text("Ctrl-C once more leaves, or Ctrl-D.", "dim"))
        return False

    def _say_what_is_left(self) -> None:
        if self._waiting:
            where = ", ".join(f"“{channel}”" for channel in sorted(self._waiting))
            told = f"Waiting for what runs in {where}; what is not done soon goes on at the next start."
            self._console.print(Text(f"{told} Ctrl-C twice ends at once.", "dim"))

    # ── conversations ────────────────────────────────────────────────────────────────────────────────────

    def _switch(self, bot: ConsoleBot, channel: str) -> None:
        known = bot.channels()
        if channel in known or channel == MAIN:
            self._open(bot, channel)
            return
        near = commands.nearest(channel, known) if known else ""
        hint = f"Did you mean “{near}”?" if near else f"/new {channel} starts it."
        self._console.print(Text(f"There is no conversation “{channel}”. {hint}", "red"))

    def _open(self, bot: ConsoleBot, channel: str) -> None:
        self._channel = channel
        lines = list(bot.transcript(channel).lines())
        self._console.rule(Text(channel, "dim"), style="dim")
        for line in lines[-SHOWN_BEFORE:]:
            if line.who == "you":
                self._console.print(Text(f"› {line.text}", "green"))
            else:
                self._print(line)
        if channel not in self._waiting and _is_open(lines):
            self._watch(channel, bot.caught_up(channel))

    def _list(self, bot: ConsoleBot) -> None:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for _ in range(3):
            table.add_column(no_wrap=True, overflow="ellipsis")
        for channel in bot.channels() or [MAIN]:
            last = _last_of(bot, channel)
            mark = "•" if channel == self._channel else " "
            said = " ".join(last.text.split())[:LONGEST_LINE] if last else ""
            at = time.strftime("%d %b %H:%M", time.localtime(last.at / 1000)) if last else ""
            works = " (working)" if channel in self._waiting else ""
            table.add_row(Text(f"{mark} {channel}{works}", "cyan"), Text(at, "dim"), Text(said))
        self._console.print(table)

    def _help(self) -> None:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for written, does in commands.listed():
            table.add_row(Text(written, "cyan"), Text(does))
        table.add_row(Text("Esc Enter", "cyan"), Text("a new line"))
        table.add_row(Text("Tab", "cyan"), Text("completes a command"))
        table.add_row(Text("Ctrl-C", "cyan"), Text("stops what runs; twice leaves"))
        table.add_row(Text("Ctrl-D", "cyan"), Text("leaves"))
        self._console.print(table)

    # ── what is drawn ────────────────────────────────────────────────────────────────────────────────────

    def _print(self, line: Line) -> None:
        self._console.print(Markdown(line.text))
        for number, option in enumerate(line.options, 1):
            self._console.print(Text(f"  {number}. {option}", "yellow"))
        self._console.print()

    def _prompt(self) -> FormattedText:
        """The status line and the answer so far stand above the prompt until the answer is printed."""
        parts: list[tuple[str, str]] = []
        since = self._waiting.get(self._channel)
        shown = self._shown.get(self._channel)
        if since is not None:
            if shown is not None and shown.text:
                parts.append(("", "\n".join(shown.text.splitlines()[-STREAMED_LINES:]) + "\n"))
            status = shown.status if shown is not None and shown.status else "working…"
            parts.append(("ansibrightblack", f"{status} {time.monotonic() - since:.0f} s\n"))
        parts.append(("ansigreen", "› "))
        return FormattedText(parts)

    def _toolbar(self) -> str:
        others = [channel for channel in self._waiting if channel != self._channel]
        works = f" · working in {', '.join(others)}" if others else ""
        return f" {self._who} · {self._channel}{works}"


def _last_of(bot: ConsoleBot, channel: str) -> Line | None:
    lines = deque(bot.transcript(channel).lines(), maxlen=1)
    return lines[0] if lines else None


def _is_open(lines: list[Line]) -> bool:
    """Whether the last thing a person said has no answer yet."""
    last = next((line for line in reversed(lines) if line.who == "you"), None)
    return last is not None and not last.control and last.id not in {line.answers for line in lines}


def _name(text: str) -> str:
    """Safe as a file's name."""
    return Path("".join(c if c.isalnum() or c in "-_" else "-" for c in text.strip())[:40]).name
