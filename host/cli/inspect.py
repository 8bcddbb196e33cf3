"""Looking at a data folder from outside: `sessions`, `stop`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.text import Text

from host.cli import listing, ordering
from host.cli.ending import NothingFoundError
from host.cli.listing import now_ms
from host.config import Config
from host.controls import conversations, naming
from host.controls.conversations import Row
from host.controls.naming import Names
from host.folders import lock
from host.registry import nodes, orders, whereabouts
from host.registry.db import open_registry
from host.registry.port import Statements
from host.registry.where import noted

MOST_SESSIONS = 50  # shown without --all
ALIVE = 10_000  # ms since the last heartbeat within which a runner lives
LONGEST_TITLE = 60  # characters
STYLES = {"working": "green", "waits": "yellow", "cannot start": "red", "damaged": "red", "idle": "dim"}


def show_sessions(config: Config, *, everything: bool, as_json: bool) -> None:
    data = Path(config.data)
    with listing.records(data) as registry:
        if registry is None:
            _none(data, as_json=as_json)
            return
        own = nodes.named(data) if noted(data) else ""
        most = conversations.ALL if everything else MOST_SESSIONS
        found = conversations.latest(registry, data, most, runs=lock.held(data), node=own)
        machines = whereabouts.names(registry) if any(row.node for row in found) else {}
        ids = [str(id_) for (id_,) in registry.execute("SELECT id FROM sessions").fetchall()]
        names = Names(registry)
        places = {row.id: names.place(row.address, row.scope) for row in found}
    short = listing.shortened([row.id for row in found], ids)
    if as_json:
        listing.say_json([_for_programs(row, short[row.id], places[row.id]) for row in found])
        return
    if not found:
        _none(data, as_json=False)
        return
    _shown(found, short, places, machines)
    if len(ids) > len(found):
        listing.say(f"The latest {len(found)} of {len(ids)}; --all shows all of them.", "dim")


def _none(data: Path, *, as_json: bool) -> None:
    if as_json:
        listing.say_json([])
    else:
        listing.say(f"There are no conversations in {data.resolve()} yet.")


def _shown(
    found: list[Row], short: Mapping[str, str], places: dict[str, str], machines: Mapping[str, str]
) -> None:
    now = now_ms()
    agents = len({row.agent for row in found}) > 1
    headings = ["session", *(["agent"] if agents else []), "where", "title", "last", "state"]
    rows: list[list[str | Text]] = [
        [
            short[row.id],
            *([row.agent] if agents else []),
            places[row.id],
            row.title,
            naming.ago(row.active_at, now),
            Text(row.state, STYLES.get(row.state, "")),
        ]
        for row in found
    ]
    listing.table(headings, rows)
    for row in found:
        if row.problem:
            listing.say(f"{short[row.id]}: {row.problem}", "yellow")
    if lie := sorted({machines.get(row.node, row.node) for row in found if row.node}):
        listing.say(f"What has no title here lies with {', '.join(lie)}.", "dim")


def _for_programs(row: Row, short: str, place: str) -> dict[str, object]:
    return {
        "id": row.id,
        "short": short,
        "agent": row.agent,
        **listing.placed(row.address),
        "where": place,
        "title": row.title,
        "last_message_at": listing.iso(row.active_at),
        "state": row.state,
        "problem": row.problem,
    }


def order_stop(data: Path, name: str) -> None:
    """Has the running host end a session's runner. Raises `NothingFoundError`, `sessiondb.SessionError`."""
    registry = open_registry(data)
    try:
        id_ = session(registry, name)
        if not lock.held(data):
            raise NothingFoundError(f"no host runs on {data}, so no runner does")
    finally:
        registry.close()
    told = ordering.outcome(data, orders.give(data / "host.db", "stop", id_, now_ms()))
    listing.say(f"{id_}: {told}")


def session(registry: Statements, name: str) -> str:
    """The id that begins so. Raises `NothingFoundError`."""
    rows = registry.execute(
        "SELECT id FROM sessions WHERE id >= ?2 AND id < ?2 || 'g' AND substr(id, 1, ?1) = ?2 LIMIT 2",
        (len(name), name),
    ).fetchall()
    if len(rows) != 1:
        raise NothingFoundError(
            f"{'no session' if not rows else 'more than one session'} begins with {name!r}: `dovecote sessions` lists them"
        )
    return str(rows[0][0])
