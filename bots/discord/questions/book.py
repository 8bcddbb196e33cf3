"""Questions that wait for a click, by the key in their buttons: a file each, so that they survive a restart."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host.ports.bot import Delivery
from sessiondb import Address

KEPT = 90 * 86_400  # s a question is kept


@dataclass(frozen=True, slots=True)
class Asked:
    question: str  # the messages_out id that an ANSWER refers to
    address: Address
    options: tuple[str, ...]
    free_text: bool
    audience: tuple[str, ...]  # user ids who may answer
    expires_at: int  # ms UTC, 0 = never
    approval: bool = False  # of a tool: nobody's yes counts but the audience's
    details: bool = False  # a button shows what would run

    @classmethod
    def of(cls, delivery: Delivery, asked: dict[str, Any]) -> Asked:
        return cls(
            delivery.question,
            delivery.address,
            tuple(asked["options"]),
            bool(asked["free_text"]),
            delivery.audience,
            int(asked["expires_at"]),
            bool(asked["approval"]),
            bool(asked["details"]),
        )


class QuestionBook:
    """Blocking: called off the loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: str, asked: Asked) -> None:
        """Durable when it returns. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / f".{key}.new"
        with new.open("w", encoding="utf-8") as out:
            json.dump(dataclasses.asdict(asked), out)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self._folder / f"{key}.json")

    def get(self, key: str) -> Asked | None:
        """The key is from a button of our own making, whose pattern admits hexadecimal digits only."""
        try:
            found = json.loads((self._folder / f"{key}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return Asked(
            str(found["question"]),
            Address(*map(str, found["address"])),
            tuple(map(str, found["options"])),
            bool(found["free_text"]),
            tuple(map(str, found["audience"])),
            int(found["expires_at"]),
            bool(found["approval"]),
            bool(found.get("details")),
        )

    def forget(self, user: str, keys: Collection[str]) -> None:
        """Who alone might have answered may no more, nor may anybody answer what was asked under these keys. Raises `OSError`."""
        for path in self._folder.glob("*.json"):
            asked = self.get(path.stem)
            if asked is None or path.stem in keys or asked.audience == (user,):
                path.unlink(missing_ok=True)
            elif user in asked.audience:
                rest = tuple(one for one in asked.audience if one != user)
                self.put(path.stem, dataclasses.replace(asked, audience=rest))

    def prune(self) -> None:
        oldest = time.time() - KEPT
        for path in self._folder.glob("*.json"):
            if path.stat().st_mtime < oldest:
                path.unlink()
