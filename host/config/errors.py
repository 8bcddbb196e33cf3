"""What is wrong with a file that a person wrote: everything at once, each with its place and its remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sessiondb.options import ended


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `.line` 0: it is in no line, such as a key that is missing everywhere."""

    key: str
    problem: str
    remedy: str
    line: int = 0


class ConfigError(Exception):
    """`.file` cannot be used; `.faults` say where, why, and what to do."""

    def __init__(self, file: Path, faults: Sequence[Fault]) -> None:
        self.file = file
        self.faults = tuple(faults)
        lines = [self._told(fault) for fault in self.faults]
        many = f"{file} has {len(lines)} faults:\n" if len(lines) > 1 else ""
        super().__init__(many + "\n".join(lines))

    def _told(self, fault: Fault) -> str:
        place = f"{self.file}:{fault.line}" if fault.line else str(self.file)
        key = f"{fault.key}: " if fault.key else ""
        return ended(f"{place}: {key}{fault.problem}. {fault.remedy}")


class NotFit(Exception):
    """A file that says nothing wrong, and yet cannot be served here; the text says why and what to do."""


def unreadable(file: Path, error: Exception) -> ConfigError:
    why = (
        "its text is not UTF-8"
        if isinstance(error, UnicodeDecodeError)
        else getattr(error, "strerror", "") or error
    )
    return ConfigError(file, [Fault("", f"cannot be read: {why}", "Make it a readable UTF-8 file")])
