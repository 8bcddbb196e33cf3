"""What an owner decides or looks up from the command line, beside a running host or without one."""

from __future__ import annotations

import getpass
import time
from collections.abc import Sequence
from pathlib import Path

from host.cli import latest, listing
from host.cli.ending import NothingFoundError
from host.config import Config
from host.controls.naming import Names
from host.governance import audit, requests, words
from host.governance.access import LOCAL
from host.ports.events import Author, Viewer
from host.registry.db import beside
from sessiondb.records import Address


def show_access(data: Path, *, as_json: bool) -> None:
    """Whom owners let in or kept out, and who waits for a decision."""
    with listing.records(data) as registry:
        rows = [*registry.execute(_ASKED), *registry.execute(_DECIDED)] if registry is not None else []
    found = [(str(person), words.name(str(name)), str(standing)) for person, name, standing in rows]
    if as_json:
        listing.say_json(
            [{"person": person, "name": name, "access": access} for person, name, access in found]
        )
    elif found:
        listing.table(["person", "who", "access"], found)
    else:
        listing.say("Nobody was decided about, and nobody asks.")


def set_access(data: Path, person: str, standing: str) -> None:
    """`standing` is 'allowed', 'denied' or '' for "as if nobody had decided". Raises `NothingFoundError`, `SessionError`."""
    platform, _, user = person.partition(":")
    if not platform or not user:
        raise NothingFoundError(f"{person!r} names nobody: write platform:id, such as slack:U012AB3CD")
    now = time.time_ns() // 1_000_000
    with beside(data / "host.db") as connection:
        requests.set_standing(connection, platform, user, standing, now)
        audit.record(connection, operator(), "access", f"{person} {standing or 'undecided'}", now)
    listing.say(f"{person}: {standing or 'undecided'}")


def show_audit(config: Config, *, as_json: bool) -> None:
    latest.show(config, _CHANGES, as_json=as_json)


def _entry(names: Names, row: Sequence[object]) -> latest.Entry:
    at, user, name, channel, workspace, place, action, detail = map(str, row)
    address = Address(channel, workspace, place)
    where = names.place(address) if channel != LOCAL else "command line"
    return {
        "at": listing.iso(int(at)),
        "user": user,
        "name": words.name(name) or user,
        **listing.placed(address),
        "where": where,
        "action": action,
        "detail": detail,
    }


def _cells(entry: latest.Entry) -> list[str]:
    done = f"{str(entry['action']).replace('_', ' ')}: {entry['detail']}"
    return [str(entry["name"]), str(entry["where"]), done]


def operator() -> Viewer:
    user = getpass.getuser()
    return Viewer(Author(user, user), Address(LOCAL, "local", ""), "dm")


_DECIDED = f"SELECT {requests.NAMED}, name, standing FROM users WHERE standing <> '' ORDER BY 1"
_ASKED = (
    "SELECT subject ->> '$.platform' || ':' || CASE coalesce(subject ->> '$.workspace', '') WHEN '' THEN ''"
    " ELSE (subject ->> '$.workspace') || '/' END || (subject ->> '$.user'), subject ->> '$.name', 'asks' FROM requests"
    " WHERE kind = 'access' AND choice = '' ORDER BY created_at"
)
_AUDIT = "SELECT at, user, name, channel_type, workspace_id, platform_id, action, detail FROM audit ORDER BY id DESC LIMIT ?"
_CHANGES = latest.Kind(_AUDIT, _entry, ("who", "where", "what"), _cells, "Nobody has changed anything.")
