"""The brake from the command line, beside a running host or without one, and the word to go on."""

from __future__ import annotations

import getpass
import json
from contextlib import closing
from pathlib import Path

from host.cli import listing, ordering
from host.cli.ending import NothingFoundError
from host.cli.listing import now_ms
from host.cli.owners import operator
from host.config import Config
from host.folders import lock
from host.governance import audit, pauses
from host.registry import orders, resumption
from host.registry.db import beside, open_registry


def pause(config: Config, agent: str) -> None:
    """By the host that runs, so that it counts when this says so; else by its records, which the next host reads. Raises
    `NothingFoundError`, `SessionError`."""
    _require(config, agent)
    data, now = Path(config.data), now_ms()
    if lock.held(data) and not _is_held(data):
        order = json.dumps({"agent": agent, "by": getpass.getuser()})
        number = orders.give(data / "host.db", "pause", "", now, order)
        listing.say(ordering.outcome(data, number))
        return
    with beside(data / "host.db", whole=True) as connection:
        begun = pauses.begin(connection, agent, now)
        if begun:
            audit.record(connection, operator(), "pause", pauses.named(agent), now)
    listing.say(pauses.begun(agent, begun=begun, running=False))


def _is_held(data: Path) -> bool:
    """Whether a host that runs only waits for `dovecote resume`."""
    with closing(open_registry(data)) as registry:
        return bool(resumption.held(registry))


def resume(config: Config, agent: str, *, answer: bool) -> None:
    """Ends pauses, and holds of a restored folder where no agent is named. Raises `NothingFoundError`, `SessionError`."""
    data, now = Path(config.data), now_ms()
    with beside(data / "host.db", whole=True) as connection:
        released = not agent and resumption.release(connection, now, answer=answer)
        ended = pauses.end(connection, agent)
        still = pauses.since(connection, agent) if agent else 0
        for name in ended:
            audit.record(connection, operator(), "resume", pauses.named(name), now)
    if agent and not ended:
        _require(config, agent)
    if still:
        own = "its own pause is over, but " if ended else ""
        raise NothingFoundError(f"{own}everything is paused, agent {agent} too: `dovecote resume` ends that")
    if not (released or ended):
        what = f"agent {agent} is not paused" if agent else "nothing is held or paused there"
        raise NothingFoundError(f"{data}: {what}")
    if released:
        listing.say("Resumed: `dovecote up` serves it; a host that waits goes on by itself")
    for name in ended:
        listing.say(f"{pauses.named(name)}: goes on, with what was written meanwhile")


def _require(config: Config, agent: str) -> None:
    """Raises `NothingFoundError`."""
    if agent and agent not in config.agents:
        known = ", ".join(config.agents)
        raise NothingFoundError(f"there is no agent {agent!r}; known: {known}. For all of them name none")
