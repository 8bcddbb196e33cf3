"""All looks side by side, each with a bound, none with a traceback; in the order in which they are told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from host.cli.looks import clock, collector, engine, folder, model, platforms, records, voice
from host.config import Config
from host.ports import faults
from host.ports.bot import Bot
from host.ports.findings import Finding

T = TypeVar("T")
BOUND = 20.0  # s for one look; a container takes the longest
CONTAINER = 90.0  # s for the one that starts a container
SLOW = "Try again when this machine, or its network, is less busy; if it stays so, look there for what hangs"


@dataclass(frozen=True, slots=True)
class Look:
    """One check. `what` names it if it does not come to an end."""

    what: str
    run: Callable[[], Awaitable[Sequence[Finding]]]
    bound: float = BOUND


async def told(looks: Iterable[Look]) -> list[Finding]:
    found = await asyncio.gather(*(_bounded(look) for look in looks))
    return list(dict.fromkeys(finding for findings in found for finding in findings))


async def _bounded(look: Look) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(look.bound):
            return await look.run()
    except TimeoutError:
        return [Finding(look.what, False, f"no answer within {look.bound:.0f} s", SLOW)]
    except Exception as error:  # noqa: BLE001 - a look that fails is a finding, whatever it met
        return [Finding(look.what, False, faults.of(error).rstrip("."))]


async def aside(job: Callable[[], T]) -> T:
    """In a thread that nobody waits for at the end: a disk that hangs does not hang the doctor."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not future.done():
            set_it()

    def run() -> None:
        try:
            value = job()
        except Exception as error:  # noqa: BLE001 - handed to the one who asked
            failed = error
            _in(loop, lambda: settle(lambda: future.set_exception(failed)))
            return
        _in(loop, lambda: settle(lambda: future.set_result(value)))

    threading.Thread(target=run, daemon=True, name="look").start()
    return await future


def _in(loop: asyncio.AbstractEventLoop, done: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(done)


# ── which there are ──────────────────────────────────────────────────────────────────────────────────────


def here(config: Config, *, before_start: bool) -> list[Finding]:
    """What can be seen on this machine, at once. For `up` and `chat` before they start, and for the doctor."""
    data, now = Path(config.data), time.time_ns() // 1_000_000
    found = list(folder.findings(data))
    unusable = any(not finding.well and finding.what == "Data folder" for finding in found)
    seen = (
        records.Seen(())
        if unusable and not data.is_dir()
        else records.look(config, data, now, before_start=before_start)
    )
    return [*found, *seen.findings, *clock.findings(config, seen.newest, now)]


def outside(
    config: Config, environment: Mapping[str, str], bots: Mapping[str, Bot], *, with_engine: bool
) -> list[Look]:
    """What others have to be asked for. `with_engine`: also by a container, which is gone afterwards."""

    async def containers() -> Sequence[Finding]:
        return await aside(lambda: engine.look(config, platforms.SHOWN, thoroughly=True))

    async def thinking() -> Sequence[Finding]:
        return await model.look(config, environment)

    async def traces() -> Sequence[Finding]:
        return await collector.look(config, environment)

    looks = [Look("Container engine", containers, CONTAINER)] if with_engine else []
    looks += _of_voice(config) if with_engine else []
    looks += [Look(collector.WHAT, traces)] if config.traces is not None else []
    return [*looks, Look("Model API", thinking), *(_of_bot(config, bot) for bot in bots.values())]


def _of_voice(config: Config) -> list[Look]:
    async def look() -> Sequence[Finding]:
        return await aside(lambda: voice.look(config, platforms.SHOWN))

    return [Look(voice.WHAT, look, CONTAINER)] if config.voice.command else []


def _of_bot(config: Config, bot: Bot) -> Look:
    async def look() -> Sequence[Finding]:
        return await platforms.look(config, bot)

    return Look(bot.channel_type.capitalize(), look)
