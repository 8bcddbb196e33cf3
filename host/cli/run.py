"""Running a host until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Collection
from importlib.metadata import entry_points
from pathlib import Path

from rich.console import Console
from rich.text import Text

from host.app import Host
from host.assembly import Parts
from host.config import Config, owners, provider
from host.folders import logs, modes
from host.folders.disk import ThreadDisk
from host.folders.lock import DataLock
from host.gateway.credentials import Credentials, EnvironmentCredentials
from host.gateway.onecli import OneCLICredentials
from host.ports.bot import BotConfigError, Bots, MakeBot, SetUp, Surroundings
from host.runners.launch.base import Launcher
from host.runners.launch.examination import INSTALL, findings
from host.runners.launch.process import ProcessLauncher

BOTS = "dovecote.bots"  # the group of entry points that make bots
SETUPS = "dovecote.setup"  # those that guide a person through a platform's set-up


log = logging.getLogger(__name__)


class EngineError(Exception):
    """Runners cannot be started; the text says why and what to do."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def run(config: Config, platforms: Collection[str], *, log_file: Path | None) -> None:
    """Raises `DataFolderError`, `BotConfigError`, `EngineError`, `sessiondb.SessionError`."""
    config = provider.resolved(config, os.environ)
    data = Path(config.data)
    lock = DataLock(data)
    try:
        logs.set_up(file=log_file, level=config.log.level, json=config.log.format == "json")
        if open_to := modes.openness(data):
            log.warning("%s: %s. %s.", data, open_to, modes.REMEDY, extra={"action": "data_open"})
        bots = find_bots(config, data, platforms)
        if not bots.by_platform:
            raise BotConfigError(
                "no platform is set up: run `dovecote setup slack` or `dovecote setup discord`"
            )
        log.info(banner := provider.banner(config, bots.by_platform), extra={"action": "starting"})
        if log_file is not None:
            _introduce(banner, config)
        launcher = make_launcher(config) if uses_containers(config, platforms) else ProcessLauncher()
        if strangers := set(bots.by_platform) - {"console"}:
            _refuse_echoes(config, strangers)
            if nobody := owners.missing(config, strangers):
                raise BotConfigError(f"{', '.join(sorted(strangers))}: {nobody}. {owners.remedy(strangers)}")
        asyncio.run(_serve(config, bots, launcher))
    finally:
        lock.release()


def _introduce(banner: str, config: Config) -> None:
    """For whoever sits before the terminal. A pipe's answers stand alone: beside them only what nobody would expect."""
    if sys.stdout.isatty():
        Console().print(Text(banner, "dim"), soft_wrap=True)
    elif provider.echoing(config):
        sys.stderr.write(f"{provider.ECHO}. {provider.REMEDY}.\n")


def _refuse_echoes(config: Config, platforms: Collection[str]) -> None:
    """Nobody in a team wants an echo, unless it was asked for by name."""
    if names := provider.echoing(config):
        raise BotConfigError(
            f"{', '.join(sorted(platforms))}: agent {', '.join(names)} would only echo"
            f" ({provider.ECHO}). {provider.REMEDY}"
        )


def find_bots(config: Config, data: Path, platforms: Collection[str]) -> Bots:
    bots = Bots()
    for entry in entry_points(group=BOTS):
        if entry.name in platforms:
            make: MakeBot = entry.load()
            bot = make(Surroundings(config, data / entry.name, os.environ))
            if bot is not None:
                bots.by_platform[entry.name] = bot
    return bots


def uses_containers(config: Config, platforms: Collection[str]) -> bool:
    """Whoever talks in the terminal is this machine's user; strangers get no processes here unless that was asked for."""
    if config.runner.launcher == "auto":
        return set(platforms) != {"console"}
    return config.runner.launcher == "docker"


def make_launcher(config: Config) -> Launcher:
    """For containers. Raises `EngineError` when there is no engine, or one that cannot work for this host."""
    from host.runners.launch.docker import DockerLauncher
    from host.runners.launch.engine import examine

    found = examine(config.runner, Path(config.data), thoroughly=False)
    for finding in findings(found, os.uname().release, ""):
        if not finding.well and (finding.what != "Container engine" or finding.remedy == INSTALL):
            raise EngineError(f"{finding.what}: {finding.seen}. {finding.remedy}.")
        if not finding.well:
            # It was there once and may come back: messages are taken and wait.
            log.error(
                "%s: %s. %s.",
                finding.what,
                finding.seen,
                finding.remedy,
                extra={"action": "engine_away"},
            )
    return DockerLauncher(config.runner)


def make_credentials(config: Config) -> Credentials:
    if config.credentials.source == "onecli":
        return OneCLICredentials(config.credentials.onecli_url, os.environ)
    return EnvironmentCredentials(os.environ)


def set_up(config: Config, platform: str, say: Callable[[str], None], channel: str) -> bool:
    """Raises `BotConfigError` for a platform that has no guide."""
    found = {entry.name: entry for entry in entry_points(group=SETUPS)}
    if platform not in found:
        raise BotConfigError(
            f"there is no set-up for {platform!r}; known: {', '.join(sorted(found)) or 'none'}"
        )
    guide: SetUp = found[platform].load()
    return guide(config, os.environ, say, channel)


async def _serve(config: Config, bots: Bots, launcher: Launcher) -> None:
    host = Host(config, bots, Parts(ThreadDisk(), launcher, now_ms, make_credentials(config)))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, _Stop(host).order)
    loop.add_signal_handler(signal.SIGINT, _Stop(host).order)
    await host.serve()


class _Stop:
    """The first signal drains, the second forces."""

    _ordered = False

    def __init__(self, host: Host) -> None:
        self._host = host

    def order(self) -> None:
        if _Stop._ordered:
            os._exit(130)
        _Stop._ordered = True
        self._host.stop()
