"""What a tool of an MCP server answered, as the model can read it: text, and pictures and PDFs to look at.

All bytes are put into the workspace and named. What the model looks at is read from there, as long as it is unaltered.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ResourceLink

LONGEST = 100_000  # characters shown to the model
LARGEST_FILE = 20 * 1024 * 1024  # bytes of one picture, sound or blob that is kept
MOST_FILES = 20  # of one result
MOST_SHOWN = 8  # pictures and PDFs of one result that the model looks at
FOLDER = "mcp"  # of the workspace
SHOWN = ("image/", "application/pdf")  # types that the model can look at

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def read(result: CallToolResult, workspace: Path) -> tuple[str, list[dict[str, str]]]:
    """The text, and the files that the model looks at: `path` in the workspace, `type`, `digest`."""
    files = Files(workspace)
    parts = [_block(block, files) for block in result.content]
    said = "\n".join(parts)
    if result.structured_content is not None and not _says(said, result.structured_content):
        parts.append(json.dumps(result.structured_content, ensure_ascii=False))
    return bounded(plain("\n".join(part for part in parts if part))), files.shown


def short(text: str, longest: int = 80) -> str:
    return plain(" ".join(text.split()))[:longest]


def plain(text: str) -> str:
    """Without control characters and halves of surrogate pairs, which neither SQLite nor the model API take."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).encode("utf-8", "replace").decode()


def bounded(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST] + f"\n… cut here: {LONGEST} of {len(text)} characters are shown"


def _block(block: Any, files: Files) -> str:
    if block.type == "text":
        return str(block.text)
    if block.type in ("image", "audio"):
        return files.keep(block.type, block.data, block.mime_type)
    if block.type == "resource_link":
        return _link(block)
    resource = block.resource
    where = f"[resource {resource.uri}, {resource.mime_type or 'type unknown'}]"
    if hasattr(resource, "text"):
        return f"{where}\n{resource.text}"
    return f"{where}\n{files.keep('file', resource.blob, resource.mime_type or '')}"


def _link(block: ResourceLink) -> str:
    """The address alone: what it leads to is not fetched, for a server can name any file."""
    about = [block.title or block.name, block.mime_type, block.description]
    size = f"{block.size} bytes" if block.size is not None else None
    return f"[link to {block.uri}: {', '.join(part for part in (*about, size) if part)}]"


class Files:
    """The bytes of one result. The same bytes are one file, however often they come."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._left = MOST_FILES
        self.shown: list[dict[str, str]] = []

    def keep(self, kind: str, encoded: str, mime_type: str) -> str:
        """One line that names the file, or why there is none."""
        what = f"{kind}, {mime_type or 'type unknown'}"
        if len(encoded) > LARGEST_FILE * 4 // 3 + 4:
            return f"[{what}: larger than {LARGEST_FILE} bytes, not kept]"
        if self._left == 0:
            return f"[{what}: not kept, the result has more than {MOST_FILES} files]"
        try:
            data = base64.b64decode(encoded, validate=True)
        except ValueError:
            return f"[{what}: its bytes cannot be decoded]"
        if not data:
            return f"[{what}: empty]"
        self._left -= 1
        from mimetypes import guess_extension

        media_type = mime_type.split(";")[0].strip().lower()
        digest = hashlib.sha256(data).hexdigest()
        name = f"{FOLDER}/{digest[:16]}{guess_extension(media_type) or '.bin'}"
        try:
            _write(self._workspace / name, data)
        except OSError as error:
            return f"[{what}, {len(data)} bytes: not kept, {error.strerror}]"
        if kind == "image" or media_type.startswith(SHOWN):
            self._show({"path": name, "type": media_type, "digest": digest})
        return f"[{what}, {len(data)} bytes: in the workspace as {name}]"

    def _show(self, file: dict[str, str]) -> None:
        if file not in self.shown and len(self.shown) < MOST_SHOWN:
            self.shown.append(file)


def _write(path: Path, data: bytes) -> None:
    """Raises `OSError`. Follows no link at the file's own name."""
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _says(text: str, value: object) -> bool:
    """Whether each name and value of it stands in the text: most servers send the same once as text and once as data."""
    if isinstance(value, dict) and set(value) == {"result"}:
        value = value["result"]  # the library's wrapping of plain values
    return all(word in text for word in _words(value)) and (bool(text) or value in ("", [], {}, None))


def _words(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str):
        yield from value.split()
    elif value is not None and not isinstance(value, bool):
        yield json.dumps(value)
