"""Pictures for docs/performance.md, drawn by the bench: SVG by hand, for two of them need no library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from bench.figure import Figure, Timings
from bench.rounds import Build
from bench.table import said

WIDTH, LEFT, LINE, BAR = 860, 400, 26, 14
RIGHT = 70  # for what is written behind a bar
GOOD, BAD, OTHER, INK, PALE = "#2a7f62", "#b8432f", "#9aa5b1", "#1f2933", "#cbd2d9"
QUARTILES = (0.0, 0.25, 0.5, 0.75, 0.99)


def draw(builds: Sequence[Build], folder: Path) -> None:
    """`bench-aims.svg` and `bench-spread.svg`."""
    figures = builds[0].figures
    others = {build.name: {figure.name: figure for figure in build.figures} for build in builds[1:]}
    (folder / "bench-aims.svg").write_text(aims(figures, others), "utf-8")
    timed = [figure for figure in figures if figure.measured.unit == "s" and len(figure.measured.values) > 9]
    (folder / "bench-spread.svg").write_text(spread([f for f in timed if not f.of_p99]), "utf-8")


def aims(figures: Sequence[Figure], others: dict[str, dict[str, Figure]]) -> str:
    """How much of each aim is used up: a bar that ends before the line holds. Other builds are thinner."""
    most = 4.0
    scale = (WIDTH - LEFT - RIGHT) / math.sqrt(most)

    def x(used: float) -> float:
        return LEFT + scale * math.sqrt(min(used, most))

    parts = [_text(LEFT + scale, 16, "the aim", "middle"), _line(LEFT + scale, 22, 30 + LINE * len(figures))]
    for number, figure in enumerate(figures):
        y = 30 + LINE * number
        parts.append(_text(LEFT - 8, y + 13, figure.name, "end"))
        parts.append(_bar(LEFT, y + 2, x(used(figure)) - LEFT, BAR, GOOD if figure.holds else BAD))
        parts.append(_text(x(used(figure)) + 5, y + 13, f"{figure.ratio:.3g}", "start"))
        known = [found[figure.name] for found in others.values() if figure.name in found]
        parts += [_bar(LEFT, y + 2 + BAR, x(used(one)) - LEFT, 5, OTHER) for one in known]
    return _svg(
        38 + LINE * len(figures), "Each figure against its aim; bars that end before the line hold", parts
    )


def used(figure: Figure) -> float:
    return figure.aim / figure.ratio if figure.at_least else figure.ratio / figure.aim


def spread(figures: Sequence[Figure]) -> str:
    """From the quickest to the p99 on a logarithmic scale, the middle half as a box; the floor above in grey."""
    values = [value for f in figures for value in (*f.measured.values, *f.floor.values) if value > 0]
    low, high = math.log10(min(values, default=0.001)), math.log10(max(values, default=1.0))
    width = (WIDTH - LEFT - RIGHT) / max(high - low, 0.1)

    def x(value: float) -> float:
        return LEFT + (math.log10(max(value, 1e-9)) - low) * width

    parts = []
    for number, figure in enumerate(figures):
        y = 14 + 2 * LINE * number
        parts.append(_text(LEFT - 8, y + 30, figure.name, "end"))
        for line, of, colour in (
            (0, figure.floor, OTHER),
            (1, figure.measured, GOOD if figure.holds else BAD),
        ):
            least, lower, middle, upper, most = _quartiles(of)
            at = y + 18 * line
            parts.append(_bar(x(least), at + 6, x(most) - x(least), 2, colour))
            parts.append(_bar(x(lower), at, max(x(upper) - x(lower), 2), BAR, colour))
            parts.append(_text(x(most) + 5, at + 11, said(middle, of), "start"))
    title = (
        "Durations, logarithmic: from the quickest to the p99, half of them within the box; grey: the floor"
    )
    return _svg(20 + 2 * LINE * len(figures), title, parts)


def _quartiles(of: Timings) -> list[float]:
    ordered = sorted(of.values)
    return [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in QUARTILES]


def _bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" rx="2" fill="{colour}"/>'


def _line(x: float, top: float, bottom: float) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="{INK}" stroke-dasharray="3 3"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    """On paper of its own colour, for those who read it in the dark."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">'
    paper = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", paper, *parts, "</svg>"]) + "\n"
