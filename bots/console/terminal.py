"""The console in a terminal: history, streaming text, a status line, several conversations."""

from __future__ import annotations

import time
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console
from rich.text import Text

from bots.console.bot import ConsoleBot
from bots.console.markdown import Markdown
from bots.console.transcript import Line
from host.ports.bot import HostBusy, Shown

SHOWN_BEFORE = 20  # lines of a conversation shown when it is opened
STREAMED_LINES = 12  # of an answer under way, shown above the prompt
HELP = """\
**/new** [name] start a conversation · **/switch** name go to one · **/sessions** list them
**/stop** stop what runs · **/clear** forget what was said · **/quit** leave
"""


class TerminalScreen:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._channel = "main"
        self._waiting: dict[str, float] = {}  # by channel: since when an answer is awaited
        self._shown: dict[str, Shown] = {}

    # ── what the bot shows ───────────────────────────────────────────────────────────────────────────────

    def said(self, channel: str, line: Line) -> None:
        self._shown.pop(channel, None)
        self._waiting.pop(channel, None)
        if channel != self._channel:
            self._console.print(Text(f"an answer in “{channel}” (/switch {channel})", "dim"))
            return
        self._print(line)

    def progress(self, shown: Shown) -> None:
        self._shown[shown.address.platform_id] = shown

    # ── the person ───────────────────────────────────────────────────────────────────────────────────────

    async def serve(self, bot: ConsoleBot) -> None:
        bot.folder.mkdir(parents=True, exist_ok=True)
        session: PromptSession[str] = PromptSession(history=FileHistory(str(bot.folder / "history")))
        self._console.print(
            Text.assemble(("dovecote", "bold"), ("  /help for commands, Ctrl-D to leave\n", "dim"))
        )
        self._open(bot, "main")
        with patch_stdout(raw=True):
            while True:
                try:
                    text = await session.prompt_async(self._prompt, refresh_interval=0.2)
                except KeyboardInterrupt:
                    continue
                except EOFError:
                    return
                if not text.strip():
                    continue
                if text.startswith("/") and await self._command(bot, text):
                    if text.strip() == "/quit":
                        return
                    continue
                await self._say(bot, text)

    async def _say(self, bot: ConsoleBot, text: str) -> None:
        try:
            said = await bot.say(self._channel, text)
            if said.message_id:
                self._waiting[self._channel] = time.monotonic()
        except (HostBusy, OSError) as error:
            self._console.print(Text(f"not taken: {error}", "red"))

    async def _command(self, bot: ConsoleBot, text: str) -> bool:
        """True when the line was a command."""
        command, _, rest = text[1:].strip().partition(" ")
        match command:
            case "new":
                self._open(bot, _name(rest) or f"chat-{len(bot.channels()) + 1}")
            case "switch":
                self._open(bot, _name(rest) or "main")
            case "sessions":
                self._console.print(Text("  ".join(bot.channels() or ["main"]), "cyan"))
            case "stop" | "clear":
                await bot.control(self._channel, command)
            case "help":
                self._console.print(Markdown(HELP))
            case "quit":
                pass
            case _:
                return False
        return True

    def _open(self, bot: ConsoleBot, channel: str) -> None:
        self._channel = channel
        lines = list(bot.transcript(channel).lines())[-SHOWN_BEFORE:]
        self._console.rule(Text(channel, "dim"), style="dim")
        for line in lines:
            if line.who == "you":
                self._console.print(Text(f"› {line.text}", "green"))
            else:
                self._print(line)

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


def _name(text: str) -> str:
    """Safe as a file's name."""
    return Path("".join(c if c.isalnum() or c in "-_" else "-" for c in text.strip())[:40]).name
