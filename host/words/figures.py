"""Amounts and lists in the way of a language. Another one that differs from English in this is named here."""

from __future__ import annotations

from host.words.catalogues import mark

WEEKDAYS = (
    mark("Monday"),
    mark("Tuesday"),
    mark("Wednesday"),
    mark("Thursday"),
    mark("Friday"),
    mark("Saturday"),
    mark("Sunday"),
)
MONTHS = (
    mark("January"),
    mark("February"),
    mark("March"),
    mark("April"),
    mark("May"),
    mark("June"),
    mark("July"),
    mark("August"),
    mark("September"),
    mark("October"),
    mark("November"),
    mark("December"),
)
NAMES = {"en": "English", "de": "Deutsch", "es": "Español", "ja": "日本語", "zh": "中文（简体）"}
_COMMA_BEFORE_CENTS = frozenset({"de", "es"})
_AROUND = str.maketrans({",": ".", ".": ","})
_COMMAS = {"ja": "、", "zh": "，"}
_COLONS = {"ja": "：", "zh": "："}


def called(language: str) -> str:
    """By those who speak it."""
    return NAMES.get(language, language)


def dollars(micro: int, language: str) -> str:
    """From millionths: `$1,234.50`, `1.234,50 $`."""
    amount = f"{micro / 1_000_000:,.2f}"
    return f"{amount.translate(_AROUND)} $" if language in _COMMA_BEFORE_CENTS else f"${amount}"


def number(amount: int, language: str) -> str:
    grouped = f"{amount:,}"
    return grouped.translate(_AROUND) if language in _COMMA_BEFORE_CENTS else grouped


def decimal(amount: float, language: str) -> str:
    """`0.5`, `0,5`."""
    return f"{amount:g}".translate(_AROUND) if language in _COMMA_BEFORE_CENTS else f"{amount:g}"


def colon(language: str) -> str:
    return _COLONS.get(language, ": ")


def comma(language: str) -> str:
    return _COMMAS.get(language, ", ")
