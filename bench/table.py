"""The table in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from bench.figure import Figure, Timings
from bench.rounds import Build


def of(builds: Sequence[Build]) -> Table:
    table = Table(title="Dovecote bench", caption="ratio: to the floor of the same rounds")
    table.add_column("figure")
    for heading in ("median", "p99", "floor", "ratio", "aim"):
        table.add_column(heading, justify="right")
    for build in builds[1:]:
        table.add_column(f"ratio of {build.name}", justify="right")
    for figure in builds[0].figures:
        table.add_row(*_row(figure), *(_ratio_of(build, figure.name) for build in builds[1:]))
    return table


def not_measured(builds: Sequence[Build]) -> Iterator[str]:
    for build in builds:
        for module, why in build.failed.items():
            yield f"{module} of {build.name} was not measured: {why}"


def _row(figure: Figure) -> tuple[Text | str, ...]:
    return (
        figure.name,
        said(figure.measured.median, figure.measured),
        said(figure.measured.p99, figure.measured),
        f"{figure.floor.name}: {said(figure.ground, figure.floor)}",
        Text(f"{figure.ratio:.3g}", style="green" if figure.holds else "bold red"),
        f"{'≥' if figure.at_least else '≤'} {figure.aim:.3g}",
    )


def _ratio_of(build: Build, name: str) -> str:
    return next((f"{figure.ratio:.3g}" for figure in build.figures if figure.name == name), "–")


def said(value: float, of: Timings) -> str:
    """In people's units."""
    if of.unit == "s":
        return f"{value * 1000:.2f} ms" if value < 1 else f"{value:.2f} s"
    return f"{value:,.0f} {of.unit}" if of.unit.startswith("/") else f"{value:.3g} {of.unit}"
