"""What is wrong with a value, in our words: those of the library say nothing to whoever wrote the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from host.config.kinds import REFUSED
from host.config.schema import Config
from sessiondb.options import listed, nearest

Loc = tuple[str | int, ...]
SECRET = re.compile(r"token|secret|password|(^|_)key($|_)", re.IGNORECASE)
SECRETS = {
    "slack": "SLACK_BOT_TOKEN, SLACK_APP_TOKEN and SLACK_SIGNING_SECRET",
    "discord": "DISCORD_BOT_TOKEN",
    "model": "ANTHROPIC_API_KEY",
    "credentials": "ONECLI_API_KEY",
}
MUST_BE = {
    "string": ("must be text", "Put it between quotes"),
    "bool": ("must be true or false", "Write it in small letters and without quotes"),
    "int": ("must be a whole number", "Write it without quotes, dot or unit"),
    "float": ("must be a number", "Write it without quotes or unit; inf is without limit"),
    "tuple": ("must be a list", 'Write ["…", "…"]'),
    "dict": ("must be a table", "Write [section] and its keys below"),
    "model": ("must be a table", "Write [section] and its keys below"),
    "path": ("must be a folder's path", "Put it between quotes"),
}
BOUNDS = {
    "greater_than": ("must be more than {gt}", "gt"),
    "greater_than_equal": ("must be at least {ge}", "ge"),
    "less_than": ("must be less than {lt}", "lt"),
    "less_than_equal": ("must be at most {le}", "le"),
}
NAME = (
    "A name is made of small letters, digits and hyphens, fifty at most, and begins with a letter or a digit"
)


def told(error: Mapping[str, Any]) -> Iterator[tuple[Loc, str, str]]:
    """One error of the library as (path, problem, remedy), or several."""
    loc: Loc = tuple(part for part in error["loc"] if part not in ("[key]", "hooks"))
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind == REFUSED:
        if "faults" in context:
            yield from (((*loc, *fault.key), fault.problem, fault.remedy) for fault in context["faults"])
        else:
            yield loc, str(context["problem"]), str(context["remedy"])
    elif kind == "extra_forbidden":
        yield loc, "unknown key", _instead_of(loc)
    elif kind == "missing":
        yield loc, "is missing", f"Add {loc[-1]} = …"
    else:
        problem, remedy = _valued(kind, context, error.get("input"), loc)
        yield loc, problem, remedy


def _valued(kind: str, context: Mapping[str, Any], value: object, loc: Loc) -> tuple[str, str]:
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return f"cannot be {_shown(value, loc)}", nearest(value, known) or f"Write one of {listed(known)}"
    if kind in BOUNDS:
        words, name = BOUNDS[kind]
        return words.format(**{name: f"{context[name]:g}"}), f"Write another number than {_shown(value, loc)}"
    if kind == "string_pattern_mismatch":
        return f"cannot be {_shown(value, loc)}", NAME if "aliases" not in loc else "An alias is one word"
    if kind.endswith("too_short"):
        return "must not be empty", "Write something, or leave the key out"
    if kind.endswith("too_long"):
        return (
            "is too long",
            f"Write {context['max_length']} {'letters' if kind[0] == 's' else 'of them'} at most",
        )
    for begin, (problem, remedy) in MUST_BE.items():
        if kind.startswith(begin):
            return problem, remedy
    return "cannot be this", "dovecote.example.toml shows every key with its default"


def _instead_of(loc: Loc) -> str:
    name = str(loc[-1])
    if SECRET.search(name) and str(loc[0]) in SECRETS:
        return f"Secrets stand in .env, never here: {SECRETS[str(loc[0])]}"
    section = _section(loc[:-1])
    known = list(section.model_fields) if section is not None else []
    if hint := nearest(name, known):
        return f"{hint} dovecote.example.toml shows every key"
    places = sorted(_sections_with(name))
    if places:
        return f"It belongs to {' or '.join(places)}"
    return f"Remove it; known here are {', '.join(known)}" if known else "Remove it"


def _section(loc: Loc, section: type[BaseModel] = Config) -> type[BaseModel] | None:
    """The model that the path leads to. Names of tables and numbers of lists are steps too."""
    for part in loc:
        field = section.model_fields.get(str(part))
        if field is None:
            if section.__name__ == "Webhooks":  # in the file a hook is a table of `webhooks` itself
                found = _models(section.model_fields["hooks"].annotation)
            else:
                continue
        else:
            found = _models(field.annotation)
        if not found:
            return None
        section = found[0]
    return section


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _sections_with(name: str, section: type[BaseModel] = Config, path: str = "") -> Iterator[str]:
    for key, field in section.model_fields.items():
        if key == name and path:
            yield f"[{path}]"
        for inner in _models(field.annotation):
            many = ".NAME" if "dict[" in str(field.annotation) else ""
            yield from _sections_with(name, inner, f"{path}.{key}{many}".lstrip("."))


def _shown(value: object, loc: Loc) -> str:
    if any(SECRET.search(str(part)) for part in loc):
        return "that"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
