"""`dovecote doctor`: everything that is needed, looked at in order; and `dovecote health`.

Live checks of a platform belong to its `setup`; here it is only asked whether it is configured.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import secrets
import shutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from host import config as configuration
from host.cli import mcp
from host.cli import run as running
from host.config import Config, ConfigError, dotenv, owners, provider
from host.folders import modes, pulse
from host.folders.lock import DataFolderError, DataLock
from host.gateway import fields
from host.gateway.credentials import NoCredential
from host.ports.bot import BotConfigError, MakeBot, Surroundings
from host.registry.db import VERSION, open_registry
from host.runners.launch.examination import Finding, findings
from sessiondb import SessionError
from sessiondb.signals import Bell

LITTLE_SPACE = 2 * 1024**3  # bytes free under which a data folder is worth a remark
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SHOWN = ("slack", "discord")


def examine(path: Path | None, out: Console, *, mend: bool = False) -> bool:
    """Prints every finding; whether all is well. `mend` first closes a data folder that lets others in."""
    well = True
    table = Table.grid(padding=(0, 2))
    remedies: list[Finding] = []
    with out.status("Looking…") if out.is_terminal else out:
        for finding in _all(path, mend=mend):
            well &= finding.well
            mark = Text("✓", "green") if finding.well else Text("✗", "bold red")
            table.add_row(mark, Text(finding.what, "bold"), Text(finding.seen))
            if finding.remedy:
                remedies.append(finding)
    out.print(table)
    for finding in remedies:
        out.print(Text(f"\n{finding.what}: {finding.remedy}.", "" if finding.well else "yellow"))
    return well


def health(data: Path) -> dict[str, object]:
    """How the host on this folder is; its `problem` is '' when it is well."""
    try:
        age, told = pulse.age(data), pulse.read(data)
    except OSError:
        return _state(f"{data}: no host has swept here yet", None, pulse.Told())
    away = [name for name, connected in told.connected.items() if not connected]
    if age > pulse.STALE:
        problem = f"{data}: the last sweep was {age:.0f} s ago"
    elif told.hanging:
        problem = f"{', '.join(told.hanging)}: the bot hangs; start the host anew"
    else:
        problem = f"not connected: {', '.join(away)}; host.log says why" if away else ""
    return _state(problem, age, told)


def _state(problem: str, age: float | None, told: pulse.Told) -> dict[str, object]:
    return {"healthy": not problem, "problem": problem, "last_sweep": age, "connected": told.connected}


def _all(path: Path | None, *, mend: bool) -> Iterator[Finding]:
    try:
        dotenv.take_in(dotenv.beside(path), os.environ)
        config = provider.resolved(configuration.load(path), os.environ)
    except ConfigError as error:
        for fault in error.faults:
            told = ConfigError(error.file, [fault])
            yield Finding("Configuration", False, f"{error.file}: {fault.key}", str(told).rstrip("."))
        return
    yield Finding("Dovecote", True, provider.banner(config, _configured(config)).removeprefix("Dovecote "))
    yield Finding("Configuration", True, str(path or "dovecote.toml, or its absence"))
    if exposed := dotenv.exposed(dotenv.beside(path)):
        remedy = f"Run `chmod 600 {dotenv.beside(path)}`"
        yield Finding("Secrets", False, f"{dotenv.beside(path)}: {exposed}", remedy)
    data = Path(config.data)
    folder = list(_folder(data, mend=mend))
    yield from folder
    if running.uses_containers(config, SHOWN):
        if all(finding.well for finding in folder):
            yield from _engine(config, data)
    else:
        remedy = 'Set runner.launcher = "docker" before you let anybody in whom you would not give a shell'
        yield Finding("Runners", True, "local processes, without isolation, as runner.launcher asks", remedy)
    yield from asyncio.run(_credentials(config))
    yield from _model(config, data)
    yield from mcp.findings(config)
    yield from _platforms(config, data)


def _folder(data: Path, *, mend: bool) -> Iterator[Finding]:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if mend:
            modes.close(data)
        mark = data / f".doctor-{secrets.token_hex(8)}"
        mark.touch()
        mark.unlink()
        fifos = Bell.make(mark)
        mark.unlink(missing_ok=True)
        free = shutil.disk_usage(data).free
    except OSError as error:
        remedy = f"Make it writable for uid {os.getuid()}, or set `data` to another folder"
        yield Finding("Data folder", False, f"{data}: {error.strerror}", remedy)
        return
    yield Finding("Data folder", True, f"{data.resolve()}, {_host_on(data)}")
    if not fifos:
        remedy = (
            "Answers come a little later; a folder on a local file system has them, or set host.bells = false"
        )
        yield Finding("Bells", True, "its file system has no FIFOs, so polling takes their place", remedy)
    if open_to := modes.openness(data):
        yield Finding("Data folder", False, open_to, modes.REMEDY)
    if free < LITTLE_SPACE:
        yield Finding("Space", False, f"{free // 1024**2} MiB are free", "Make room on its file system")


def _host_on(data: Path) -> str:
    try:
        DataLock(data).release()
    except DataFolderError:
        return "a host runs on it"
    return "no host runs on it"


def _engine(config: Config, data: Path) -> list[Finding]:
    from host.runners.launch.engine import examine as look

    boot_id = BOOT_ID.read_text().strip() if BOOT_ID.exists() else "none: this is not Linux"
    return findings(look(config.runner, data, thoroughly=True), os.uname().release, boot_id)


async def _credentials(config: Config) -> list[Finding]:
    """For each agent that talks to a model; what it may spend is a remark, not a fault."""
    credentials = running.make_credentials(config)
    made: list[Finding] = []
    limits = (config.model.budget_usd_per_day, config.model.budget_usd_per_month)
    try:
        for name, agent in config.agents.items():
            if agent.provider == "auto":
                echo = name not in provider.echoing(config)
                made.append(Finding(f"Agent {name}", echo, provider.ECHO, provider.REMEDY))
                continue
            if agent.provider == "mock":
                made.append(Finding(f"Agent {name}", True, "echoes, without a model"))
                continue
            try:
                await credentials.equip(name)
                await credentials.grant(name)
            except NoCredential as missing:
                source = config.credentials.source
                remedy = "Set ANTHROPIC_API_KEY" if source == "environment" else "Put OneCLI right"
                made.append(Finding(f"Agent {name}", False, str(missing), remedy))
                continue
            free = min(*limits, agent.budget_usd_per_day, agent.budget_usd_per_month) == math.inf
            remedy = "Nothing limits what it spends: set budget_usd_per_day" if free else ""
            made.append(
                Finding(
                    f"Agent {name}",
                    True,
                    f"{agent.provider} {agent.model}".strip() + ", with a credential",
                    remedy,
                )
            )
    finally:
        await credentials.close()
    return made


def _model(config: Config, data: Path) -> Iterator[Finding]:
    """What the model's address was found to do without: cheaper or longer conversations, mostly."""
    if not (data / "host.db").exists():
        return
    try:
        with contextlib.closing(open_registry(data)) as registry:
            older = registry.pragma("user_version") != VERSION  # its host has not started since
            refused = [] if older else fields.refused(registry, config.model.base_url)
    except SessionError:
        return  # said elsewhere
    if refused:
        named = ", ".join(field for field, _ in refused)
        remedy = "It is tried again after a day; have what stands before the model pass it on"
        yield Finding("Model API", True, f"{config.model.base_url} does not take {named}", remedy)


