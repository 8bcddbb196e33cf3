"""What MCP servers send is mended piece by piece, so that the library refuses nothing for one part of it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from mcp_types.methods import validate_server_result

from runner.tools import listing, wire

VERSIONS = ("2025-06-18", "2025-11-25", "2026-07-28")
SCHEMA = {"type": "object"}
STRANGE: list[Any] = [None, 3, "x", [], {}, True, [1], {"a": 1}, 1.5]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("value", STRANGE)
def test_no_value_of_any_part_of_a_tool_costs_the_page(version: str, value: Any) -> None:
    keys = (
        "name",
        "title",
        "description",
        "inputSchema",
        "outputSchema",
        "annotations",
        "icons",
        "_meta",
        "execution",
    )
    tools = [{"name": f"tool{n}", "inputSchema": SCHEMA, key: value} for n, key in enumerate(keys)]
    page = wire.page(
        {
            "tools": [*tools, value, {"name": "good", "inputSchema": SCHEMA}],
            "nextCursor": value,
            "ttlMs": value,
        }
    )
    validate_server_result("tools/list", version, page)
    assert page["tools"][-1]["name"] == "good"
    assert len(page["tools"]) >= len(keys)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("value", STRANGE)
def test_no_value_of_any_part_of_a_result_costs_the_result(version: str, value: Any) -> None:
    pieces = [
        {"type": kind, "text": "t", "data": "aGk=", "mimeType": "m/m", "uri": "x:y", "name": "n", key: value}
        for kind in ("text", "image", "audio", "resource_link", "resource", "unheard_of")
        for key in (
            "type",
            "text",
            "data",
            "mimeType",
            "uri",
            "name",
            "size",
            "title",
            "resource",
            "annotations",
        )
    ]
    for result in (
        {"content": pieces, "isError": value, "structuredContent": value},
        {"content": value, "_meta": value},
        {"structuredContent": value},
        {},
    ):
        validate_server_result("tools/call", version, wire.answer(result))


@pytest.mark.parametrize("value", STRANGE)
def test_no_value_of_any_part_of_a_resource_costs_the_result(value: Any) -> None:
    whole = {"uri": "x:y", "mimeType": "m/m", "text": "words"}
    pieces = [{"type": "resource", "resource": {**whole, key: value}} for key in (*whole, "blob", "_meta")]
    answer = wire.answer({"content": [*pieces, {"type": "resource", "resource": value}]})
    for version in VERSIONS:
        validate_server_result("tools/call", version, answer)


def test_what_is_right_stays_as_it_is() -> None:
    link = {
        "type": "resource_link",
        "uri": "https://a.example/b",
        "name": "b",
        "title": "B",
        "size": 4,
        "mimeType": "m/m",
    }
    pieces = [
        {"type": "text", "text": "words"},
        {"type": "image", "data": "aGk=", "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "x:y", "mimeType": "text/plain", "text": "inside"}},
        {"type": "resource", "resource": {"uri": "x:z", "blob": "aGk="}},
        link,
    ]
    made = wire.answer({"content": pieces, "structuredContent": {"a": 1}, "isError": True})
    assert made["content"] == pieces
    assert (made["structuredContent"], made["isError"]) == ({"a": 1}, True)
    schema = {"type": "object", "properties": {"q": {"type": "string", "x-mcp-header": "Q"}}}
    page = wire.page({"tools": [{"name": "a", "inputSchema": schema}], "nextCursor": "2"})
    assert page["tools"] == [{"name": "a", "inputSchema": schema}]
    assert page["nextCursor"] == "2"


def test_a_question_of_the_server_passes_as_it_is() -> None:
    asks = {"resultType": "input_required", "inputRequests": {}}
    assert wire.answer(asks) is asks


def test_only_the_answers_to_what_was_asked_are_touched() -> None:
    heard = wire.Wire()
    for number in range(wire.MOST_ASKED + 5):
        heard._sent(SimpleNamespace(id=number, method="tools/list"))
    heard._sent(SimpleNamespace(id="p", method="ping"))
    other = SimpleNamespace(id="p", result={"tools": "none"})
    heard._received(other)
    assert other.result == {"tools": "none"}
    listed = SimpleNamespace(id=wire.MOST_ASKED + 1, result={"tools": [{"name": "a"}, 3]})
    heard._received(listed)
    assert heard.listed == [{"name": "a"}, 3]
    assert [tool["name"] for tool in listed.result["tools"]] == ["a"]
    again = SimpleNamespace(id=wire.MOST_ASKED + 1, result={"tools": 3})
    heard._received(again)
    assert again.result == {"tools": 3}


async def test_a_change_told_while_the_list_is_read_wants_another_reading() -> None:
    changes = listing.Changes()
    changes.mark()
    changes.begin()
    changes.mark()
    changes.done()
    waiting = asyncio.create_task(changes.settled(60.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    changes.begin()
    changes.done()
    async with asyncio.timeout(5):
        await waiting


async def test_nobody_waits_for_a_list_longer_than_they_mean_to() -> None:
    changes = listing.Changes()
    changes.mark()
    async with asyncio.timeout(5):
        await changes.settled(0.0)
        changes.end()
        await changes.settled(60.0)
