"""The small line below an answer that says what it took, where a channel wants it: in one form for each language, by which every
reader knows it.

It is the host's word and none of the answer: what an agent reads back of a place is without it.
"""

from __future__ import annotations

import re
from functools import cache

from host.words import Sentence, catalogue, dollars, joined, languages, say

CENT = 10_000  # millionths of a dollar

_VALUES = {
    "hours": r"\d+",
    "minutes": r"\d+",
    "seconds": r"\d+",
    "amount": r"(?:\$\d[\d,]*\.\d\d|\d[\d.]*,\d\d \$)",
}


def said(ms: int, micro: int | None) -> Sentence:
    """`micro`: millionths of a dollar, None where no model was paid."""
    seconds = max(0, round(ms / 1000))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    parts = [say("{hours} h", hours=hours)] * bool(hours)
    parts += [say("{minutes} min", minutes=minutes)] * bool(hours or minutes)
    time = joined(" ", [*parts, say("{seconds} s", seconds=seconds % 60)])
    if micro is None:
        return say("Took {time}", time=time)
    cost = dollars(micro) if micro >= CENT or micro == 0 else say("under {amount}", amount=dollars(CENT))
    return say("Took {time} · {cost}", time=time, cost=cost)


def is_one(line: str) -> bool:
    return any(re.fullmatch(form, line.strip()) for form in _forms(languages()))


def below(text: str, bill: str) -> str:
    """As a small line of Discord's."""
    return f"{text}\n-# {bill}"


def without(text: str) -> str:
    """Of what `below` made."""
    before, line, small = text.rstrip().rpartition("-# ")
    if not line or (before and not before.endswith("\n")) or not is_one(small):
        return text
    return before.removesuffix("\n")


@cache
def _forms(spoken: tuple[str, ...]) -> tuple[str, ...]:
    """Of bills in these languages, by the sentences that they are made of."""

    def form(language: str, sentence: str, values: dict[str, str]) -> str:
        pattern = re.escape(catalogue(language).gettext(sentence))
        for name, value in values.items():
            pattern = pattern.replace(re.escape(f"{{{name}}}"), value)
        return pattern

    found = []
    for language in spoken:
        units = [form(language, unit, _VALUES) for unit in ("{hours} h", "{minutes} min", "{seconds} s")]
        under = form(language, "under {amount}", _VALUES)
        values = {
            "time": f"(?:{units[0]} )?(?:{units[1]} )?{units[2]}",
            "cost": f"(?:{under}|{_VALUES['amount']})",
        }
        found += [form(language, one, values) for one in ("Took {time}", "Took {time} · {cost}")]
    return tuple(found)
