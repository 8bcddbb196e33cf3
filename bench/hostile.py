"""Ten sessions send what is expensive to read, as fast as they can, while an eleventh talks: its round trips against calm ones.

First they send bodies and calls that cost nothing to the gateway, then they write rows, acknowledgements and progress.
The attackers are a process of their own, as containers are. The gateway shares the host's loop, as it does in service.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.figure import Figure, Timings, one
from bench.serving import PLACE, BenchBot, Served, now_ms, serving
from bots.slack.sending import rendering
from host.config import Config
from host.config.settings import Settings
from host.folders.disk import ThreadDisk
from host.gateway.budget import Budgets
from host.gateway.credentials import EnvironmentCredentials
from host.gateway.fields import Fields
from host.gateway.server import Gateway
from host.mailbox.open import Mailboxes
from host.ports.bot import Capabilities, Delivery, Receipt
from host.ports.stations import Stations
from host.registry.db import HostDB
from host.registry.sessions import Sessions, session_id, upsert
from sessiondb import Address, content

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

# Each writes into its own outbound.db, and away again what the host has read, for its disk has an end.
WRITE = """
import itertools, json, os, pathlib, sqlite3, sys, threading, time
os.nice(19)  # a container has its share of the processors: it is the host's work that is measured
nested = "".join("*_**~~[" for _ in range(8_000)) + "x"
kinds = [
    ("chat", json.dumps({"type": "text", "text": nested})),
    ("chat", json.dumps({"type": "text", "text": "> " * 30_000 + "- " * 30_000})),
    ("chat", json.dumps({"type": "text", "text": "x" * 1_900_000})),
    ("chat", "[" * 100_000),
    ("chat", "{"),
    ("system", json.dumps({"type": "action", "name": "evil", "arguments": {}})),
    ("chat", json.dumps({"type": "edit", "message_id": "m123", "text": nested})),
    ("chat", json.dumps({"type": "ask_question", "text": "Which?", "options": ["a", "b"]})),
]
def attack(root):
    root = pathlib.Path(root)
    inbound = sqlite3.connect(f"file:{root}/inbound/inbound.db?mode=ro", uri=True, timeout=30)
    [(asked,)] = inbound.execute("SELECT id FROM messages_in WHERE kind <> 'system' LIMIT 1").fetchall()
    own = sqlite3.connect(root / "outbound/outbound.db", timeout=30, isolation_level=None)
    seq = own.execute("SELECT coalesce(max(seq), 1) FROM messages_out").fetchone()[0]
    bell = open(root / "gateway/to-host.bell", "r+b", buffering=0)
    for turn in itertools.count():
        try:
            own.execute("BEGIN IMMEDIATE")
            own.execute("DELETE FROM messages_out WHERE seq < ?", (seq - 200,))
            for number, (kind, said) in enumerate(2 * kinds):  # few that are none: they end what their session may write
                seq += 2
                own.execute("INSERT INTO messages_out VALUES (?, ?, ?, '', ?, 1, 0, ?)", (seq, f"e{seq}", asked, kind, said))
                own.execute("INSERT OR REPLACE INTO processing_ack VALUES (?, 'retry', 'i', 1, 't', '', 1)", (f"a{number}",))
            own.execute("COMMIT")
            (root / "outbound/progress.json").write_text("[" * 200_000 if turn % 2 else json.dumps({"status": nested}))
            bell.write(b"!" * 100)
        except sqlite3.OperationalError:
            if own.in_transaction:
                own.execute("ROLLBACK")
        time.sleep(0.005)
for root in sys.argv[1:]:
    threading.Thread(target=attack, args=(root,), daemon=True).start()
print("at it", flush=True)
threading.Event().wait()
"""


def measure(folder: Path) -> list[Figure]:
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Figure]:
    async with serving(folder / "host") as served:
        _on_slack(served.bot)
        calm = await _round_trips(served)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with gateway(folder / "g") as sockets, _at_it(ATTACK, sockets):
            beside_bodies = await _round_trips(served)
        async with _at_it(WRITE, await _sessions(served, folder / "host")):
            beside_rows = await _round_trips(served)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    quiet = Timings("calm", calm)
    return [
        Figure(Timings(f"round trip beside {ATTACKERS} hostile sessions", beside_bodies), quiet, aim=2.0),
        Figure(
            Timings(f"round trip beside {ATTACKERS} sessions of hostile rows", beside_rows), quiet, aim=2.0
        ),
        Figure(Timings("by what the host grew meanwhile", [grown], "MiB"), one("MiB"), aim=MOST_GROWN),
    ]


def _on_slack(bot: BenchBot) -> None:
    """Text is rendered as it is for Slack, and to the channels of attackers one message a second goes."""
    send = bot.send

    async def paced(delivery: Delivery) -> Receipt:
        if delivery.address.platform_id != PLACE.platform_id:
            await asyncio.sleep(1.0)
        return await send(delivery)

    def drawn(
        operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        return rendering.operation(operation, plain=plain, mentions=mentions)

    bot.capabilities = Capabilities(drawn_by="bots.slack.sending.rendering:operation")
    bot.render = drawn  # type: ignore[method-assign]
    bot.send = paced  # type: ignore[method-assign]


async def _sessions(served: Served, data: Path) -> list[str]:
    """Those that write rows: each has had its answer, and its runner rests."""
    for number in range(ATTACKERS):
        await served.trip(f"hostile-{number}")
    own = session_id("default", PLACE)
    return [str(path) for path in (data / "sessions").iterdir() if path.name != own]


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


async def _round_trips(served: Served) -> list[float]:
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
