"""Samples of what others define: JSON by the annotations of a library's own models, every optional field absent and present."""

from __future__ import annotations

import types
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

TEXTS = (
    *("", " ", "a", "hello", "\n", "x" * 300, "ねこ 🕊", "\u202e"),
    *("</note>", "null", "\ud83d", "&amp;", "0", "messages.0.content.0"),
)
DEEPEST = 4  # models inside models


def kinds(union: Any) -> list[type[BaseModel]]:
    """The members of a union of models."""
    while get_origin(union) is Annotated:
        union = get_args(union)[0]
    return list(get_args(union))


def sample(model: type[BaseModel], random: Random, depth: int = 0) -> dict[str, Any]:
    made = {}
    for name, field in model.model_fields.items():
        optional = not field.is_required()
        if optional and (depth > DEEPEST or random.random() < 0.5):
            continue
        value = _value(field.annotation, random, depth)
        if value is not None or not optional:
            made[field.alias or name] = value
    return made


def _value(annotation: Any, random: Random, depth: int) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(arguments[0], random, depth)
    if origin is Literal:
        return random.choice(arguments)
    if origin in (Union, types.UnionType):
        chosen = [a for a in arguments if depth <= DEEPEST or not _is_model(a)] or list(arguments)
        return _value(random.choice(chosen), random, depth)
    if origin is list:
        return [_value(arguments[0], random, depth + 1) for _ in range(random.randrange(3))]
    if origin is dict:
        return {
            random.choice(TEXTS): _value(arguments[1], random, depth + 1) for _ in range(random.randrange(3))
        }
    if _is_model(annotation):
        return sample(annotation, random, depth + 1)
    return _plain(annotation, random)


def _plain(annotation: Any, random: Random) -> Any:
    if annotation is str:
        return random.choice(TEXTS)
    if annotation is bool:
        return random.random() < 0.5
    if annotation is int:
        return random.choice((0, 1, -1, 2**40))
    if annotation is float:
        return random.random()
    if annotation is type(None):
        return None
    return random.choice(({}, {"a": [1, {"b": None}]}, "text", 7, [], None))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def damaged(data: bytes, random: Random) -> bytes:
    """Cut, with bytes turned, with something before or behind, or whole."""
    changed = bytearray(data)
    match random.randrange(5):
        case 0:
            return bytes(changed[: random.randrange(len(changed) + 1)])
        case 1:
            for _ in range(random.randrange(1, 20)):
                changed[random.randrange(len(changed))] = random.randrange(256)
        case 2:
            changed[random.randrange(min(64, len(changed)))] ^= 0xFF
        case 3:
            return random.randbytes(random.randrange(40)) + data
    return bytes(changed)
