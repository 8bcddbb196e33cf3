"""How much may be on its way: for one session, for all of them, and for one that comes into a full house."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.delivery import room
from host.delivery.room import Room
from host.mailbox.rows import Parcel
from sessiondb import Address

PLACE = Address("memory", "w", "c")


def parcel(size: int) -> Parcel:
    return Parcel("o", 0, 1, "k", "pending", PLACE, "x" * size)


def test_a_session_that_has_nothing_on_its_way_may_have_all_that_one_may() -> None:
    assert room.left(0, 0, 0) == Room(room.MOST_CHUNKS, room.MOST_WEIGHT)


@pytest.mark.parametrize(
    ("chunks", "weighing"),
    [(room.MOST_CHUNKS, 1_000), (1, room.MOST_WEIGHT), (room.MOST_CHUNKS + 5, 3 * room.MOST_WEIGHT)],
)
def test_many_chunks_or_heavy_ones_leave_a_session_no_room(chunks: int, weighing: int) -> None:
    assert room.left(chunks, weighing, 0).spent


def test_an_empty_chunk_has_a_weight_so_that_many_of_them_are_heavy() -> None:
    assert room.weight(parcel(0)) == room.A_CHUNK
    assert room.weight(parcel(500)) == room.A_CHUNK + 500


def test_what_is_taken_is_taken_from_both() -> None:
    left = Room(2, 3_000).without(parcel(1_000))

    assert left == Room(1, 1_000)
    assert left.without(parcel(0)).spent


def test_a_row_that_is_larger_than_what_is_left_ends_it() -> None:
    assert Room(10, 1).without(parcel(10_000)).spent


@given(others=st.integers(0, 10 * room.MOST_OF_ALL))
def test_a_session_with_nothing_on_its_way_reads_a_row_however_full_it_is(others: int) -> None:
    assert not room.left(0, 0, others).spent


@given(others=st.integers(room.MOST_OF_ALL, 10 * room.MOST_OF_ALL), chunks=st.integers(1, 5))
def test_a_session_that_has_a_row_on_its_way_waits_where_everything_is_taken(
    others: int, chunks: int
) -> None:
    assert room.left(chunks, 1, others).spent


@settings(deadline=None, max_examples=20)
@given(sessions=st.integers(1, 500), heaviest=st.integers(1, 50_000))
def test_however_many_sessions_flood_all_of_them_together_have_an_end(sessions: int, heaviest: int) -> None:
    """But for the one row each that is the first."""
    total = 0
    for _ in range(sessions):
        mine, chunks = 0, 0
        while not room.left(chunks, mine, total).spent:
            mine, chunks = mine + room.A_CHUNK + heaviest, chunks + 1
        total += mine
        assert chunks <= room.MOST_CHUNKS
        assert mine <= room.MOST_WEIGHT + room.A_CHUNK + heaviest

    assert total <= room.MOST_OF_ALL + sessions * (room.A_CHUNK + heaviest)


def test_who_comes_late_finds_a_share_of_what_is_left() -> None:
    flooded = room.MOST_OF_ALL // 2
    share = room.left(0, 0, flooded).weight

    assert share == min(room.MOST_WEIGHT, (room.MOST_OF_ALL - flooded) // room.PARTS)
    assert share > 1_000_000  # an honest answer with its pictures' captions is far below that
