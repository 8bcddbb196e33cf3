"""Files of a message as the model's own content blocks: images and PDFs. Others are only named, with their path."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
LARGEST_IMAGE = 3_700_000  # bytes; 5 MB once encoded
LARGEST_PDF = 10_000_000  # bytes


class Attachments:
    """Reads each file once; `root` is where the host put the files of messages."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[str, dict[str, Any] | None] = {}

    def blocks(self, files: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        made = []
        for file in files:
            path = str(file["path"])
            if path not in self._read:
                self._read[path] = _block(self._root / path, str(file["type"]))
            if (block := self._read[path]) is not None:
                made.append(block)
        return made


def _block(path: Path, media_type: str) -> dict[str, Any] | None:
    if media_type in IMAGES:
        kind, largest = "image", LARGEST_IMAGE
    elif media_type == "application/pdf":
        kind, largest = "document", LARGEST_PDF
    else:
        return None
    try:
        if path.stat().st_size > largest:
            return None
        data = b64encode(path.read_bytes()).decode("ascii")
    except OSError:
        return None
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}
