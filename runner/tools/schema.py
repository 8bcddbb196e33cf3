"""JSON schema from a function's typed signature, and the check of a model's arguments against it.

Small on purpose: the runner starts without pydantic. It knows str, int, float, bool, list[…], dict, `X | None` and Literal.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, Union

_JSON = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array"}


class ArgumentError(ValueError):
    """The model's arguments do not fit; the text is for the model."""


def of_function(function: Callable[..., object]) -> dict[str, Any]:
    """The schema of every parameter after the first, which is the tool's context."""
    hints = typing.get_type_hints(function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    properties = {parameter.name: _of_type(hints[parameter.name]) for parameter in parameters}
    required = [p.name for p in parameters if p.default is inspect.Parameter.empty]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def check(schema: dict[str, Any], arguments: object) -> dict[str, Any]:
    """The arguments, when they fit. Raises `ArgumentError`."""
    if not isinstance(arguments, dict):
        raise ArgumentError("arguments must be an object")
    properties = schema["properties"]
    for name in schema["required"]:
        if name not in arguments:
            raise ArgumentError(f"missing argument {name!r}")
    for name, value in arguments.items():
        if name not in properties:
            raise ArgumentError(f"unknown argument {name!r}; known: {', '.join(properties)}")
        _check_value(name, properties[name], value)
    return arguments


def _of_type(hint: Any) -> dict[str, Any]:
    origin = typing.get_origin(hint)
    if origin is Literal:
        return {"type": "string", "enum": list(typing.get_args(hint))}
    if origin in (Union, types.UnionType):
        kinds = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return _of_type(kinds[0])
    if origin is list:
        return {"type": "array", "items": _of_type(typing.get_args(hint)[0])}
    if origin is dict or hint is dict:
        return {"type": "object"}
    return {"type": _JSON[hint]}


def _check_value(name: str, schema: dict[str, Any], value: object) -> None:
    kind = schema["type"]
    allowed = {"number": (int, float), "integer": (int,), "string": (str,), "boolean": (bool,)}
    expected = allowed.get(kind, (list,) if kind == "array" else (dict,))
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean"):
        raise ArgumentError(f"argument {name!r} must be of type {kind}")
    if "enum" in schema and value not in schema["enum"]:
        raise ArgumentError(f"argument {name!r} must be one of {', '.join(schema['enum'])}")
    if kind == "array":
        for item in typing.cast("list[object]", value):
            _check_value(f"{name}[]", schema["items"], item)
