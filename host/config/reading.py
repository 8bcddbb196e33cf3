"""The file is read once, and judged once: what load, doctor and runner make of it is the same."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from host.config import crossing, files, wording
from host.config.errors import ConfigError, Fault
from host.config.lines import Lines
from host.config.schema import Config

DEFAULT = Path("dovecote.toml")
PLACE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")
QUOTES = re.compile("[“”„‘’«»]")
BARE_WORD = re.compile(r"^\s*[\w.\"-]+\s*=\s*[A-Za-z]\S*")
ALMOST = {
    "True": "true",
    "False": "false",
    "None": '""',
    "yes": "true",
    "no": "false",
    "on": "true",
    "off": "false",
}


def load(path: Path | None) -> Config:
    """Reads the file, or `dovecote.toml` in the working folder if there is one. Raises `ConfigError`."""
    file = path or DEFAULT
    try:
        text = files.text_of(file)
    except FileNotFoundError:
        if path is None:
            return Config()
        raise ConfigError(
            file, [Fault("", "no such file", "Name an existing file, or leave --config out")]
        ) from None
    return parsed(text, file)


def load_again(path: Path | None, *, was_there: bool) -> Config:
    """What the file says by now, for a host that runs; `was_there`: it began with one. Blocks a moment where the file was
    written just now. Raises `ConfigError`."""
    file = path or (DEFAULT if was_there else None)
    if file is not None:
        files.settle(file)
    return load(file)


def parsed(text: str, file: Path) -> Config:
    """Raises `ConfigError` with everything that is wrong."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, [_no_toml(str(error), text)]) from error
    except RecursionError:
        deep = Fault("", "nests lists or tables too deeply", "No setting has a list in a list")
        raise ConfigError(file, [deep]) from None
    wrong: list[crossing.Crossing] = []
    try:
        config = Config.model_validate(found)
    except ValidationError as error:
        wrong += _explained(error)
    wrong += crossing.faults(found)
    if wrong:
        lines = Lines(text)
        faults = [Fault(_key(path), problem, remedy, lines.of(path)) for path, problem, remedy in wrong]
        raise ConfigError(file, sorted(faults, key=lambda fault: fault.line))
    return config


def _explained(error: ValidationError) -> Iterator[crossing.Crossing]:
    for one in error.errors(include_url=False):
        yield from (crossing.Crossing(*told) for told in wording.told(dict(one)))


def _key(path: Iterable[Any]) -> str:
    key = ""
    for part in path:
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
    return key.lstrip(".")


def _no_toml(said: str, text: str) -> Fault:
    """The parser's place, and our guess at what the writer meant."""
    place = PLACE.search(said)
    lines = text.split("\n")
    number = int(place[1]) if place and place[1] else max(1, len(text.rstrip().split("\n")))
    line = lines[number - 1] if number <= len(lines) else ""
    if "twice" in said or "overwrite" in said or "Cannot mutate" in said:
        return Fault("", "this key or section is there twice", "Keep one of them", number)
    return Fault("", "this line is not TOML", _guess(line, said), number)


def _guess(line: str, said: str) -> str:
    value = line.partition("=")[2].split("#")[0].strip()
    if QUOTES.search(line):
        return "Use straight quotes"
    if value in ALMOST:
        return f"Write {ALMOST[value]} instead of {value}"
    if "\\" in line and "scape" in said:
        return "A backslash in double quotes begins a special sign: write two of them, or use single quotes"
    if BARE_WORD.match(line):
        return "Text stands between quotes"
    if line.lstrip().startswith("["):
        return "A section is written as [name], or [[name]] for one of a list"
    if "=" not in line:
        return "Write key = value"
    if not value:
        return "Write a value behind the equals sign"
    return 'Write key = "text", key = 1, key = true or key = ["a", "b"], and close every quote and bracket'
