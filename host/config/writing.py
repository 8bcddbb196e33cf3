"""Changes to the file that keep everything else as a person wrote it: comments, order, spaces."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from host.config.reading import parsed

Key = tuple[str, ...]
HEAD = "# Written by `dovecote setup`; dovecote.example.toml shows every key with its default.\n"


def change(file: Path, changes: Mapping[Key, Any]) -> None:
    """Sets these keys. Nothing is written when the file could not be used afterwards. Raises `ConfigError`, `OSError`."""
    if not changes:
        return
    text = file.read_text("utf-8-sig") if file.exists() else HEAD
    changed = changed_text(text, changes)
    parsed(changed, file)
    fresh = file.with_name(f".{file.name}.new")
    try:
        with fresh.open("w", encoding="utf-8") as out:
            out.write(changed)
            out.flush()
            os.fsync(out.fileno())
        if file.exists():
            fresh.chmod(file.stat().st_mode & 0o777)
        fresh.replace(file.resolve())
    finally:
        fresh.unlink(missing_ok=True)


def changed_text(text: str, changes: Mapping[Key, Any]) -> str:
    document = tomlkit.parse(text)
    for key, value in changes.items():
        table: Any = document
        for part in key[:-1]:
            if part not in table:
                inline = isinstance(table, InlineTable)  # which can hold none but its kind
                table[part] = tomlkit.inline_table() if inline else tomlkit.table()
            table = table[part]
        table[key[-1]] = value
    return tomlkit.dumps(document)


def setting(given: str) -> tuple[Key, Any]:
    """From `model.budget_usd_per_day=5`. What is no TOML value is text. Raises `ValueError` without an equals sign."""
    key, equals, value = given.partition("=")
    if not equals or not all(key.split(".")):
        raise ValueError(given)
    try:
        return tuple(key.split(".")), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return tuple(key.split(".")), value
