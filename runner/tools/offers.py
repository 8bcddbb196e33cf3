"""The tools of an MCP server in the form that the model API takes: legal, unique names, and schemas it accepts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 4_000  # characters
LARGEST_SCHEMA = 50_000  # characters of JSON
MOST_BRANCHES = 500  # alternatives and references at the top of a schema, each as often as it is met
MOST_PARTS = 10_000  # of a schema, once these are one
DEEPEST = 20  # levels of a schema; what lies below may be anything

_COMBINED = ("anyOf", "oneOf", "allOf")
_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}\Z")
_NAMED = ("properties", "$defs", "patternProperties", "dependentSchemas")  # tables of schemas by name
_SINGLE = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else")
_LISTED = (*_COMBINED, "prefixItems")


class Unusable(Exception):
    """This tool cannot be offered; the text says why."""


@dataclass(slots=True)
class _Whole:
    """The schema as it was told, and how much of it may still be looked at: references multiply what they lead to."""

    root: Mapping[str, Any]
    branches: int = MOST_BRANCHES
    parts: int = MOST_PARTS

    def branch(self) -> None:
        self.branches -= 1
        if self.branches < 0:
            raise Unusable("its schema has too many alternatives")

    def part(self) -> None:
        self.parts -= 1
        if self.parts < 0:
            raise Unusable("its schema has too many parts")


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
    whole = _Whole(told)
    found = _flat(told, whole, DEEPEST)
    if not _may_be_object(found):
        raise Unusable(f"its arguments are not an object but {json.dumps(found['type'])[:60]}")
    for name in found.get("properties", {}):
        if not _PROPERTY.match(name):
            raise Unusable(f"the model API refuses its argument's name {name[:80]!r}")
    mended: dict[str, Any] = _mended({**found, "type": "object"}, whole, DEEPEST)
    mended.setdefault("properties", {})
    _check(mended)
    return mended


def _flat(told: Mapping[str, Any], whole: _Whole, depth: int) -> dict[str, Any]:
    """One object of what the top level says by references and alternatives, which the model API refuses there."""
    if depth == 0:
        raise Unusable("its schema refers to itself")
    whole.branch()
    found = {key: value for key, value in told.items() if key not in ("$ref", *_COMBINED)}
    if found.get("properties", {}) in (None, []):
        found["properties"] = {}  # what some languages write for an empty table
    if not isinstance(found.get("properties", {}), dict):
        raise Unusable("its arguments are not a table")
    reference = told.get("$ref")
    branches = [("allOf", [_target(reference, whole.root) or {}])] if reference is not None else []
    branches += [(key, told[key]) for key in _COMBINED if isinstance(told.get(key), list)]
    for key, options in branches:
        flat = [_flat(option, whole, depth - 1) for option in options if isinstance(option, dict)]
        flat = [option for option in flat if _may_be_object(option)]
        needed = [set(_required(option)) for option in flat]
        # Of alternatives only what all demand is demanded; the server checks the rest.
        common = set().union(*needed) if key == "allOf" else set.intersection(*needed) if needed else set()
        properties = _joined(key, [option.get("properties", {}) for option in flat])
        found["properties"] = {**properties, **found.get("properties", {})}
        found["required"] = sorted({*_required(found), *common})
        if flat and found.get("additionalProperties") is False:
            del found["additionalProperties"]
        for option in flat:
            for word in ("$defs", "definitions"):
                if isinstance(option.get(word), dict):
                    found[word] = {**option[word], **found.get(word, {})}
    return found


def _may_be_object(told: Mapping[str, Any]) -> bool:
    kind = told.get("type", "object")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _joined(key: str, tables: list[dict[str, Any]]) -> dict[str, Any]:
    """One table of arguments. Of what alternatives say differently, as of the word that tells them apart, any will do."""
    told: dict[str, list[Any]] = {}
    for table in tables:
        for name, value in table.items():
            if value not in told.setdefault(name, []):
                told[name].append(value)
    joint = "allOf" if key == "allOf" else "anyOf"
    return {name: values[0] if len(values) == 1 else {joint: values} for name, values in told.items()}


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


def _mended(told: Any, whole: _Whole, depth: int) -> Any:
    whole.part()
    if isinstance(told, bool):
        return told
    if not isinstance(told, dict) or depth == 0:
        return {}
    made = {key: value for key, value in told.items() if key not in ("$schema", "$id", "id", "nullable")}
    _old_words(made)
    _wrong_values(made)
    if "$ref" in made:
        reference = made.pop("$ref")
        if _target(reference, whole.root) is not None:
            made["$ref"] = str(reference).replace("#/definitions/", "#/$defs/", 1)
    for key in _NAMED:
        if key in made:
            tables = made[key] if isinstance(made[key], dict) else {}
            made[key] = {name: _mended(inner, whole, depth - 1) for name, inner in tables.items()}
    for key in _SINGLE:
        if key in made:
            made[key] = _mended(made[key], whole, depth - 1)
    for key in _LISTED:
        if key in made:
            inner = [_mended(option, whole, depth - 1) for option in made[key]] if made[key] else []
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
