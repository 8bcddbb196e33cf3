"""Ten sessions send what is expensive to read, as fast as they can, while an eleventh talks: its round trips against calm ones.

They send bodies, and calls that cost nothing, to the gateway, which shares the host's loop, as it does in service. The attackers
are a process of their own, as containers are.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.figure import Figure, Timings, one
from bench.serving import Served, now_ms, serving
from host.config import Config
from host.config.settings import Settings
from host.folders.disk import ThreadDisk
from host.gateway.budget import Budgets
from host.gateway.credentials import EnvironmentCredentials
from host.gateway.fields import Fields
from host.gateway.server import Gateway
from host.mailbox.open import Mailboxes
from host.ports.stations import Stations
from host.registry.db import HostDB
from host.registry.sessions import Sessions, upsert
from sessiondb import Address

ATTACKERS = 10
MOST_GROWN = 200  # MiB
ROUNDS = 60
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
free = b"POST /v1/messages/count_tokens HTTP/1.1\\r\\nhost: gateway\\r\\ncontent-length: 2\\r\\n\\r\\n{}"
def ask(path):
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(path)
                line.sendall(free)
                line.recv(4096)
        except OSError:
            pass
for path in sys.argv[1:]:
    for act in (attack, ask):
        threading.Thread(target=act, args=(path,), daemon=True).start()
print("at it", flush=True)
threading.Event().wait()
"""


def measure(folder: Path) -> list[Figure]:
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Figure]:
    async with serving(folder / "host") as served:
        calm = await round_trips(served)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with gateway(folder / "g") as sockets, _at_it(ATTACK, sockets):
            beside_bodies = await round_trips(served)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    quiet = Timings("calm", calm)
    return [
        Figure(Timings(f"round trip beside {ATTACKERS} hostile sessions", beside_bodies), quiet, aim=2.0),
        Figure(Timings("by what the host grew meanwhile", [grown], "MiB"), one("MiB"), aim=MOST_GROWN),
    ]


@asynccontextmanager
async def _at_it(script: str, against: Sequence[str]) -> AsyncIterator[None]:
    attack = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *against, stdout=asyncio.subprocess.PIPE
    )
    assert attack.stdout is not None
    await attack.stdout.readline()
    try:
        yield
    finally:
        attack.kill()
        await attack.wait()


async def round_trips(served: Served) -> list[float]:
    seconds = []
    for _ in range(ROUNDS + WARM_UP):
        seconds.append(await served.trip())
        await asyncio.sleep(0.01)
    return seconds[WARM_UP:]


@asynccontextmanager
async def gateway(data: Path) -> AsyncIterator[list[str]]:
    """The sockets of the sessions that attack."""
    data.mkdir()
    disk = ThreadDisk()
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
