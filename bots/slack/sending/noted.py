"""What was about to be shown to people, on disk before it is: by it an outcome that nobody knows is looked up."""

from __future__ import annotations

import os
import time
from pathlib import Path

REMEMBERED = 7 * 86_400.0  # s; longer than an outcome can stay unknown


class Noted:
    """A line for each delivery key. Raises `OSError`."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind

    def put(self, key: str, line: str) -> None:
        """Durable when it returns; a crash leaves the line before or this one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob(f"*.{self._kind}"):
            if old.stat().st_mtime < time.time() - REMEMBERED:
                old.unlink(missing_ok=True)
        new = self._folder / f"{key}.{self._kind}.new"
        with new.open("w", encoding="utf-8") as out:
            out.write(line)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self._path(key))
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def get(self, key: str) -> str | None:
        path = self._path(key)
        return path.read_text("utf-8") if path.exists() else None

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.{self._kind}"
