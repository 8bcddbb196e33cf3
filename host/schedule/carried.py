"""Orders about tasks of a conversation that another node holds (`registry.errands`), as JSON. An order is known by its id:
carried out once more it changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from host.config.recurrence import ScheduleError
from host.schedule.orders import KINDS, Limits, Order
from host.words import Sentence, as_it_is
from sessiondb.records import Address

KIND = "task"


def written(session_id: str, order: Order) -> str:
    asked = order.asked.model_dump(mode="json", exclude_unset=True)
    return json.dumps({"session": session_id, "order": {**asdict(order), "asked": asked}})


def read(body: str) -> tuple[str, Order]:
    """The session's id, and the order."""
    found = json.loads(body)
    return str(found["session"]), _order(found["order"])


def answer(text: str, *, ok: bool) -> str:
    return json.dumps({"ok": ok, "text": text.packed() if isinstance(text, Sentence) else text})


def outcome(answered: str) -> str:
    """Raises `ScheduleError`."""
    found = json.loads(answered)
    text = Sentence.unpacked(found["text"]) if isinstance(found["text"], list) else str(found["text"])
    if not found["ok"]:
        raise ScheduleError(as_it_is(text))
    return text


def _order(found: dict[str, Any]) -> Order:
    return Order(
        **{
            **found,
            "asked": KINDS[found["name"]].model_validate(found["asked"]),
            "address": Address(*found["address"]),
            "people": tuple(found["people"]),
            "limits": Limits(**found["limits"]),
            "channel": None if found["channel"] is None else Address(*found["channel"]),
        }
    )
