"""The versions of a channel's settings from the command line, and back to one of them, beside a running host or without one."""

from __future__ import annotations

import json
import time
from pathlib import Path

from host.cli import listing, ordering
from host.cli.ending import NothingFoundError
from host.cli.owners import operator
from host.cli.send import SendError, address_of
from host.config import Config
from host.controls import channels
from host.folders import lock
from host.governance import rules, words
from host.ports.controls import Forbidden
from host.registry import orders
from host.registry.db import beside
from sessiondb.records import Address


def show(config: Config, named: str, *, as_json: bool) -> None:
    """The latest first. Raises `NothingFoundError`, `sessiondb.SessionError`."""
    place = _place(named)
    with listing.records(Path(config.data)) as registry:
        found = rules.versions(registry, place) if registry is not None else []
    if as_json:
        listing.say_json([_entry(one) for one in found])
        return
    if not found:
        listing.say("Nobody has changed anything there.")
        return
    zone = words.zone_of("", config.host.zone)
    shown = [
        (
            str(one.after.version),
            listing.clock(one.at, zone),
            words.name(one.name) or one.user,
            channels.recorded(one.before),
            channels.recorded(one.after),
        )
        for one in found
    ]
    listing.table(["version", "at", "who", "before", "after"], shown)


def revert(config: Config, named: str, number: int) -> None:
    """Raises `NothingFoundError`, `sessiondb.SessionError`."""
    place, data, now = _place(named), Path(config.data), time.time_ns() // 1_000_000
    with beside(data / "host.db") as connection:
        try:
            changed = channels.revert(connection, config, operator(), place, number, now)
        except Forbidden as error:
            raise NothingFoundError(str(error)) from error
        held = rules.now_of(connection, place)
    if changed and lock.held(data):
        given = orders.give(data / "host.db", "channel", "", now, json.dumps(place[:3]))
        ordering.outcome(data, given)
    listing.say(channels.told(config, place, held))


def _place(named: str) -> Address:
    try:
        return address_of(named)
    except SendError as error:
        raise NothingFoundError(str(error)) from error


def _entry(one: rules.Version) -> dict[str, object]:
    return {
        "version": one.after.version,
        "at": listing.iso(one.at),
        "user": one.user,
        "name": one.name,
        **{
            when: {
                "agent": held.agent,
                "engage": held.engage,
                "budget_usd_per_day": None if held.budget_usd_per_day < 0 else held.budget_usd_per_day,
                "model": held.model,
                "instructions": held.instructions,
                "effort": held.effort,
                "tools": list(held.tools),
                "askers": list(held.askers),
                "keepers": list(held.keepers),
                "work": held.work,
                "bill": held.bill,
                "language": held.language,
                "models": list(held.models),
            }
            for when, held in (("before", one.before), ("after", one.after))
        },
    }
