"""A restored folder is held until a person says go; what was said in between is, unless they want it, not answered.

Functions for jobs on the registry.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from host.registry import meta
from host.registry.port import Statements

_HELD, _LAPSE = "held", "lapse"
HELD = (
    "restored from a backup and held: nothing is heard or said",
    "Run `dovecote resume` once what it may repeat is all right",
)


@dataclass(frozen=True, slots=True)
class Lapse:
    """ms UTC, by the platforms' clocks: what was said in it is nobody's to answer. Empty where `since` is not below `until`."""

    since: int = 0
    until: int = 0

    def has(self, at: int) -> bool:
        return self.since < at < self.until


def hold(connection: Statements, made_at: int, now: int) -> None:
    """`made_at` is the moment of the backup."""
    _set(connection, _HELD, {"made_at": made_at, "restored_at": now})


def held(connection: Statements) -> dict[str, int]:
    """Empty where nothing holds the folder. What cannot be read holds it, and names no moment."""
    found = _get(connection, _HELD)
    return found if found is not None else {"made_at": 0, "restored_at": 0}


def release(connection: Statements, now: int, *, answer: bool) -> bool:
    """False where nothing was held. `answer`: what was said since the backup is answered, as after any absence."""
    found = held(connection)
    if not found:
        return False
    if not answer:
        _set(connection, _LAPSE, {"since": found.get("made_at", 0), "until": now})
    connection.execute("DELETE FROM meta WHERE key = ?", (_HELD,))
    return True


def lapse(connection: Statements) -> Lapse:
    found = _get(connection, _LAPSE) or {}
    return Lapse(found.get("since", 0), found.get("until", 0))


def _get(connection: Statements, key: str) -> dict[str, int] | None:
    """Empty where nothing is kept under the key, None where it is damaged."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    try:
        found = json.loads(str(row[0])) if row else {}
        return {str(name): int(at) for name, at in found.items()}
    except (ValueError, TypeError, AttributeError):
        return None


def _set(connection: Statements, key: str, value: dict[str, int]) -> None:
    meta.put(connection, key, json.dumps(value))
