"""Records that cost the start of a process next to nothing: frozen dataclasses that share their methods.

`dataclass` writes six functions for each class and compiles them anew in each process, half a millisecond for a class, and
whoever waits for a cold container waits for fifty of them. Here a class has its fields from `dataclass`, so that `fields`,
`replace` and pydantic know it, and its methods from this module. To make one takes a microsecond longer.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """As `dataclass(frozen=True, slots=True)`. Of what `field` may say it knows `default_factory`."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # without one, `dataclass` draws the signature
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    made._defaults = {one.name: one.default for one in fields(made) if one.default is not MISSING}
    made._slots = tuple(made.__dict__[name].__set__ for name in made.__match_args__)
    for name, method in _SHARED.items():
        setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def _init(self: Any, *given: Any, **named: Any) -> None:
    if len(given) == len(self._slots) and not named:
        for put, value in zip(self._slots, given, strict=True):
            put(self, value)
        return
    names = self.__match_args__
    told = {**dict(zip(names, given, strict=False)), **named}
    values = {**self._defaults, **told}
    for name, put in zip(names, self._slots, strict=True):
        put(self, values[name] if name in values else _made(self, name))
    unknown = values.keys() - names
    if unknown or len(told) < len(given) + len(named):
        raise TypeError(f"{type(self).__name__} knows no {unknown or 'field twice, nor so many'}")


def _made(self: Any, name: str) -> Any:
    factory = self.__dataclass_fields__[name].default_factory
    if factory is MISSING:
        raise TypeError(f"{type(self).__name__} lacks {name!r}")
    return factory()


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__match_args__])


def _shown(self: Any) -> str:
    told = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({told})"


def _same(self: Any, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hashed(self: Any) -> int:
    return hash(_values(self))


def _reduced(self: Any) -> tuple[Any, ...]:
    return type(self), _values(self)


def _refused(self: Any, name: str, _: object = None) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


_SHARED = {
    "__init__": _init,
    "__repr__": _shown,
    "__eq__": _same,
    "__hash__": _hashed,
    "__reduce__": _reduced,
    "__setattr__": _refused,
    "__delattr__": _refused,
}
