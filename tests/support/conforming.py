"""What a check of a platform wrote, against what the repository keeps of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def unlike(told: Sequence[dict[str, Any]], report: Path) -> list[dict[str, Any]]:
    """Entries of the report that was kept which came out otherwise now."""
    kept = json.loads(report.read_text("utf-8"))["assumptions"]
    seen = {entry["assumption"]: entry["seen"] for entry in told}
    assert {entry["assumption"] for entry in kept} == set(seen), "make the report again"
    return [entry for entry in kept if entry["tried"] and entry["seen"] != seen[entry["assumption"]]]