def _configured(config: Config) -> list[str]:
    """The platforms that the environment has what they need for, as far as that shows."""
    found = []
    for entry in sorted(entry_points(group=running.BOTS), key=lambda entry: entry.name):
        make: MakeBot = entry.load()
        with contextlib.suppress(BotConfigError):
            if entry.name in SHOWN and make(Surroundings(config, Path(config.data) / entry.name, os.environ)):
                found.append(entry.name)
    return found


def _platforms(config: Config, data: Path) -> Iterator[Finding]:
    running_here = []
    for entry in sorted(entry_points(group=running.BOTS), key=lambda entry: entry.name):
        if entry.name not in SHOWN:
            continue
        make: MakeBot = entry.load()
        try:
            bot = make(Surroundings(config, data / entry.name, os.environ))
        except BotConfigError as error:
            yield Finding(entry.name.capitalize(), False, str(error), f"Run `dovecote setup {entry.name}`")
            continue
        running_here += [entry.name] if bot is not None else []
        seen = "configured" if bot is not None else "not configured"
        yield Finding(entry.name.capitalize(), True, f"{seen}; `dovecote setup {entry.name}` checks it live")
    if nobody := owners.missing(config, running_here):
        yield Finding("Owners", False, nobody, owners.remedy(running_here))
    if not running_here:
        yield Finding("Platforms", False, "none is configured", "Run `dovecote setup slack`, or `… discord`")
