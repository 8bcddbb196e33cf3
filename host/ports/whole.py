"""What comes in from outside as it can be written down: half a character in a name, or a time that no calendar has, would break
whatever keeps it, at each try.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from sessiondb import Address

LATEST = 253_402_300_799_000  # ms UTC, the end of the year 9999

T = TypeVar("T")


def whole(found: T) -> T:
    """Lone surrogates replaced, wherever they stand in it; times, which are called `at`, within 64 bits. What is whole is
    returned as it is."""
    made: T = _whole(found)
    return made


def border(made: type[T]) -> type[T]:
    """A class whose public methods are given whatever outsiders say: each argument comes to them whole."""
    for name, method in list(vars(made).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(made, name, _given_whole(method))
    return made


def _given_whole(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def given(self: object, *arguments: object, **named: object) -> Any:
        return method(self, *map(_whole, arguments), **{name: _whole(one) for name, one in named.items()})

    return given


def _whole(found: Any) -> Any:
    if type(found) is str:
        return found if _is_whole(found) else found.encode("utf-8", "replace").decode("utf-8")
    if isinstance(found, tuple):
        each = [_whole(one) for one in found]
        if all(new is old for new, old in zip(each, found, strict=True)):
            return found
        return Address(*each) if isinstance(found, Address) else tuple(each)
    if not dataclasses.is_dataclass(found) or isinstance(found, type):
        return found
    had = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    made = {name: _bounded(value) if name == "at" else _whole(value) for name, value in had.items()}
    changed = {name: value for name, value in made.items() if value is not had[name]}
    return dataclasses.replace(found, **changed) if changed else found


def _is_whole(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False


def _bounded(at: int) -> int:
    return at if 0 <= at <= LATEST else min(max(at, 0), LATEST)
