"""What people thought of answers and why, the latest first: the reasons are for whoever runs the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from host.cli import listing
from host.config import Config
from host.controls.naming import Names
from host.governance import words
from sessiondb.records import Address

MOST_SHOWN = 50
SIGN = {"good": "👍", "bad": "👎"}
NOTHING = "Nobody has said what they think of an answer."
_LATEST = (
    "SELECT j.at, j.user, j.choice, j.reason, j.agent, j.model, s.scope, s.channel_type, s.workspace_id, s.platform_id,"
    " s.thread_id FROM judgements j JOIN sessions s ON s.id = j.session_id ORDER BY j.at DESC LIMIT ?"
)


def show(config: Config, *, as_json: bool) -> None:
    """Raises `sessiondb.SessionError`."""
    with listing.records(Path(config.data)) as registry:
        rows = registry.execute(_LATEST, (MOST_SHOWN,)).fetchall() if registry is not None else []
        names = Names(registry) if registry is not None else None
        found = [_entry(names, row) for row in rows if names is not None]
    if as_json:
        listing.say_json(found)
        return
    if not found:
        listing.say(NOTHING)
        return
    zone = words.zone_of("", config.host.zone)
    shown = [
        [
            listing.clock(int(str(row[0])), zone),
            str(entry["name"]),
            str(entry["where"]),
            " ".join(str(entry[part]) for part in ("agent", "model")).strip(),
            f"{SIGN[str(entry['choice'])]} {words.one_line(str(entry['reason']))}".strip(),
        ]
        for row, entry in zip(rows, found, strict=True)
    ]
    listing.table(["at", "who", "where", "agent", "thought"], shown)


def _entry(names: Names, row: Sequence[object]) -> dict[str, object]:
    at, user, choice, reason, agent, model, scope, *place = map(str, row)
    address = Address(*place)
    return {
        "at": listing.iso(int(at)),
        "user": user,
        "name": names.person(*user.split(":", 1)),
        **listing.placed(address),
        "where": names.place(address, scope),
        "agent": agent,
        "model": model,
        "choice": choice,
        "reason": reason,
    }
