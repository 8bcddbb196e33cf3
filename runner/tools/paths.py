"""Paths that a model names: they stay inside the folder they are meant for, whatever symlinks say."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from runner.tools.tool import ToolError


def inside(root: Path, named: str) -> Path:
    """The real path of what `named` means, relative to `root` or absolute. Raises `ToolError` outside of it."""
    real_root = root.resolve()
    real = (real_root / named).resolve()
    if real != real_root and real_root not in real.parents:
        raise ToolError(f"{named!r} is outside the folder that may be used")
    return real


def among(roots: Sequence[Path], named: str) -> Path:
    """As `inside`, of the first folder that holds it; a relative path belongs to the first of all."""
    for root in roots[1:]:
        if Path(named).is_absolute():
            with contextlib.suppress(ToolError):
                return inside(root, named)
    return inside(roots[0], named)
