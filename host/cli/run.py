"""Running a host until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Collection
from importlib.metadata import entry_points
from pathlib import Path

from host import logs
from host.app import Host, Parts
from host.bots import BotConfigError, Bots, MakeBot, SetUp, Surroundings
from host.config import Config
from host.disk import ThreadDisk
from host.gateway.credentials import Credentials, EnvironmentCredentials
from host.gateway.onecli import OneCLICredentials
from host.launch.base import Launcher
from host.launch.process import ProcessLauncher
from host.lock import DataLock

BOTS = "dovecote.bots"  # the group of entry points that make bots
SETUPS = "dovecote.setup"  # those that guide a person through a platform's set-up


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def run(config: Config, platforms: Collection[str], *, log_file: Path | None) -> None:
    """Raises `DataFolderError`, `BotConfigError`, `sessiondb.SessionError`."""
    data = Path(config.data)
    lock = DataLock(data)
    try:
        logs.set_up(file=log_file)
        bots = find_bots(config, data, platforms)
        if not bots.by_platform:
            raise BotConfigError(
                "no platform is set up: run `dovecote setup slack` or `dovecote setup discord`"
            )
        asyncio.run(_serve(config, bots))
    finally:
        lock.release()


def find_bots(config: Config, data: Path, platforms: Collection[str]) -> Bots:
    bots = Bots()
    for entry in entry_points(group=BOTS):
        if entry.name in platforms:
            make: MakeBot = entry.load()
            bot = make(Surroundings(config, data / entry.name, os.environ))
            if bot is not None:
                bots.by_platform[entry.name] = bot
    return bots


def make_launcher(config: Config) -> Launcher:
    if config.runner.launcher == "docker":
        from host.launch.docker import DockerLauncher  # its library is slow to import

        return DockerLauncher(config.runner)
    return ProcessLauncher()


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


async def _serve(config: Config, bots: Bots) -> None:
    host = Host(config, bots, Parts(ThreadDisk(), make_launcher(config), now_ms, make_credentials(config)))
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
