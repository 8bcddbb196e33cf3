"""The hosts that share a database, as it knows them, and which of them may serve."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from host.cli import listing
from host.cli.ending import NothingFoundError
from host.registry import nodes
from host.registry.extra import visiting
from host.registry.nodes import Seen
from host.registry.port import Beside
from host.registry.where import NotYet, noted

DEADLINE = 60.0  # s in which another node serves
LOOK = 0.2  # s between two looks
ALONE = "There is this machine alone: [cluster] names no database, or no host has run on it."


def show(data: Path, *, as_json: bool) -> None:
    """Raises `sessiondb.SessionError`."""
    found = _seen(noted(data))
    if as_json:
        listing.say_json([asdict(one) for one in found])
    elif found:
        headings = ["node", "id", "state", "labels", "channels", "at work", "heard of", "since", "version"]
        listing.table(headings, [_row(one) for one in found])
    else:
        listing.say(ALONE)


def drain(data: Path, node: str, *, undo: bool) -> None:
    """`node` is a machine's name or the beginning of a node's id. Returns once the node does not serve, or might again. Raises
    `NothingFoundError`, also for the last one that could serve, and `sessiondb.SessionError`."""
    url = noted(data)
    if not url:
        raise NothingFoundError(ALONE)
    with _among(url) as connection:
        nodes.decide(connection)
        found = nodes.seen(connection)
        one = _named(found, node)
        if undo:
            nodes.undrain(connection, one.id)
        elif not any(_may_serve(other) for other in found if other.id != one.id):
            raise NothingFoundError(
                f"no other node could serve in the place of {one.name}: start one, or undo the drain of one"
            )
        else:
            nodes.drain(connection, one.id)
    if undo:
        listing.say(f"{one.called} may serve again.")
    else:
        listing.say(_handed_over(url, one))


def _handed_over(url: str, drained: Seen) -> str:
    undo = f"until `dovecote drain {drained.id} --undo`"
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        found = _seen(url)
        serving = [one.called for one in found if one.serves and one.id != drained.id]
        if serving and not any(one.serves for one in found if one.id == drained.id):
            if drained.together:
                return f"{drained.called} holds no channel any more, {undo}; what it had is for {', '.join(serving)}."
            return f"{serving[0]} serves; {drained.called} does not, {undo}."
        time.sleep(LOOK)
    if drained.together:
        return (
            f"{drained.called} is to serve no more, but it still does, or nobody else: see `dovecote nodes`."
        )
    return f"{drained.called} is to serve no more, but no other node serves yet: see `dovecote nodes`."


def _seen(url: str) -> list[Seen]:
    if not url:
        return []
    try:
        with _among(url) as connection:
            return nodes.seen(connection)
    except NotYet:
        return []


def _among(url: str) -> AbstractContextManager[Beside]:
    made: AbstractContextManager[Beside] = visiting().among_nodes(url)
    return made


def _named(found: list[Seen], word: str) -> Seen:
    fitting = [one for one in found if one.name == word]
    fitting = fitting or [one for one in found if word and one.id.startswith(word)]
    if not fitting:
        raise NothingFoundError(f"there is no node {word}: `dovecote nodes` lists them")
    if len(fitting) > 1:
        raise NothingFoundError(f"{len(fitting)} nodes are called {word}: take the id of one")
    return fitting[0]


def _may_serve(one: Seen) -> bool:
    return not one.drained and one.silent < nodes.SILENT


def _row(one: Seen) -> list[str]:
    since = f"{datetime.fromtimestamp(one.since / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    channels, works = (str(one.channels), str(one.works)) if one.together else ("", "")
    heard = f"{one.silent // 1000} s ago"
    return [one.name, one.id, _state(one), ", ".join(one.labels), channels, works, heard, since, one.version]


def _state(one: Seen) -> str:
    state = nodes.state_of(one)
    return "serves, drained" if state == nodes.DRAINING else state
