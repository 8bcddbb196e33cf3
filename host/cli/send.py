"""`dovecote send`: a script on this machine posts a text, with the certainty of an answer (laws 6 and 14).

The text is a row of host.db before anything is waited for: a host that is down posts it when it runs again.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from host.registry import notices
from host.registry.db import beside
from host.registry.notices import Notice
from host.registry.port import Statements
from host.words import as_it_is
from sessiondb.records import Address

LONGEST_TEXT = 100_000  # characters; the platform's chunks are cut from it
LOOK_EVERY = 0.1  # s between two looks for the receipt


class SendError(Exception):
    """It is not taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of it. `posted` are the platform's ids of the chunks that stand there, in order."""

    posted: tuple[str, ...] = ()
    problem: str = ""  # why some of it is not there
    waiting: bool = False  # the host goes on trying, or has not seen it yet


def address_of(text: str) -> Address:
    """From `platform/workspace/channel[/thread]`; a workspace may be empty. Raises `SendError`."""
    parts = text.split("/")
    if len(parts) not in (3, 4) or not parts[0] or not parts[2]:
        raise SendError(f"{text!r} is no address: write platform/workspace/channel or …/channel/thread")
    return Address(*parts)


def send(data: Path, address: Address, text: str, wait: float) -> Sent:
    """Waits up to `wait` seconds for the receipt. Raises `SendError`, `sessiondb.SessionError`."""
    if not text.strip():
        raise SendError("there is nothing to send")
    if len(text) > LONGEST_TEXT:
        raise SendError(f"the text has {len(text)} characters; at most {LONGEST_TEXT} are sent")
    about = f"send:{secrets.token_hex(8)}"
    with beside(data / "host.db") as connection:
        notices.add(connection, Notice(about, address, as_it_is(text)), time.time_ns() // 1_000_000)
        deadline = time.monotonic() + wait
        while (sent := _receipt(connection, about)).waiting and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
        return sent


def _receipt(connection: Statements, about: str) -> Sent:
    rows = connection.execute(
        "SELECT state, platform_message_id, error FROM notices WHERE about = ? ORDER BY chunk", (about,)
    ).fetchall()
    states = {str(state) for state, _, _ in rows}
    return Sent(
        posted=tuple(str(id_) for state, id_, _ in rows if state == "sent"),
        problem=next((str(error) for state, _, error in rows if state != "sent" and error), ""),
        waiting=not states <= {"sent", "failed"},
    )
