"""What people thought of answers and why, the latest first: the reasons are for whoever runs the host."""

from __future__ import annotations

from collections.abc import Sequence

from host.cli import latest, listing
from host.config import Config
from host.controls.naming import Names
from host.governance import words
from sessiondb.records import Address

SIGN = {"good": "👍", "bad": "👎"}
NOTHING = "Nobody has said what they think of an answer."
_LATEST = (
    "SELECT j.at, j.user, j.choice, j.reason, j.agent, j.model, s.scope, s.channel_type, s.workspace_id, s.platform_id,"
    " s.thread_id FROM judgements j JOIN sessions s ON s.id = j.session_id ORDER BY j.at DESC LIMIT ?"
)


def show(config: Config, *, as_json: bool) -> None:
    """Raises `sessiondb.SessionError`."""
    latest.show(config, _OPINIONS, as_json=as_json)


def _entry(names: Names, row: Sequence[object]) -> latest.Entry:
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


def _cells(entry: latest.Entry) -> list[str]:
    return [
        str(entry["name"]),
        str(entry["where"]),
        " ".join(str(entry[part]) for part in ("agent", "model")).strip(),
        f"{SIGN[str(entry['choice'])]} {words.one_line(str(entry['reason']))}".strip(),
    ]


_OPINIONS = latest.Kind(_LATEST, _entry, ("who", "where", "agent", "thought"), _cells, NOTHING)
