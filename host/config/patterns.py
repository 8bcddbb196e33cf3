"""A route's pattern: a regular expression that is looked for in as long as a text is, whoever wrote the text and whoever it.

RE2 looks for it, which never goes back over a text. It has Python's expressions but for what cannot be found that way
(look-ahead and look-behind, references back), and its letters, digits and spaces are those of ASCII: they are written out here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_LETTERS, _SPACES = r"\p{L}\p{N}_", r"\s\x{0b}\x{1c}-\x{1f}\x{85}\p{Z}"
_INSTEAD = {"w": _LETTERS, "s": _SPACES}
_ANYWHERE = {"d": r"\p{Nd}", "D": r"\P{Nd}", "Z": r"\z"}
_UP_TO = re.compile(r"\{,\d*\}")  # which RE2 takes for these signs themselves
_NUMBERED = {"u": 4, "U": 8}  # digits


class PatternError(ValueError):
    """It cannot be looked for in a bounded time, for the sake of what the text is."""


def found(pattern: str, text: str) -> bool:
    """Whether it is somewhere in the text. Raises `PatternError`."""
    return compiled(pattern).search(text) is not None


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """Raises `re.error` for what is no regular expression at all, and `PatternError`."""
    import re2  # only where a route has a pattern

    re.compile(pattern)
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_written(pattern), options)
    except re2.error as error:
        told = error.args[0] if error.args else b""
        said = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        raise PatternError(said.rpartition(": ")[2]) from error  # "invalid perl operator: (?="


def _written(pattern: str) -> str:
    """As RE2 writes it."""
    parts: list[str] = []
    at, within = 0, False
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\" and at + 1 < len(pattern):
            digits = _NUMBERED.get(pattern[at + 1], 0)
            end = at + 2 + digits
            parts.append(_escaped(pattern, at, end, within))
            at = end
            continue
        if sign == "[" and not within:
            within = True
            first = at + 1 + (pattern[at + 1 : at + 2] == "^")
            if pattern[first : first + 1] == "]":  # the sign itself
                parts.append(pattern[at:first] + r"\]")
                at = first + 1
                continue
        elif sign == "[":
            sign = r"\["
        elif sign == "]":
            within = False
        elif sign == "{" and not within and _UP_TO.match(pattern, at):
            raise PatternError("a number of times without its least: write {0,3} for {,3}")
        parts.append(sign)
        at += 1
    return "".join(parts)


def _escaped(pattern: str, at: int, end: int, within: bool) -> str:
    name = pattern[at + 1]
    if name in _NUMBERED:
        return f"\\x{{{pattern[at + 2 : end]}}}"
    if name in _ANYWHERE and not (within and name == "Z"):
        return _ANYWHERE[name]
    if (signs := _INSTEAD.get(name.lower())) is not None and name in "wWsS":
        if not within:
            return f"[{'' if name.islower() else '^'}{signs}]"
        if name.isupper():
            raise PatternError(f"\\{name} within brackets")
        return signs
    if name in "bB" and not within and any(one.isalpha() and not one.isascii() for one in pattern):
        raise PatternError(f"\\{name} with letters that are not those of a to z")
    return pattern[at:end]
