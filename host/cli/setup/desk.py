"""Who is guided: a person at a terminal, who is asked, or a script, which has said everything as flags."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

from host.ports import money
from host.ports.setup import Place, SetUpFailed

MOST_CHOICES = 200  # shown of a list; the rest is found by typing


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was said on the command line; everything else is asked, or stays as it is."""

    platform: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    settings: dict[tuple[str, ...], Any] = field(default_factory=dict)
    channel: str = ""
    owner: str = ""
    budget: float | None = None
    launcher: str = ""
    base_image: str = ""
    start: bool = True


class Desk(Protocol):
    """`host.ports.setup.Desk`, and what the host itself asks."""

    def say(self, line: str) -> None: ...

    def checked(self, what: str) -> None: ...

    def wrong(self, what: str) -> None: ...

    def link(self, address: str, label: str) -> None: ...

    async def pick(self, places: Sequence[Place]) -> Place: ...

    async def choose(self, question: str, choices: Sequence[tuple[str, str]], otherwise: str) -> str:
        """The value of one of (value, label)."""

    async def secret(self, variable: str, where: str, *, needed: bool) -> str:
        """Not shown while it is typed. Raises `SetUpFailed` where nobody can be asked for what is needed."""

    async def dollars(self, question: str, otherwise: float) -> float: ...

    async def agree(self, question: str, *, otherwise: bool) -> bool: ...


class _Said:
    def __init__(self, out: Console, wanted: Wanted) -> None:
        self._out = out
        self._wanted = wanted

    def say(self, line: str) -> None:
        self._print(Text(line) if "://" in line else Text(f"  {line}"), whole="://" in line)

    def _print(self, text: Text, *, whole: bool = False) -> None:
        """Between words, where a person reads; never inside a link, and not at all for a program."""
        self._out.print(text, soft_wrap=whole or not self._out.is_terminal)

    def checked(self, what: str) -> None:
        self._print(Text.assemble(("✓ ", "green"), what))

    def wrong(self, what: str) -> None:
        self._print(Text.assemble(("✗ ", "bold red"), what))

    def link(self, address: str, label: str) -> None:
        """Short where a terminal can hide an address behind words; whole where it is read by a program."""
        if self._out.is_terminal and len(address) > self._out.width:
            self._out.print(Text.assemble("  ", (label, f"underline blue link {address}")))
            self._out.print(
                Text("  (no link to click? `dovecote setup --print-link` prints the whole address)", "dim")
            )
        else:
            self._out.print(Text(address), soft_wrap=True)

    def _named(self, places: Sequence[Place]) -> Place | None:
        wanted = self._wanted.channel.lstrip("#")
        if not wanted:
            return None
        for place in places:
            if wanted in (place.id, place.name, place.name.lstrip("#").partition(" ")[0]):
                return place
        known = ", ".join(f"{place.name} ({place.id})" for place in places[:20])
        raise SetUpFailed(
            f"The bot is in no channel {self._wanted.channel}; it is in {known}. Invite it there."
        )


class Flags(_Said):
    """Asks nobody."""

    async def pick(self, places: Sequence[Place]) -> Place:
        if (named := self._named(places)) is not None:
            return named
        if len(places) == 1:
            return places[0]
        known = ", ".join(f"{place.name} ({place.id})" for place in places[:20])
        raise SetUpFailed(f"Add --channel with one of: {known}.")

    async def choose(self, question: str, choices: Sequence[tuple[str, str]], otherwise: str) -> str:
        return otherwise

    async def secret(self, variable: str, where: str, *, needed: bool) -> str:
        if needed:
            raise SetUpFailed(
                f"{variable} is not set. It is found under: {where}. Set it, or add --secret {variable}=…"
            )
        return ""

    async def dollars(self, question: str, otherwise: float) -> float:
        return otherwise

    async def agree(self, question: str, *, otherwise: bool) -> bool:
        return otherwise


class Terminal(_Said):
    """Asks, by questionary, which is imported when somebody is asked."""

    async def pick(self, places: Sequence[Place]) -> Place:
        if (named := self._named(places)) is not None:
            return named
        if len(places) == 1:
            return places[0]
        choices = [(place.id, place.name) for place in places[:MOST_CHOICES]]
        chosen = await self.choose("Where shall I say hello?", choices, places[0].id)
        return next(place for place in places if place.id == chosen)

    async def choose(self, question: str, choices: Sequence[tuple[str, str]], otherwise: str) -> str:
        import questionary

        listed = [questionary.Choice(label, value) for value, label in choices]
        asked = questionary.select(
            question, choices=listed, default=otherwise, use_search_filter=len(listed) > 10, use_jk_keys=False
        )
        return str(await asked.unsafe_ask_async())

    async def secret(self, variable: str, where: str, *, needed: bool) -> str:
        import questionary

        self.say(f"{where}:")
        while True:
            typed = str(await questionary.password(variable).unsafe_ask_async()).strip()
            if typed or not needed:
                return typed

    async def dollars(self, question: str, otherwise: float) -> float:
        import questionary

        def fits(text: str) -> bool | str:
            try:
                money.entered(text)
            except money.NoAmount as error:
                return str(error)
            return True

        asked = questionary.text(question, default=money.written(otherwise), validate=fits)
        return money.entered(await asked.unsafe_ask_async())

    async def agree(self, question: str, *, otherwise: bool) -> bool:
        import questionary

        return bool(await questionary.confirm(question, default=otherwise).unsafe_ask_async())


def of(out: Console, wanted: Wanted, *, ask: bool) -> Flags | Terminal:
    """A person is asked where there is one: at a terminal, on both sides."""
    if ask and sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return Terminal(out, wanted)
    return Flags(out, wanted)


def beside(path: Path | None) -> Path:
    return path or Path("dovecote.toml")
