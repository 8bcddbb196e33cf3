"""Running a host until it is told to stop."""

from __future__ import annotations

import asyncio
import functools
import getpass
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from rich.text import Text

from host.app import Host
from host.assembly import Parts
from host.cli.looks import engine, everything, model
from host.cli.looks import platforms as looking
from host.cli.looks.engine import uses_containers
from host.cli.looks.platforms import BOTS
from host.config import Config, NotFit, owners, provider
from host.folders import logs
from host.folders.disk import ThreadDisk
from host.folders.lock import DataLock
from host.ports.bot import Bot, Bots, MakeBot, Surroundings
from host.ports.findings import Finding
from host.ports.printing import SafeConsole
from host.runners.launch.base import Launcher
from host.runners.launch.process import ProcessLauncher
from host.upkeep import traces

LAST_LOOK = 10.0  # s at the end of a pipe for what is still being asked outside


log = logging.getLogger(__name__)


class CannotStart(Exception):
    """The text says why, and what to do: a sentence to a line, the same that the doctor says."""

    @classmethod
    def because(cls, findings: Sequence[Finding]) -> CannotStart:
        return cls("\n".join(finding.sentence for finding in findings))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def run(
    config: Config, platforms: Collection[str], *, log_file: Path | None, again: Callable[[], Config]
) -> None:
    """`again` reads the configuration anew. Raises `CannotStart`,
    `DataFolderError`, `BotConfigError`, `sessiondb.SessionError`."""
    config = provider.resolved(config, os.environ)
    data = Path(config.data)
    remarks = _looked_around(config)
    lock = DataLock(data)
    try:
        logs.set_up(file=log_file, level=config.log.level, json=config.log.format == "json")
        bots = find_bots(config, data, platforms)
        if not bots.by_platform:
            raise CannotStart.because(list(looking.configured(config, {}, ())))
        log.info(banner := provider.banner(config, bots.by_platform), extra={"action": "starting"})
        said = Said(aloud=log_file is not None)
        said.introduce(banner, config)
        launcher = (
            make_launcher(config, said)
            if uses_containers(config, platforms)
            else ProcessLauncher(warm=config.runner.warm)
        )
        if set(bots.by_platform) != {"console"}:
            _refuse_echoes(config)
            _require_owner(config, set(bots.by_platform) - {"console"})
        said.all_of(remarks)
        read = functools.partial(_reread, again, config, frozenset(bots.by_platform))
        asyncio.run(_serve(config, bots, launcher, said, read))
    finally:
        lock.release()


def _looked_around(config: Config) -> list[Finding]:
    """What is not well on this machine, but lets a host start. Raises `CannotStart` for the rest."""
    wrong = [finding for finding in everything.here(config, before_start=True) if not finding.well]
    if stopping := [finding for finding in wrong if finding.stops]:
        raise CannotStart.because(stopping)
    return wrong


