"""`dovecote doctor`: everything that is needed, tried; and `dovecote health`. Nothing is changed by looking."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from host import config as configuration
from host.cli import mcp
from host.cli.looks import everything, platforms
from host.config import Config, ConfigError, dotenv, provider
from host.folders import modes, pulse
from host.ports import faults
from host.ports.findings import Finding


def examine(path: Path | None, out: Console, *, mend: bool = False) -> bool:
    """Prints every finding; whether all is well. `mend` first closes a data folder that lets others in."""
    if out.is_terminal:
        with out.status("Looking…"):
            found = asyncio.run(_all(path, mend=mend))
    else:
        found = asyncio.run(_all(path, mend=mend))
    table = Table.grid(padding=(0, 2))
    for finding in found:
        mark = Text("✓", "green") if finding.well else Text("✗", "bold red")
        table.add_row(mark, Text(finding.what, "bold"), Text(finding.seen, overflow="fold"))
    out.print(table)
    for finding in found:
        if finding.remedy or not finding.well:
            # In one line, however long: so it can be searched for, and is the same wherever it is said.
            out.print(Text(f"\n{finding.sentence}", "" if finding.well else "yellow"), soft_wrap=True)
    return all(finding.well for finding in found)


def as_json(path: Path | None, *, mend: bool = False) -> tuple[str, bool]:
    """The findings for a program, and whether all is well."""
    found = asyncio.run(_all(path, mend=mend))
    well = all(finding.well for finding in found)
    listed = [
        {
            "what": finding.what,
            "well": finding.well,
            "seen": finding.seen,
            "remedy": finding.remedy,
            "sentence": finding.sentence,
        }
        for finding in found
    ]
    told = {"version": version("dovecote"), "well": well, "findings": listed}
    return json.dumps(told, indent=2, ensure_ascii=False), well


def health(data: Path) -> dict[str, object]:
    """How the host on this folder is; its `problem` is '' when it is well."""
    try:
        age, told = pulse.age(data), pulse.read(data)
    except OSError:
        return _state(f"{data}: no host runs here, or it has not swept yet", None, pulse.Told())
    away = [name for name, connected in told.connected.items() if not connected]
    if age > pulse.STALE:
        last = "look of the node that stands by" if told.stands_by else "sweep"
        problem = f"{data}: the last {last} was {age:.0f} s ago"
    elif told.hanging:
        problem = f"{', '.join(told.hanging)}: the bot hangs; start the host anew"
    else:
        problem = f"not connected: {', '.join(away)}; host.log says why" if away else ""
    return _state(problem, age, told)


def _state(problem: str, age: float | None, told: pulse.Told) -> dict[str, object]:
    return {
        "healthy": not problem,
        "problem": problem,
        "last_sweep": None if told.stands_by else age,
        "connected": told.connected,
        "stands_by": told.stands_by,
    }


async def _all(path: Path | None, *, mend: bool) -> list[Finding]:
    try:
        dotenv.take_in(dotenv.beside(path), os.environ)
        config = provider.resolved(configuration.load(path), os.environ)
    except ConfigError as error:
        return list(_of_configuration(error))
    found = _mended(config) if mend else []
    bots, wrong = platforms.made(config, os.environ)
    banner = provider.banner(config, bots).removeprefix("Dovecote ")
    found += [
        Finding("Dovecote", True, banner),
        Finding("Configuration", True, str(path or "dovecote.toml, or its absence")),
        *_secrets(dotenv.beside(path)),
    ]

    async def here() -> Sequence[Finding]:
        return await everything.aside(lambda: everything.here(config, before_start=False))

    looks = [everything.Look("Data folder", here)]
    looks.append(everything.Look("MCP servers", lambda: mcp.look(config)))
    looks += everything.outside(config, os.environ, bots, with_engine=True)
    found += await everything.told(looks)
    return [*found, *wrong, *platforms.configured(config, bots, wrong)]


def _of_configuration(error: ConfigError) -> list[Finding]:
    return [Finding("Configuration", False, str(ConfigError(error.file, [fault]))) for fault in error.faults]


def _secrets(file: Path) -> list[Finding]:
    if exposed := dotenv.exposed(file):
        return [Finding("Secrets", False, f"{file}: {exposed}", f"Run `chmod 600 {file}`")]
    return []


def _mended(config: Config) -> list[Finding]:
    data = Path(config.data)
    if not data.is_dir():
        return []
    try:
        modes.close(data)
    except OSError as error:
        return [Finding("Data folder", False, faults.of(error).rstrip("."))]
    return []
