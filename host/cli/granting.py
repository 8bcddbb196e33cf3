"""Tools that people have allowed in advance, from the command line: beside a running host or without one."""

from __future__ import annotations

import time
from pathlib import Path

from host.cli import listing
from host.cli.ending import NothingFoundError
from host.cli.owners import operator
from host.config import Config
from host.controls import granting
from host.controls.naming import Names
from host.governance import grants, words
from host.governance.grants import Grant
from host.ports.controls import Forbidden
from host.registry.db import beside

NOTHING = "Nobody has allowed a tool in advance."


def show(config: Config, *, as_json: bool) -> None:
    """The one that ends first, first. Raises `sessiondb.SessionError`."""
    with listing.records(Path(config.data)) as registry:
        found = grants.every(registry, _now()) if registry is not None else []
        names = Names(registry) if registry is not None else None
        where = [names.place(one.place) if names and one.here else "everywhere" for one in found]
    if as_json:
        listing.say_json([_entry(one) for one in found])
        return
    if not found:
        listing.say(NOTHING)
        return
    zone = words.zone_of("", config.host.zone)
    shown = [
        (
            str(one.id),
            one.tool,
            one.agent,
            place,
            words.name(one.name) or one.user,
            listing.clock(one.ends_at, zone),
        )
        for one, place in zip(found, where, strict=True)
    ]
    listing.table(["number", "tool", "agent", "where", "who", "until"], shown)


def revoke(config: Config, number: int) -> None:
    """A running host reads it before the next call. Raises `NothingFoundError`, `sessiondb.SessionError`."""
    with beside(Path(config.data) / "host.db") as connection:
        try:
            told = granting.revoke(connection, config, operator(), number, _now())
        except Forbidden as error:
            raise NothingFoundError(str(error)) from error
    listing.say(told)


def _entry(one: Grant) -> dict[str, object]:
    return {
        "number": one.id,
        "tool": one.tool,
        "agent": one.agent,
        "here": one.here,
        **listing.placed(one.place),
        "user": one.user,
        "name": one.name,
        "until": listing.iso(one.ends_at),
    }


def _now() -> int:
    return time.time_ns() // 1_000_000
