"""What the host itself has to say: denied, over budget, given up. One notice per incident; none ever causes another."""

from __future__ import annotations

import dataclasses
import json
import secrets
from dataclasses import dataclass

import apsw

from sessiondb.records import Address


@dataclass(frozen=True, slots=True)
class Notice:
    about: str  # names the incident: the same one twice is one notice
    address: Address
    text: str
    private_to: str = ""
    answers: str = ""  # platform id of the message it is about

    def encode(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def decode(cls, encoded: str) -> Notice:
        found = json.loads(encoded)
        return cls(**{**found, "address": Address(*found["address"])})


def add(connection: apsw.Connection, notice: Notice, now: int) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO notices (about, key, private_to, answers, text, channel_type, workspace_id, platform_id,"
        " thread_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (notice.about, mint_key(), notice.private_to, notice.answers, notice.text, *notice.address, now),
    )


def mint_key() -> str:
    """16 characters: what a platform gets as nonce or metadata."""
    return secrets.token_hex(8)
