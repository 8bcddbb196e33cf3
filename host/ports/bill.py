"""The small line below an answer that says what it took, where a channel wants it: in one form, by which every reader knows it.

It is the host's word and none of the answer: what an agent reads back of a place is without it.
"""

from __future__ import annotations

import re

MICRO = 1_000_000  # millionths in a dollar
CENT = 10_000

_FORM = r"Took (?:\d+ h )?(?:\d+ min )?\d+ s(?: · (?:under )?\$[\d,]+\.\d\d)?"
_ALONE = re.compile(_FORM)
_BELOW = re.compile(rf"(?:\A|\n)-# {_FORM}\s*\Z")


def said(ms: int, micro: int | None) -> str:
    """`micro`: millionths of a dollar, None where no model was paid."""
    seconds = max(0, round(ms / 1000))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    took = f"{f'{hours} h ' if hours else ''}{f'{minutes} min ' if hours or minutes else ''}{seconds % 60} s"
    return f"Took {took}" if micro is None else f"Took {took} · {_dollars(micro)}"


def _dollars(micro: int) -> str:
    return f"${micro / MICRO:,.2f}" if micro >= CENT or micro == 0 else "under $0.01"


def is_one(line: str) -> bool:
    return _ALONE.fullmatch(line.strip()) is not None


def below(text: str, bill: str) -> str:
    """As a small line of Discord's."""
    return f"{text}\n-# {bill}"


def without(text: str) -> str:
    """Of what `below` made."""
    return _BELOW.sub("", text)
