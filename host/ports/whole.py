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
        if not found:
            return found
        each = [_whole(one) for one in found]
        if all(new is old for new, old in zip(each, found, strict=True)):
            return found
        return Address(*each) if isinstance(found, Address) else tuple(each)
    changed = {}
    for name in _fields_of(found.__class__):
        value = getattr(found, name)
        if type(value) is bool or (type(value) is str and value.isascii()):  # as most are
            continue
        new = _bounded(value) if name == "at" else _whole(value)
        if new is not value:
            changed[name] = new
    return dataclasses.replace(found, **changed) if changed else found


@functools.cache
def _fields_of(kind: type) -> tuple[str, ...]:
    """The fields of a record; of anything else none."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def _is_whole(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False


def _bounded(at: int) -> int:
    return at if 0 <= at <= LATEST else min(max(at, 0), LATEST)
