"""Ten sessions send what is expensive to read, as fast as they can, while an eleventh talks: its round trips against calm ones.

The attackers are a process of their own, as containers are. The gateway shares the host's loop, as it does in service.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.figure import Figure, Timings
from bench.round_trip import BenchBot, event, now_ms
from host.app import Host
from host.assembly import Parts
from host.config import Config
from host.config.settings import Settings
from host.folders.disk import ThreadDisk
from host.gateway.budget import Budgets
from host.gateway.credentials import EnvironmentCredentials
from host.gateway.fields import Fields
from host.gateway.server import Gateway
from host.mailbox.open import Mailboxes
from host.ports.bot import Bots
from host.ports.stations import Stations
from host.registry.db import HostDB
from host.registry.sessions import Sessions, upsert
from host.runners.launch.process import ProcessLauncher
from sessiondb import Address

ATTACKERS = 10
ROUNDS = 100
WARM_UP = 10
ATTACK = """
import socket, sys, threading
values = b"[" + b"0," * 15_000_000 + b"0]"
head = b"POST /v1/messages?beta=true HTTP/1.1\\r\\nhost: gateway\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(values)
def attack(path):
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(path)
                line.sendall(head)
                line.sendall(values)
                line.recv(4096)
        except OSError:
            pass
for path in sys.argv[1:]:
    threading.Thread(target=attack, args=(path,), daemon=True).start()
print("at it", flush=True)
threading.Event().wait()
"""


def measure(folder: Path) -> tuple[Figure, float]:
    """And by how many MiB the host grew, its readers beside it."""
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> tuple[Figure, float]:
    bot = BenchBot()
    (folder / "host").mkdir(parents=True)
    disk = ThreadDisk()
    config = Config.model_validate({"data": str(folder / "host"), "access": {"unknown": "allow"}})
    host = Host(config, Bots({"bench": bot}), Parts(disk, ProcessLauncher(), now_ms))
    serving = asyncio.create_task(host.serve())
    await host.started.wait()
    calm = await _round_trips(host, bot, 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with _gateway(folder / "g", disk) as sockets:
        attack = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ATTACK, *sockets, stdout=asyncio.subprocess.PIPE
        )
        assert attack.stdout is not None
        await attack.stdout.readline()
        under_attack = await _round_trips(host, bot, ROUNDS + WARM_UP)
        attack.kill()
        await attack.wait()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    host.stop()
    await serving
    disk.close()
    figure = Figure(
        Timings(f"round trip beside {ATTACKERS} hostile sessions", under_attack),
        Timings("calm", calm),
        aim=2.0,
    )
    return figure, grown


async def _round_trips(host: Host, bot: BenchBot, first: int) -> list[float]:
    seconds = []
    for number in range(first, first + ROUNDS + WARM_UP):
        one = event(number)
        began = time.perf_counter()
        await host.ingest(one)
        async with asyncio.timeout(60):
            seconds.append(await bot.sent.get() - began)
            await host.settled(one.message_id)
        await asyncio.sleep(0.01)
    return seconds[WARM_UP:]


@asynccontextmanager
async def _gateway(data: Path, disk: ThreadDisk) -> AsyncIterator[list[str]]:
    """The sockets of the sessions that attack."""
    data.mkdir()
    config = Config.model_validate({"data": str(data), "agents": {"default": {"provider": "claude"}}})
    settings = Settings(config)
    db = await HostDB.open(data / "host.db", disk)
    registry, mailboxes = Sessions(data), Mailboxes(disk, db, now_ms)
    budgets = Budgets(settings, db, now_ms, lambda: None)
    credentials = EnvironmentCredentials({"ANTHROPIC_API_KEY": "none"})
    gateway = Gateway(
        settings, mailboxes, budgets, credentials, Fields(config.model.base_url, db, now_ms), Stations(now_ms)
    )
    sockets = []
    for number in range(ATTACKERS):
        address = Address("bench", "w", "c", str(number))
        id_ = await db.write(lambda c, a=address: upsert(c, "default", a, "scope", now_ms()))  # type: ignore[misc]
        [session] = await db.read(lambda c, i=id_: registry.load(c, "id = ?", (i,)))  # type: ignore[misc]
        await mailboxes.use(session, lambda writer: writer.next_due_at())  # makes its folder
        await gateway.open(session, config)
        sockets.append(str(session.folder.gateway_socket))
    try:
        yield sockets
    finally:
        await gateway.stop()
        await mailboxes.close()
        await db.close()
