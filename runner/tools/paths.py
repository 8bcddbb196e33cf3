"""Paths that a model names: they stay inside the folder they are meant for, whatever symlinks say."""

from __future__ import annotations

from pathlib import Path

from runner.tools.tool import ToolError


def inside(root: Path, named: str) -> Path:
    """The real path of what `named` means, relative to `root` or absolute. Raises `ToolError` outside of it."""
    real_root = root.resolve()
    real = (real_root / named).resolve()
    if real != real_root and real_root not in real.parents:
        raise ToolError(f"{named!r} is outside the folder that may be used")
    return real
