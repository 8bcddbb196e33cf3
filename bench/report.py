"""What docs/performance.md says of the last run: the table between its marks, made of bench/results.json alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- results: written by the bench -->\n", "<!-- /results -->\n"


def write(results: Sequence[dict[str, Any]], page: Path) -> None:
    said = page.read_text("utf-8")
    before, _, rest = said.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}{table(results)}{END}{after}", "utf-8")


def table(results: Sequence[dict[str, Any]]) -> str:
    """What missed its aim comes first."""
    lines = ["| figure | ÷ its floor | aim | |", "|---|---|---|---|"]
    for one in sorted(results, key=lambda one: bool(one["holds"])):
        verdict = "holds" if one["holds"] else "**missed**"
        lines.append(f"| {one['name']} | {one['ratio']:.3g} | {_aim(one)} | {verdict} |")
    return "\n".join(lines) + "\n"


def _aim(one: dict[str, Any]) -> str:
    """What is to be more holds where it is more."""
    at_least = one["holds"] == (one["ratio"] > one["aim"])
    return f"{'≥' if at_least else '≤'} {one['aim']:g}"
