"""What a session is told has an end in number and in bytes, and what it was told and read makes room for more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.mailbox import bounds
from host.mailbox.inbound import InboundWriter
from sessiondb import content
from sessiondb.records import Address, Status

PLACE = Address("memory", "w", "c")


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[InboundWriter]:
    made = InboundWriter(tmp_path / "inbound.db", lambda: 1_000)
    yield made
    made.close()


def tell(writer: InboundWriter, number: int, text: str = "Not sent.") -> None:
    with writer.writing():
        writer.note(f"n{number}", PLACE, content.System("delivery", text, ok=False))


def told(writer: InboundWriter) -> list[str]:
    found = [content.decode_inbound(message.content) for message in writer.pending()]
    return [one.text for one in found if isinstance(one, content.System)]


def test_a_session_that_leaves_it_unread_is_told_no_more_than_so_much(writer: InboundWriter) -> None:
    for number in range(bounds.MOST_UNREAD + 20):
        tell(writer, number)

    assert len(told(writer)) == bounds.MOST_UNREAD
    assert not writer.bounds.may_note()


def test_few_long_notes_are_too_much_as_many_short_ones_are(writer: InboundWriter) -> None:
    for number in range(200):
        tell(writer, number, "x" * bounds.LONGEST_NOTE)

    assert sum(map(len, told(writer))) < bounds.MOST_UNREAD_BYTES + 2 * bounds.LONGEST_NOTE
    assert len(told(writer)) < 60


def test_it_is_bytes_that_count_and_not_characters(writer: InboundWriter) -> None:
    for number in range(200):
        tell(writer, number, "漢" * bounds.LONGEST_NOTE)

    assert (
        sum(len(text.encode()) for text in told(writer)) < bounds.MOST_UNREAD_BYTES + 4 * bounds.LONGEST_NOTE
    )


def test_what_it_has_read_makes_room(writer: InboundWriter) -> None:
    for number in range(200):
        tell(writer, number, "x" * bounds.LONGEST_NOTE)
    with writer.writing():
        for message in writer.pending():
            writer.settle(message.id, Status.COMPLETED, "")

    assert writer.bounds.may_note()
    tell(writer, 1_000, "once more")
    assert told(writer) == ["once more"]


@pytest.mark.parametrize("length", [0, 1, bounds.LONGEST_NOTE])
def test_a_note_of_ordinary_length_is_as_it_was_written(writer: InboundWriter, length: int) -> None:
    tell(writer, 1, "x" * length)

    assert told(writer) == ["x" * length]


def test_a_note_without_an_end_is_cut_and_says_so(writer: InboundWriter) -> None:
    tell(writer, 1, "x" * 3_000_000)

    [text] = told(writer)
    assert len(text) < bounds.LONGEST_NOTE + 20
    assert text.endswith("… (cut)")
