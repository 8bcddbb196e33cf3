"""`python -m runner`: one runner for one session, configured by environment. `--maintain` cares for its file instead.

Exit codes: 0 done or told to stop, 2 wrong settings, 3 another runner has the session, 4 its files cannot be written, 5 it
speaks another contract version, 6 the host's file could not be read for too long, 7 a file of its session is damaged, 8 its
session may be another machine's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from runner import egress, instructions, leash
from runner.inbound import InboundReader
from runner.leaving import leave
from runner.loop import AgentLoop
from runner.maintain import maintain
from runner.outbound import OutboundWriter, Superseded
from runner.providers.attachments import Attachments
from runner.providers.factory import UnknownProvider, make
from runner.settings import Settings, SettingsError
from runner.tools.desk import Desk
from runner.tools.kit import Kit
from runner.watch import FileWatch
from sessiondb import Damaged, Incompatible, SessionError, SessionFolder, Unavailable
from sessiondb.contract import DAMAGED, NOT_SET_UP, WAITED_IN_VAIN
from sessiondb.signals import Bell, RunnerLock, beat, replace_file, slowest_poll

HEARTBEAT_EVERY = 2.0  # s between two touches while the process lives

log = logging.getLogger("runner")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def main() -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    orders = _orders(sys.argv[1:])
    if isinstance(orders, Warm) and not _handed_over(orders):
        return 0
    try:
        settings = Settings.from_environment(os.environ)
        os.umask(0o077)
        leash.watch(leash.end_processes)
        return _alone(settings, orders if isinstance(orders, Care) else None)
    except (SettingsError, UnknownProvider) as error:
        log.error("%s", error)
        return refuse(getattr(error, "reason", "") or str(error))
    except Superseded:
        log.error("The host has started another incarnation; this one ends")
        return 3
    except Incompatible as error:
        log.error("%s; rebuild the image or update the host", error)
        return 5
    except Unavailable as error:
        log.error("%s for too long; another runner will go on", error)
        return WAITED_IN_VAIN
    except Damaged as error:
        log.error("%s", error)
        return DAMAGED
    except SessionError as error:
        log.error("%s", error)
        return 4


class Care(NamedTuple):
    """Recover and prune outbound.db, then exit."""

    delivered_up_to: int
    older_than: int  # ms UTC


class Warm(NamedTuple):
    """Wait for a session, with the provider's library imported."""

    provider: str


def _handed_over(orders: Warm) -> bool:
    from runner import warm

    return warm.handed_over(orders.provider)


def _orders(given: list[str]) -> Care | Warm | None:
    """None for a session's life, which is told by environment and waits for no parser."""
    if not given:
        return None
    from argparse import ArgumentParser

    parser = ArgumentParser(prog="runner", description="The agent loop of one Dovecote session.")
    parser.add_argument("--maintain", action="store_true", help="recover and prune outbound.db, then exit")
    parser.add_argument("--delivered-up-to", type=int, default=0, metavar="SEQ")
    parser.add_argument("--older-than", type=int, default=0, metavar="MS")
    parser.add_argument(
        "--warm", metavar="PROVIDER", help="wait until a session is handed over on standard input"
    )
    found = parser.parse_args(given)
    if found.warm:
        return Warm(found.warm)
    return Care(found.delivered_up_to, found.older_than) if found.maintain else None


def refuse(why: str) -> int:
    """What only a person can cure is told to people, and not tried again."""
    if root := os.environ.get("DOVECOTE_SESSION_DIR"):
        with suppress(OSError):
            replace_file(SessionFolder(Path(root)).refusal, why.encode("utf-8", "replace"))
    return NOT_SET_UP


def _alone(settings: Settings, care: Care | None) -> int:
    """Runs under the session's lock, which the kernel releases whatever happens to the process."""
    try:
        lock = RunnerLock.acquire(settings.folder.runner_lock)
    except OSError as error:
        log.error(
            "Cannot write %s (%s): is it owned by uid %d?",
            settings.folder.outbound,
            error.strerror,
            os.getuid(),
        )
        return 4
    if lock is None:
        log.error("Another runner holds this session")
        return 3
    try:
        if care is not None:
            removed = maintain(
                settings.folder.outbound_db, delivered_up_to=care.delivered_up_to, older_than=care.older_than
            )
            sys.stdout.write(json.dumps(removed) + "\n")
        else:
            asyncio.run(_serve(settings))
        return 0
    finally:
        lock.release()


async def _serve(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        if settings.egress:
            # Before anything is started: shells, MCP servers and libraries take it from the environment.
            os.environ.update(await stack.enter_async_context(egress.proxy(settings.folder.gateway_socket)))
        await _serve_session(settings)


async def _serve_session(settings: Settings) -> None:
    instructions.own(settings.agent_folder)  # what cannot be read is found now, not in the midst of a turn
    inbound = InboundReader(settings.folder.inbound_db)
    if inbound.incarnation() != settings.incarnation:
        raise Superseded

    now = _clock(settings.ahead)
    outbound = OutboundWriter(settings.folder.outbound_db, inbound, settings.incarnation, now)
    with _bells(settings) as (bell, ring):
        files = Attachments(settings.folder.inbound_files, settings.workspace)
        kit, desk = Kit(settings, inbound), Desk(files.blocks)
        slowest = slowest_poll(settings.poll_slowest, bell=bell is not None)
        watch = FileWatch(settings.folder.inbound_db, bell, slowest)
        # It beats once outbound.db names its runner: a file without a name, beside a beat, is another one in its place.
        beating = threading.Event()
        heart = threading.Thread(
            target=_heartbeat, args=(settings, beating, now), name="heartbeat", daemon=True
        )
        loop = AgentLoop(
            settings,
            make(settings),
            inbound,
            outbound,
            watch,
            ring=ring,
            now=now,
            kit=kit.tools,
            prepare=kit.prepare,
            on_turn=desk.turn,
            on_up=heart.start,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, loop.stop)
        try:
            await desk.open()
            await loop.run()
        finally:
            beating.set()
            await kit.close()
            await desk.close()
            watch.close()
            outbound.close()
            inbound.close()


def _clock(ahead: int | None) -> Callable[[], int]:
    """ms UTC. Where nodes go by one time: theirs at the start, and from then on by a clock that nobody sets, as the host does."""
    if ahead is None:
        return now_ms
    base = now_ms() + ahead - time.monotonic() * 1000
    return lambda: int(base + time.monotonic() * 1000)


def _heartbeat(settings: Settings, over: threading.Event, now: Callable[[], int]) -> None:
    """Shows that the process lives; whether it gets on is another question (law 11). A thread: commits may wait for long."""
    while True:
        try:
            beat(settings.folder.heartbeat, settings.incarnation)
            if settings.ahead is not None:  # the kernel's clock is not the host's
                os.utime(settings.folder.heartbeat, ns=(now() * 1_000_000,) * 2)
        except OSError as error:
            log.warning("The heartbeat cannot be written: %s", error.strerror)
        if over.wait(HEARTBEAT_EVERY):
            return


@contextmanager
def _bells(settings: Settings) -> Iterator[tuple[Bell | None, Callable[[], None]]]:
    folder = settings.folder
    pair = Bell.pair(folder.bell_to_runner, folder.bell_to_host) if settings.bells else None
    if pair is None:  # not wanted, or the file system has no FIFOs
        yield None, lambda: None
        return
    hear, tell = pair
    try:
        yield hear, tell.ring
    finally:
        hear.close()
        tell.close()


if __name__ == "__main__":
    leave(main())
