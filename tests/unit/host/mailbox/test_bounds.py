"""What a session is told has an end in number and in bytes, and what it was told and read makes room for more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.mailbox import bounds
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import Parcel
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


def test_the_newest_of_what_it_has_read_push_the_oldest_out(
    writer: InboundWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "KEPT_NOTES", 3)
    for number in range(5):
        tell(writer, number)
        with writer.writing():
            writer.settle(f"n{number}", Status.COMPLETED, "")

    assert [writer.message(f"n{number}") is not None for number in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_what_it_has_not_read_is_never_pushed_out(
    writer: InboundWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "KEPT_NOTES", 3)
    for number in range(5):
        tell(writer, number)

    assert len(told(writer)) == 5


def test_the_newest_receipts_that_cost_nothing_push_the_oldest_out(
    writer: InboundWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "KEPT_RECEIPTS", 2)
    for number, state in enumerate(("applied", "failed", "quarantined", "applied")):
        parcel = Parcel(f"o{number}", 0, 2 * number + 1, f"k{number}", state, PLACE, "{}")
        with writer.writing():
            writer.put_parcels([parcel])

    assert [len(writer.parcels_of(f"o{number}")) for number in range(4)] == [0, 0, 1, 1]


@pytest.mark.parametrize("length", [0, 1, bounds.LONGEST_NOTE])
def test_a_note_of_ordinary_length_is_as_it_was_written(writer: InboundWriter, length: int) -> None:
    tell(writer, 1, "x" * length)

    assert told(writer) == ["x" * length]


def test_a_note_without_an_end_is_cut_and_says_so(writer: InboundWriter) -> None:
    tell(writer, 1, "x" * 3_000_000)

    [text] = told(writer)
    assert len(text) < bounds.LONGEST_NOTE + 20
    assert text.endswith("… (cut)")


def tell_and_read(writer: InboundWriter, count: int, text: str) -> list[str]:
    """So many, in one commit; the ids that are kept."""
    with writer.writing():
        for number in range(count):
            writer.note(f"n{number}", PLACE, content.System("delivery", text, ok=False))
            writer.settle(f"n{number}", Status.COMPLETED, "")
    return [f"n{number}" for number in range(count) if writer.message(f"n{number}") is not None]


@pytest.mark.parametrize("letter", ["x", "漢", "\n"])
def test_what_was_told_and_read_is_kept_up_to_so_many_bytes(writer: InboundWriter, letter: str) -> None:
    most = bounds.KEPT_NOTES * bounds.A_PLACE
    count = 2 * most // bounds.LONGEST_NOTE
    kept = tell_and_read(writer, count, letter * bounds.LONGEST_NOTE)

    found = [message for id_ in kept if (message := writer.message(id_)) is not None]
    assert 0 < sum(len(message.content.encode()) for message in found) <= most
    assert kept[-1] == f"n{count - 1}", "the newest stays"


def test_short_notes_are_kept_by_their_number(writer: InboundWriter) -> None:
    kept = tell_and_read(writer, bounds.KEPT_NOTES + 10, "Not sent.")
    assert kept == [f"n{number}" for number in range(10, bounds.KEPT_NOTES + 10)]


def test_what_is_unread_fits_into_what_is_kept() -> None:
    """Else something would be pushed out before it is read, and stay for ever."""
    longest = 6 * bounds.LONGEST_NOTE + 1_000  # bytes, where each character is escaped
    places = bounds.MOST_UNREAD + (bounds.MOST_UNREAD_BYTES + longest) // bounds.A_PLACE
    assert places < bounds.KEPT_NOTES
