"""Ten sessions write rows, acknowledgements and progress without an end, while an eleventh talks: round trips against calm ones.

All of them are containers, as in service, for what a container writes is held to its share. What each may write at once is
behind it when the round trips begin; what those before it were is a figure of its own.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

from bench.figure import Figure, Timings, one
from bench.hostile import ATTACKERS, MOST_GROWN, round_trips
from bench.serving import PLACE, BenchBot, Served, serving
from bench.starts import IMAGE
from bots.slack.sending import rendering
from host.config import Runner
from host.folders import written
from host.ports.bot import Capabilities, Delivery, Receipt
from host.registry.sessions import session_id
from host.runners.launch.docker import DockerLauncher
from host.runners.launch.labels import SESSION
from host.runners.pace import MIB
from sessiondb import content

AT_FIRST = 30.0  # s in which each writes what it may at once, on a slow disk
LONG_ENOUGH = 15.0  # s in which what they write is measured
PATIENCE = 60.0  # s

# Each writes into its own outbound.db, and away again what the host has read, for its disk has an end.
WRITE = """
import itertools, json, os, pathlib, sqlite3, time
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
        (root / "outbound/at-it").touch()
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
attack("/session")
"""


def measure(folder: Path) -> list[Figure]:
    """Needs an engine and `IMAGE`."""
    client = docker.from_env()
    try:
        return asyncio.run(_measure(folder / "writing", client))
    finally:
        client.close()


async def _measure(data: Path, client: docker.DockerClient) -> list[Figure]:
    async with serving(data, lambda config: DockerLauncher(config.runner), runner={"image": IMAGE}) as served:
        _on_slack(served.bot)
        attackers = await _attackers(served, data, client)
        calm = await round_trips(served)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await _at_it(attackers, data)
        at_first = await _for_a_while(served)
        before_it, began = _written(attackers), time.monotonic()
        beside = await round_trips(served)
        # They are held for a while and let go for another: less than a few of these says nothing.
        await asyncio.sleep(max(0.0, LONG_ENOUGH - (time.monotonic() - began)))
        wrote = (_written(attackers) - before_it) / (time.monotonic() - began)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    quiet = Timings("calm", calm)
    of_rows = f"{ATTACKERS} sessions of hostile rows"
    return [
        Figure(Timings(f"round trip beside {of_rows}", beside), quiet, aim=2.0),
        Figure(Timings("the same in their first seconds", at_first), quiet, aim=2.0),
        Figure(
            Timings(f"MiB a second that {of_rows} write", [wrote / MIB], "MiB"),
            one("MiB"),
            aim=2 * Runner().written_mb_s,
        ),
        Figure(
            Timings(f"by what the host grew beside {of_rows}", [grown], "MiB"), one("MiB"), aim=MOST_GROWN
        ),
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


async def _attackers(served: Served, data: Path, client: docker.DockerClient) -> list[Container]:
    """Of sessions that have had their answer, and whose runners rest."""
    for number in range(ATTACKERS):
        await served.trip(f"hostile-{number}")
    await served.trip()
    own = session_id("default", PLACE)
    sessions = [path.name for path in (data / "sessions").iterdir() if path.name != own]
    return [
        container
        for session in sessions
        for container in client.containers.list(filters={"label": f"{SESSION}={session}"})
    ]


async def _at_it(attackers: Sequence[Container], data: Path) -> None:
    for container in attackers:
        await asyncio.to_thread(container.exec_run, ["python3", "-c", WRITE], detach=True)
    async with asyncio.timeout(PATIENCE):
        while len(list(data.glob("sessions/*/outbound/at-it"))) < len(attackers):  # noqa: ASYNC110 - containers ring nobody
            await asyncio.sleep(0.05)


async def _for_a_while(served: Served) -> list[float]:
    seconds, began = [], time.monotonic()
    while time.monotonic() - began < AT_FIRST:
        seconds.append(await served.trip())
        await asyncio.sleep(0.01)
    return seconds


def _written(attackers: Sequence[Container]) -> int:
    return sum(written.by_containers([container.attrs["State"]["Pid"] for container in attackers]).values())
