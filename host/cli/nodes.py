"""The hosts that share a database, as it knows them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from host.cli import listing
from host.registry import nodes
from host.registry.where import noted


def show(data: Path, *, as_json: bool) -> None:
    """Raises `sessiondb.SessionError`."""
    found: list[nodes.Seen] = []
    if noted(data):
        with listing.records(data) as registry:
            found = [] if registry is None else nodes.seen(registry)
    if as_json:
        listing.say_json([asdict(one) for one in found])
    elif found:
        listing.table(["node", "serves", "heard of", "since", "version"], [_row(one) for one in found])
    else:
        listing.say("There is this machine alone: [cluster] names no database, or no host has run on it.")


def _row(one: nodes.Seen) -> list[str]:
    since = f"{datetime.fromtimestamp(one.since / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    return [one.name, "yes" if one.serves else "", f"{one.silent // 1000} s ago", since, one.version]
