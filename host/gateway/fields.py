"""Which optional fields the model's address does not take: what the gateway saw refused, in host.db, for every runner to come.

A refusal counts for a day. What somebody's request was answered with counts for more: nobody can talk the others out of a field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence

from host.registry.port import Registry, Statements
from sessiondb import model_fields

AGAIN_AFTER = 24 * 3600 * 1000  # ms after which a refused field is tried again
LARGEST_REFUSAL = 16_384  # bytes of an error that are read
REFUSALS = frozenset({400, 422})


class Fields:
    def __init__(self, base_url: str, db: Registry, now: Callable[[], int]) -> None:
        self._base_url = base_url
        self._db = db
        self._now = now
        self._accepted: dict[str, int] = {}

    async def without(self) -> list[str]:
        """What a runner that starts now should leave out."""
        since = self._now() - AGAIN_AFTER
        return [
            field for field, at in await self._db.read(lambda db: refused(db, self._base_url)) if at > since
        ]

    def accepted(self, fields: Collection[str]) -> None:
        self._accepted |= dict.fromkeys(fields, self._now())

    async def refused(self, fields: Collection[str], tools: Sequence[str], error: bytes) -> str:
        """Remembers the field that a refusal is about, and returns it; '' for none."""
        field = model_fields.refused_by(_detail(error), fields, tools)
        now = self._now()
        if not field or now - self._accepted.get(field, -AGAIN_AFTER) < AGAIN_AFTER:
            return ""

        def job(db: Statements) -> None:
            db.execute(
                "INSERT INTO model_fields VALUES (?, ?, ?)"
                " ON CONFLICT (base_url, field) DO UPDATE SET refused_at = excluded.refused_at",
                (self._base_url, field, now),
            )

        await self._db.write(job)
        return field


def refused(db: Statements, base_url: str) -> list[tuple[str, int]]:
    """What the address refused, and when (ms UTC)."""
    rows = db.execute(
        "SELECT field, refused_at FROM model_fields WHERE base_url = ? ORDER BY field", (base_url,)
    ).fetchall()
    return [(str(field), int(str(at))) for field, at in rows]


def _detail(error: bytes) -> str:
    try:
        return model_fields.detail_of(json.loads(error))
    except (ValueError, RecursionError):
        return error.decode("utf-8", "replace")
