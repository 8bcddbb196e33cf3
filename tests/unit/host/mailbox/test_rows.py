"""A chunk that is moved on is the same but for what was changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from host.mailbox.rows import Parcel
from sessiondb import Address

CHUNK = Parcel("o", 2, 3, "key", "pending", Address("memory", "w", "c"), "{}", "m", attempts=4, error="later")


def test_a_chunk_is_moved_as_a_record_is_replaced() -> None:
    moved = CHUNK.moved("sent", platform_message_id="p", next_attempt_at=0)
    assert moved == replace(CHUNK, state="sent", platform_message_id="p", next_attempt_at=0)
    assert CHUNK.state == "pending"


def test_a_chunk_has_no_other_fields_than_its_own() -> None:
    with pytest.raises(AttributeError):
        CHUNK.moved("sent", platform_massage_id="p")
