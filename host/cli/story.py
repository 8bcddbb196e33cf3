"""`dovecote why`: the life of one message, in plain words or as the records have it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from host.cli import elsewhere, inspect, listing
from host.cli.ending import NothingFoundError
from host.config import Config
from host.controls import plainly, why
from host.controls.naming import Names
from host.governance.words import moment, one_line, zone_of
from host.registry.port import Statements
from sessiondb import SessionError, SessionFolder
from sessiondb.connection import open_reader
from sessiondb.errors import translated

LONGEST_CELL = 60  # characters
LONGEST_TEXT = 70  # characters of the message that are shown


def tell(config: Config, name: str, *, verbose: bool, as_json: bool) -> None:
    """Raises `NothingFoundError`, `sessiondb.SessionError`."""
    data = Path(config.data)
    with listing.records(data) as registry:
        found = _found(registry, data, name) if registry is not None else []
        if registry is None or not found:
            raise NothingFoundError(
                f"no message {name!r} in {data}: give its id, the id's beginning, or its platform's id or that of its"
                " answer; a conversation's id stands for its last message"
            )
        if len(found) > 1:
            _which(config, found, as_json=as_json)
            return
        lies = elsewhere.machine(registry, data, found[0].session_id)
        events = why.story(registry, data, found[0], lies=bool(lies))
        place = Names(registry).place(found[0].address)
    if as_json:
        listing.say_json(_for_programs(found[0], events, place, lies))
    elif verbose:
        _records(found[0], events)
    else:
        _plainly(config, found[0], events, place, lies)


def _found(registry: Statements, data: Path, name: str) -> list[why.Found]:
    found = why.find(registry, data, name)
    if found or not name.startswith("s"):
        return found
    try:
        id_ = inspect.session(registry, name)
    except NothingFoundError:
        return []
    if lies := elsewhere.machine(registry, data, id_):
        raise NothingFoundError(f"{lies} has the files of {id_}: ask there, or give a message's id")
    folder = SessionFolder((data / "sessions" / id_).resolve())
    try:
        inbound = open_reader(folder.inbound_db)
    except SessionError:
        return []
    try:
        with translated(folder.inbound_db):
            row = inbound.execute(_LAST).fetchone()
    except SessionError:
        return []
    finally:
        inbound.close()
    return why.find(registry, data, str(row[0])) if row else []


def _which(config: Config, found: list[why.Found], *, as_json: bool) -> None:
    if as_json:
        listing.say_json([{"id": entry.message_id, "at": listing.iso(entry.received_at)} for entry in found])
        return
    zone = zone_of("", config.host.zone)
    listing.say("Several messages fit; ask for one of them:")
    rows = [
        [
            entry.message_id,
            listing.clock(entry.received_at, zone),
            one_line(entry.author, LONGEST_CELL),
            one_line(entry.text, LONGEST_CELL),
        ]
        for entry in found
    ]
    listing.table(["message", "came", "who", "title"], rows)


def _plainly(config: Config, found: why.Found, events: list[why.Event], place: str, lies: str) -> None:
    zone = zone_of("", config.host.zone)
    said = one_line(found.text, LONGEST_TEXT)
    listing.say(f"{one_line(found.author, LONGEST_CELL)} in {place}{f': “{said}”' if said else ''}", "bold")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for line in plainly.told(events):
        grid.add_row(moment(line.at, zone), Text(line.words))
    listing.show(grid)
    listing.say(_outcome(events, lies))


def _outcome(events: list[why.Event], lies: str) -> str:
    if not lies or any(event.what == "declined" for event in events):
        return str(plainly.outcome(events))
    told = "An answer was posted. " if any(event.what == "delivered" for event in events) else ""
    return f"{told}{lies} has the conversation's files and knows the rest: ask there."


def _records(found: why.Found, events: list[why.Event]) -> None:
    listing.show(Text.assemble((found.message_id, "bold"), " ", (found.platform_message_id, "dim")))
    grid = Table.grid(padding=(0, 2))
    for event in events:
        at = moment(event.at, zone_of("", "UTC"))
        grid.add_row(Text(f"{at}Z" if at else "", "dim"), Text(event.what, "bold"), Text(event.detail))
    listing.show(grid)


def _for_programs(found: why.Found, events: list[why.Event], place: str, lies: str) -> dict[str, object]:
    return {
        "id": found.message_id,
        "platform_message_id": found.platform_message_id,
        "session": found.session_id,
        "author": found.author,
        "where": place,
        **listing.placed(found.address),
        "outcome": _outcome(events, lies),
        "events": [asdict(event) | {"at": listing.iso(event.at)} for event in events],
    }


_LAST = "SELECT id FROM messages_in WHERE kind IN ('chat', 'task', 'webhook') ORDER BY seq DESC LIMIT 1"
