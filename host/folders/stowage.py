"""What lies in the data folder for folders that are packed: what was noted of each, what is half made, what gave way.

A folder is known by its place, the path below the data folder. Functions for a thread. They raise `OSError`.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from host.folders import packing
from host.folders.packing import Packed, TooLarge
from sessiondb.layout import RUNNERS_OWN

log = logging.getLogger(__name__)

SCRATCH, ASIDE = "packing", "aside"  # in the data folder
NOTES = "marks"  # in the scratch folder: what was last packed or unpacked, by place
KEPT_ASIDE = 7 * 86_400_000  # ms for which an operator can look for what gave way


@dataclass(frozen=True, slots=True)
class Note:
    """What lies here is what is in the registry under the serial, as long as it looks like that."""

    mark: str = ""
    serial: str = ""


def noted(data: Path, place: str) -> Note:
    """Raises nothing."""
    try:
        # An empty folder's mark is empty, and its line begins with the blank.
        mark, _, serial = _note_of(data, place).read_text().removesuffix("\n").partition(" ")
    except (OSError, ValueError):
        return Note()
    return Note(mark, serial)


def note(data: Path, place: str, new: Note) -> None:
    path = _note_of(data, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(f"{new.mark} {new.serial}\n")
    draft.replace(path)


def is_as_noted(data: Path, place: str, serial: str) -> bool:
    here = noted(data, place)
    try:
        return here.serial == serial and packing.look(data / place).mark == here.mark
    except TooLarge:
        return False


def written(data: Path, places: Iterable[str]) -> list[str]:
    """Those in which there is something beside the runner's own, or that cannot be looked into. Raises nothing."""
    found = []
    for place in places:
        try:
            with os.scandir(data / place) as entries:
                if any(entry.name != RUNNERS_OWN for entry in entries):
                    found.append(place)
        except FileNotFoundError:
            pass
        except OSError:
            found.append(place)
    return found


def give_way(data: Path, place: str, now: int) -> None:
    """What lies here is older than what another node did since. What was never packed is nowhere else."""
    path = data / place
    if not os.path.lexists(path):
        return
    serial = noted(data, place).serial
    if _is_empty(path) or (serial and is_as_noted(data, place, serial)):
        packing.take_away(path)
        return
    aside = data / ASIDE / place / str(now)
    aside.parent.mkdir(parents=True, exist_ok=True)
    path.rename(aside)
    told = {"action": "set_aside"}
    log.warning(
        "What lay in %s was not packed on any node: it is kept in %s for a week", place, aside, extra=told
    )


def clear_aside(data: Path, now: int) -> None:
    """What gave way long ago."""
    for path in (data / ASIDE).glob("*/*/*/*"):
        if path.name.isdigit() and int(path.name) + KEPT_ASIDE < now:
            packing.take_away(path)


def erase(data: Path, place: str) -> None:
    """All that lies here of a folder, at its place and aside."""
    for path in (data / place, data / ASIDE / place, _note_of(data, place)):
        if path.is_dir() and not path.is_symlink():
            packing.take_away(path)
        else:
            path.unlink(missing_ok=True)


def clear(data: Path) -> None:
    """What is half made."""
    for path in (data / SCRATCH).glob("*.*"):
        if path.is_dir():
            packing.take_away(path)
        else:
            path.unlink(missing_ok=True)


def pack(root: Path, file: Path, most: int) -> Packed:
    """Raises `TooLarge`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made: BinaryIO
    with file.open("wb") as made:
        return packing.pack(root, made, most)


def portion(file: Path, number: int, size: int) -> bytes:
    with file.open("rb") as packed:
        packed.seek(number * size)
        return packed.read(size)


def append(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as packed:
        packed.write(content)


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def _note_of(data: Path, place: str) -> Path:
    return data / SCRATCH / NOTES / hashlib.sha256(place.encode()).hexdigest()[:32]
