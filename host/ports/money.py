"""Amounts of US dollars as people write them, and as they are shown to be written again. What can be read in two ways is asked
about, and never guessed."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from host.words import Sentence, say

MICRO = 1_000_000

_SIGN = r"(?:US\$|\$|USD|US dollars?|dollars?)"
_WRITTEN = re.compile(rf"(?:{_SIGN} ?)?(?P<number>[0-9][0-9., ']*)(?: ?{_SIGN})?", re.IGNORECASE)
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?P<by>[., '])[0-9]{3}(?:(?P=by)[0-9]{3})*")
_TWO_WAYS = re.compile(r"(?P<whole>[1-9][0-9]{0,2})[.,](?P<rest>[0-9]{3})")
_WITH_CENTS = re.compile(r"(?P<whole>.*)(?P<point>[.,])(?P<cents>[0-9]{1,6})")
LONGEST = 12  # digits in front of the point


class NoAmount(ValueError):
    """`.text` says what it could be."""

    def __init__(self, text: Sentence) -> None:
        super().__init__(text)
        self.text = text


def entered(text: str) -> float:
    """`$1,000.50`, `1.000,50 USD`, `2,5`, `1 000`. Raises `NoAmount`."""
    found = _WRITTEN.fullmatch(" ".join(unicodedata.normalize("NFKC", text).replace("’", "'").split()))
    number = found["number"].strip() if found is not None else ""
    if both := _TWO_WAYS.fullmatch(number):
        many = both["whole"] + both["rest"]
        raise NoAmount(
            say(
                "{amount} can be read in two ways: write {many} or {few}.",
                amount=number,
                many=many,
                few=written(int(many) / 1000),
            )
        )
    cents, point = "", ""
    if not _GROUPED.fullmatch(number) and (parted := _WITH_CENTS.fullmatch(number)):
        number, cents, point = parted["whole"], parted["cents"], parted["point"]
    if (grouped := _GROUPED.fullmatch(number)) and grouped["by"] != point:
        number = number.replace(grouped["by"], "")
    if not number.isdigit() or len(number) > LONGEST:
        raise NoAmount(say("A number of dollars, such as 2.50."))
    return (int(number) * MICRO + int(cents.ljust(6, "0"))) / MICRO


def millionths(amount: float) -> int:
    """Of what its digits say: a float's own product is off by some, of a great amount."""
    return round(Decimal(repr(float(amount))) * MICRO)


def written(amount: float) -> str:
    """As `entered` reads it: the same amount, to the millionth."""
    whole, cents = divmod(millionths(amount), MICRO)
    if not cents:
        return str(whole)
    digits = f"{cents:06}".rstrip("0").ljust(2, "0")
    return f"{whole}.{digits}0" if len(digits) == 3 else f"{whole}.{digits}"
