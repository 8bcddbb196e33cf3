"""How a message begins in its author's own typing: what of it may be an agent's name, written out. Pure."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 200  # characters: names are shorter


def opening(typed: str, own: Sequence[str]) -> str:
    """`typed` as the platform has it, where `<` begins a mark; `own` are the marks that name the bot. '' where it begins by
    naming somebody else: whoever is called so is meant, and no agent of that name."""
    left = typed.lstrip()
    while mark := next((one for one in own if left.startswith(one)), ""):
        left = left[len(mark) :].lstrip(" \t\n,:")
    return "" if left.startswith("<") else left[:LONGEST]
