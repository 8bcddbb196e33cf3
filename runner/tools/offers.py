"""The tools of an MCP server in the form that the model API takes: legal, unique names, and schemas it accepts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 4_000  # characters
LARGEST_SCHEMA = 50_000  # characters of JSON
DEEPEST = 20  # levels of a schema; what lies below may be anything

_COMBINED = ("anyOf", "oneOf", "allOf")
_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}\Z")
_NAMED = ("properties", "$defs", "patternProperties", "dependentSchemas")  # tables of schemas by name
_SINGLE = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else")
_LISTED = (*_COMBINED, "prefixItems")


class Unusable(Exception):
    """This tool cannot be offered; the text says why."""


def names(server: str, tools: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A legal name for each tool. One that is legal as it is keeps it, whatever the others are called."""
    told = list(dict.fromkeys(tools))
    wanted = {tool: f"mcp__{server}__{tool}" for tool in told}
    made: dict[str, str] = {}
    used = set(taken)
    for tool in sorted(told, key=lambda tool: _legal(wanted[tool]) != wanted[tool]):
        name = _legal(wanted[tool])
        if name in used or len(wanted[tool]) > LONGEST_NAME:
            digest = hashlib.sha256(wanted[tool].encode("utf-8", "replace")).hexdigest()[:8]
            name = f"{name[: LONGEST_NAME - 9]}_{digest}"
        used.add(name)
        made[tool] = name
    return made


def _legal(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:LONGEST_NAME]


def schema(told: object) -> dict[str, Any]:
    """The schema, mended where the model API would refuse it. Raises `Unusable`."""
    if not isinstance(told, dict):
        raise Unusable("its schema is not an object")
    if len(json.dumps(told)) > LARGEST_SCHEMA:
        raise Unusable(f"its schema is larger than {LARGEST_SCHEMA} characters")
    found = _flat(told, told, DEEPEST)
    kind = found.get("type", "object")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        raise Unusable(f"its arguments are not an object but {json.dumps(kind)[:60]}")
    for name in found.get("properties", {}):
        if not _PROPERTY.match(name):
            raise Unusable(f"the model API refuses its argument's name {name[:80]!r}")
    mended: dict[str, Any] = _mended({**found, "type": "object"}, told, DEEPEST)
    mended.setdefault("properties", {})
    _check(mended)
    return mended


def _flat(told: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """One object of what the top level says by references and alternatives, which the model API refuses there."""
    if depth == 0:
        raise Unusable("its schema refers to itself")
    found = {key: value for key, value in told.items() if key not in ("$ref", *_COMBINED)}
    if not isinstance(found.get("properties", {}), dict):
        raise Unusable("its arguments are not a table")
    reference = told.get("$ref")
    branches = [("allOf", [_target(reference, root) or {}])] if reference is not None else []
    branches += [(key, told[key]) for key in _COMBINED if isinstance(told.get(key), list)]
    for key, options in branches:
        flat = [_flat(option, root, depth - 1) for option in options if isinstance(option, dict)]
        flat = [option for option in flat if option.get("type", "object") == "object"]
        needed = [set(_required(option)) for option in flat]
        # Of alternatives only what all demand is demanded; the server checks the rest.
        common = set().union(*needed) if key == "allOf" else set.intersection(*needed) if needed else set()
        properties = {name: value for option in flat for name, value in option.get("properties", {}).items()}
        found["properties"] = {**properties, **found.get("properties", {})}
        found["required"] = sorted({*_required(found), *common})
        if flat and found.get("additionalProperties") is False:
            del found["additionalProperties"]
        for option in flat:
            for word in ("$defs", "definitions"):
                if isinstance(option.get(word), dict):
                    found[word] = {**option[word], **found.get(word, {})}
    return found


def _required(told: Mapping[str, Any]) -> list[str]:
    names = told.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _target(reference: object, root: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a reference inside of this schema leads to."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = root
    for step in reference[1:].strip("/").split("/"):
        if step:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _mended(told: Any, root: Mapping[str, Any], depth: int) -> Any:
    if isinstance(told, bool):
        return told
    if not isinstance(told, dict) or depth == 0:
        return {}
    made = {key: value for key, value in told.items() if key not in ("$schema", "$id", "id", "nullable")}
    _old_words(made)
    _wrong_values(made)
    if "$ref" in made:
        reference = made.pop("$ref")
        if _target(reference, root) is not None:
            made["$ref"] = str(reference).replace("#/definitions/", "#/$defs/", 1)
    for key in _NAMED:
        if key in made:
            tables = made[key] if isinstance(made[key], dict) else {}
            made[key] = {name: _mended(inner, root, depth - 1) for name, inner in tables.items()}
    for key in _SINGLE:
        if key in made:
            made[key] = _mended(made[key], root, depth - 1)
    for key in _LISTED:
        if key in made:
            inner = [_mended(option, root, depth - 1) for option in made[key]] if made[key] else []
            made.pop(key) if not inner else made.update({key: inner})
    if told.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def _old_words(made: dict[str, Any]) -> None:
    """What older drafts of JSON schema called differently."""
    if "definitions" in made:
        definitions = made.pop("definitions")
        if isinstance(definitions, dict):
            made["$defs"] = {**definitions, **made.get("$defs", {})}
    if isinstance(made.get("items"), list):
        made["prefixItems"] = made.pop("items")
        if "additionalItems" in made:
            made["items"] = made.pop("additionalItems")
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and limit in made:
            made[exclusive] = made.pop(limit)


def _wrong_values(made: dict[str, Any]) -> None:
    """Words with values that no draft knows say nothing: they are left out."""
    kind = made.get("type")
    kinds = [one for one in kind if one in _TYPES] if isinstance(kind, list) else []
    if isinstance(kind, list) and kinds:
        made["type"] = list(dict.fromkeys(kinds))
    elif "type" in made and not (isinstance(kind, str) and kind in _TYPES):
        del made["type"]
    if "required" in made:
        made["required"] = list(dict.fromkeys(_required(made)))
    for key in ("enum", "examples", *_LISTED):
        if key in made and not isinstance(made[key], list):
            del made[key]
    for key in ("description", "title", "format", "$comment", "$anchor"):
        if key in made and not isinstance(made[key], str):
            del made[key]
    if "pattern" in made and not _compiles(made["pattern"]):
        del made["pattern"]


def _compiles(pattern: object) -> bool:
    try:
        return isinstance(pattern, str) and bool(re.compile(pattern))
    except re.error:
        return False


def _check(mended: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator, SchemaError  # type: ignore[import-untyped]

    try:
        Draft202012Validator.check_schema(mended)
    except (SchemaError, RecursionError) as error:
        raise Unusable(f"its schema is wrong: {getattr(error, 'message', error)!s:.120}") from error
