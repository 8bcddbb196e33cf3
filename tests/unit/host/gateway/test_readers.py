"""Bodies are read apart, within bytes, values, memory and time, and fairly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from host.gateway import reading
from host.gateway.permits import KEYS, MESSAGES, Permit, Refused
from host.gateway.readers import BURST, PER_SECOND, SMALL, Allowance, Readers, Room

PERMIT = Permit(frozenset({"m"}), frozenset({"b"}), frozenset({"custom"}), KEYS)


def body(text: str = "hello", **more: Any) -> bytearray:
    asked = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": text}], **more}
    return bytearray(json.dumps(asked).encode())


async def read(readers: Readers, raw: bytearray, beta: str = "b") -> Any:
    return await readers.read(PERMIT, "POST", MESSAGES, "beta=true", {"anthropic-beta": beta}, raw)


async def test_a_process_reads_as_the_host_itself_does() -> None:
    readers = Readers(processes=1)
    try:
        small, large = body("x"), body("x" * SMALL, stream=True, cache_control={"type": "ephemeral"})
        for raw in (small, large, large):
            found = await read(readers, raw)
            assert found == reading.judged(
                PERMIT,
                {
                    "method": "POST",
                    "path": MESSAGES,
                    "query": "beta=true",
                    "headers": {"anthropic-beta": "b"},
                },
                raw,
            )
        with pytest.raises(Refused, match="not allowed for this agent") as refused:
            await read(readers, large, beta="other")
        assert (refused.value.status, refused.value.kind) == (403, "permission_error")
    finally:
        await readers.close()


async def test_a_body_of_many_small_values_is_refused_and_the_next_is_read() -> None:
    readers = Readers(processes=1)
    try:
        hostile = bytearray(b"[" + b"1," * (2 * reading.MOST_VALUES) + b"1]")
        with pytest.raises(Refused, match="more values than are read"):
            await read(readers, hostile)
        deep = bytearray(b"[" * 400_000 + b"]" * 400_000)
        with pytest.raises(Refused, match=r"not JSON|too deeply"):
            await read(readers, deep)
        assert (await read(readers, body("x" * SMALL))).model == "m"
    finally:
        await readers.close()


async def test_a_process_that_takes_too_long_is_replaced() -> None:
    readers = Readers(processes=1, deadline=0.0)
    try:
        with pytest.raises(Refused, match="takes longer to read"):
            await read(readers, body("x" * SMALL))
        readers._deadline = 60.0
        assert (await read(readers, body("x" * SMALL))).model == "m"
    finally:
        await readers.close()


def test_values_are_counted_outside_of_texts() -> None:
    assert reading.values(json.dumps({"a": "1,2,[3,{"}).encode()) == 1
    assert reading.values(json.dumps({"a": 'he said "a,b", \\', "c": [1, 2, 3]}).encode()) == 5


def test_who_holds_much_makes_room_for_who_holds_little() -> None:
    room = Room(100)
    for number in range(4):
        room.take(f"hostile {number}", 12)
    with pytest.raises(Refused):  # half of the room is in use, and it would hold more than its share
        room.take("hostile 0", 10)
    room.take("quiet", 16)
    room.give_back("hostile 0", 12)
    room.give_back("quiet", 16)
    assert room.held == 36


def test_the_room_is_never_more_than_full() -> None:
    room = Room(1_000)
    for _ in range(200):
        for session in range(11):
            try:
                room.take(str(session), 5)
            except Refused:
                continue
    assert room.held <= 1_000


def test_calls_that_cost_nothing_have_a_rate() -> None:
    allowance = Allowance()
    for _ in range(BURST):
        assert not allowance.is_spent(100.0)
        allowance.spend()
    assert allowance.is_spent(100.0)
    assert not allowance.is_spent(100.0 + 1 / PER_SECOND)
