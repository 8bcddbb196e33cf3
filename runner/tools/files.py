"""Looking at files of the workspace and the shared folder, and changing them."""

from __future__ import annotations

import codecs
from pathlib import Path

from runner.tools.paths import among
from runner.tools.tool import ToolContext, ToolError

LARGEST_FILE = 2_000_000  # bytes a model may view or edit
LONGEST_VIEW = 40_000  # characters shown at once
UTF_8 = "utf-8"
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
GUESSED_FROM = 65_536  # bytes
MOST_ENTRIES = 300  # of a folder shown at once


async def view_file(context: ToolContext, path: str, first_line: int = 1, last_line: int = 0) -> str:
    """Show a text file with line numbers, or list a folder. `last_line` 0 means to the end."""
    found = among([context.workspace, *context.readable], path)
    if found.is_dir():
        entries = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in found.iterdir())
        more = [f"… and {len(entries) - MOST_ENTRIES} more"] if len(entries) > MOST_ENTRIES else []
        return "\n".join([*entries[:MOST_ENTRIES], *more]) or "(empty folder)"
    text, encoding = decoded(contents(found, path), path)
    lines = text.splitlines()
    if first_line < 1 or (last_line and last_line < first_line):
        raise ToolError("first_line counts from 1 and must not be above last_line")
    shown = numbered(lines, first_line, last_line or len(lines))
    return shown if encoding == UTF_8 else f"(this file is in {encoding})\n{shown}"


async def create_file(context: ToolContext, path: str, text: str) -> str:
    """Write a text file in the workspace or the shared folder, in place of one that is there; folders are made as needed."""
    target = among([context.workspace, context.shared], path)
    if target.is_dir():
        raise ToolError(f"{path!r} is a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, text)
    return f"wrote {len(text)} characters to {path}"


async def edit_file(context: ToolContext, path: str, old_text: str, new_text: str) -> str:
    """Replace a piece of a text file; `old_text` must occur in it exactly once."""
    target = among([context.workspace, context.shared], path)
    return f"edited {path}:\n" + replace_once(target, path, old_text, new_text)


def contents(path: Path, named: str) -> bytes:
    if not path.is_file():
        raise ToolError(f"there is no file {named!r}")
    if path.stat().st_size > LARGEST_FILE:
        raise ToolError(f"{named!r} has {path.stat().st_size} bytes; at most {LARGEST_FILE} are shown")
    return path.read_bytes()


def read_text(path: Path, named: str) -> str:
    """Of a file that may be written again: as UTF-8 or not at all."""
    try:
        return contents(path, named).decode(UTF_8)
    except UnicodeDecodeError as error:
        raise ToolError(f"{named!r} is not a text file in UTF-8") from error


def decoded(data: bytes, named: str) -> tuple[str, str]:
    """A text in whatever encoding people's programs wrote it, and which that is."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding
    try:
        return data.decode(UTF_8), UTF_8
    except UnicodeDecodeError:
        pass
    from charset_normalizer import from_bytes

    # A guess from the beginning: the whole of a large file would take long to weigh.
    best = from_bytes(data[:GUESSED_FROM]).best()
    if best is None or b"\0" in data[:GUESSED_FROM]:
        raise ToolError(f"{named!r} is not a text file")
    return data.decode(best.encoding, "replace"), best.encoding


def write_text(path: Path, text: str) -> None:
    """Whole or not at all: a crash must not leave half a file."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)


def replace_once(path: Path, named: str, old: str, new: str) -> str:
    """Returns the lines around the change."""
    if not old:
        raise ToolError("the text to replace is empty")
    text = read_text(path, named)
    count = text.count(old)
    if count != 1:
        where = [text.count("\n", 0, at) + 1 for at in _all(text, old)]
        found = f"occurs {count} times, in lines {', '.join(map(str, where))}" if count else "does not occur"
        raise ToolError(f"the text to replace {found} in {named!r}; it must occur exactly once")
    line = text.count("\n", 0, text.index(old)) + 1
    changed = text.replace(old, new)
    write_text(path, changed)
    return numbered(changed.splitlines(), max(1, line - 2), line + new.count("\n") + 2)


def numbered(lines: list[str], first: int, last: int) -> str:
    shown = "\n".join(f"{number:6}\t{line}" for number, line in enumerate(lines[first - 1 : last], first))
    if len(shown) > LONGEST_VIEW:
        return shown[:LONGEST_VIEW] + "\n… cut: ask for fewer lines"
    return shown or "(empty)"


def _all(text: str, piece: str) -> list[int]:
    found = []
    at = text.find(piece)
    while at >= 0:
        found.append(at)
        at = text.find(piece, at + len(piece))
    return found