class Said:
    """What is not well is said once: in the log, and, where a person sits before it, in the terminal."""

    def __init__(self, *, aloud: bool) -> None:
        self._aloud = aloud
        self._known: set[str] = set()

    def introduce(self, banner: str, config: Config) -> None:
        """A pipe's answers stand alone: beside them only what nobody would expect."""
        if not self._aloud:
            return
        if sys.stdout.isatty():
            SafeConsole().print(Text(banner, "dim"), soft_wrap=True)
        elif provider.echoing(config):
            sys.stderr.write(f"{provider.ECHO}. {provider.REMEDY}.\n")

    def all_of(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if not finding.well and finding.sentence not in self._known:
                self._known.add(finding.sentence)
                self._say(finding.sentence)

    def _say(self, sentence: str) -> None:
        log.error("%s", sentence, extra={"action": "not_well"})
        if not self._aloud:
            return
        if sys.stdout.isatty():
            SafeConsole().print(Text(f"! {sentence}", "yellow"), soft_wrap=True)
        else:
            sys.stderr.write(f"{sentence}\n")


def _refuse_echoes(config: Config) -> None:
    """Nobody in a team wants an echo, unless it was asked for by name."""
    if names := provider.echoing(config):
        raise CannotStart.because(
            [Finding(f"Agent {name}", False, provider.ECHO, provider.REMEDY) for name in names]
        )


def _require_owner(config: Config, platforms: Collection[str]) -> None:
    """Strangers and money are somebody's to decide about."""
    if nobody := owners.missing(config, platforms):
        raise CannotStart.because([Finding("Owners", False, nobody, owners.remedy(platforms))])


def find_bots(config: Config, data: Path, platforms: Collection[str]) -> Bots:
    bots = Bots()
    for entry in entry_points(group=BOTS):
        if entry.name in platforms:
            make: MakeBot = entry.load()
            bot = make(Surroundings(config, data / entry.name, os.environ))
            if bot is not None:
                bots.by_platform[entry.name] = bot
    return bots


def make_launcher(config: Config, said: Said) -> Launcher:
    """For containers. Raises `CannotStart` when there is no engine, or one that cannot work for this host."""
    from host.runners.launch.docker import DockerLauncher

    found = engine.look(config, ("slack",), thoroughly=False)
    if final := [finding for finding in found if engine.is_final(finding)]:
        raise CannotStart.because(final)
    said.all_of(found)  # it was there once and may come back: messages are taken and wait
    return DockerLauncher(config.runner)


def _reread(again: Callable[[], Config], running: Config, platforms: Collection[str]) -> Config:
    """As at the start, with what would keep a host from starting. Raises `ConfigError`, `NotFit`."""
    try:
        config = provider.resolved(again(), os.environ)
        if set(platforms) != {"console"}:
            _refuse_echoes(config)
            _require_owner(config, set(platforms) - {"console"})
        _looked_around(config.model_copy(update={"data": running.data}))
    except CannotStart as error:
        raise NotFit(str(error)) from error
    return config


async def _serve(
    config: Config, bots: Bots, launcher: Launcher, said: Said, read: Callable[[], Config]
) -> None:
    credentials = model.make_credentials(config, os.environ)
    spans = traces.made(config)
    look = functools.partial(everything.here, before_start=False)
    parts = Parts(ThreadDisk(), launcher, now_ms, credentials, spans=spans, read=read, look=look)
    host = Host(config, bots, parts)
    stop = _Stop(host)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.order)
    loop.add_signal_handler(signal.SIGINT, stop.order)
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(host), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, stop.order if "console" in bots.by_platform else reload)
    looking_outside = asyncio.create_task(_look_outside(config, bots, said), name="looks")
    try:
        await host.serve()
        if "console" in bots.by_platform:  # a pipe may have ended before the first answer from outside
            await asyncio.wait([looking_outside], timeout=LAST_LOOK)
    finally:
        looking_outside.cancel()
        spans.close()


async def _look_outside(config: Config, bots: Bots, said: Said) -> None:
    """What others have to be asked for is said when they answer; it holds nothing up."""
    shown: dict[str, Bot] = {name: bot for name, bot in bots.by_platform.items() if name != "console"}
    wrong: list[Finding] = []
    if not shown:  # in the terminal, too, it is good to know that a platform would refuse what it is given
        shown, wrong = looking.made(config, os.environ)
    said.all_of(wrong)
    looks = everything.outside(config, os.environ, shown, with_engine=False)
    for coming in asyncio.as_completed([everything.told([look]) for look in looks]):
        found = await coming
        said.all_of(found if set(bots.by_platform) != {"console"} else _of_use_in_a_terminal(found))


def _of_use_in_a_terminal(found: Iterable[Finding]) -> Iterator[Finding]:
    """Channels and owners of a team are none of it, and of an echo the first line tells."""
    return (
        finding
        for finding in found
        if finding.what in ("Model API", model.STANDS_IN, "Clock", "Slack", "Discord")
        or (finding.what.startswith("Agent ") and finding.seen != provider.ECHO)
    )


async def _reload(host: Host) -> None:
    if await host.reload(getpass.getuser()) is None:
        log.info("SIGHUP: nothing to reload, the host does not serve", extra={"action": "reload_refused"})


class _Stop:
    """The first order drains, the second forces."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._ordered = False

    def order(self) -> None:
        if self._ordered:
            os._exit(130)
        self._ordered = True
        self._host.stop()
