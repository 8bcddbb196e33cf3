"""MCP servers as they are met: names, pages and results of every kind, each from a real process on stdio."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.calling import calling

SCRIPTED = Path(__file__).resolve().parents[2] / "fakes" / "mcp_server" / "scripted.py"
PING = {"name": "ping", "inputSchema": {"type": "object", "properties": {}}}


def scripted(**script: Any) -> dict[str, Any]:
    return {"command": sys.executable, "args": [str(SCRIPTED), json.dumps({"pages": [[PING]], **script})]}


async def test_a_dotted_name_is_offered_legally_and_called_by_its_own(tmp_path: Path) -> None:
    """mcp-dotted-name"""
    dotted = {"name": "catalog.query-entities", "inputSchema": {"type": "object", "properties": {}}}
    async with calling(tmp_path, mcp={"srv": scripted(pages=[[dotted, PING]])}) as caller:
        said = await caller.call(("mcp__srv__catalog_query-entities", {}), ("mcp__srv__ping", {}))
    assert said.splitlines() == ["catalog.query-entities was called", "ping was called"]


async def test_pages_names_and_tools_that_cannot_be_offered(tmp_path: Path) -> None:
    """mcp-two-pages, a cursor that never advances, a list that never ends, and a tool that costs itself alone"""
    pages = [[{**PING, "name": "list_entries"}], [{**PING, "name": "get_entry"}]]
    servers = {
        "paged": scripted(pages=pages),
        "stuck": scripted(stuck=True),
        "grows": scripted(grows=True),
        "bad": scripted(pages=[[PING, {"name": "odd", "inputSchema": {"type": "object", "$ref": "#"}}]]),
    }
    async with calling(tmp_path, mcp=servers) as caller:
        said = await caller.call(
            ("mcp__paged__list_entries", {}),
            ("mcp__paged__get_entry", {}),
            ("mcp__stuck__ping", {}),
            ("mcp__grows__tool50", {}),
            ("mcp__bad__ping", {}),
            ("mcp_status", {}),
        )
    lines = said.splitlines()
    assert lines[:4] == [f"{n} was called" for n in ("list_entries", "get_entry", "ping", "tool50")]
    assert "ping was called" in lines[4]
    assert "grows: it lists more than 50 pages of tools; the rest is left out" in said
    assert "bad: no tool 'odd': its schema refers to itself" in said


@pytest.mark.parametrize(
    ("result", "read"),
    [
        pytest.param(
            {
                "content": [
                    {"type": "text", "text": "downloaded"},
                    {
                        "type": "resource",
                        "resource": {"uri": "repo://x/R.md", "text": "# The answer is 42"},
                    },
                ]
            },
            ["downloaded", "# The answer is 42"],
            id="mcp-result-resource",
        ),
        pytest.param(
            {"content": [], "structuredContent": {"temperature": 21}},
            ['{"temperature": 21}'],
            id="mcp-result-structured",
        ),
    ],
)
async def test_results_reach_the_model_as_it_can_read_them(
    tmp_path: Path, result: dict[str, Any], read: list[str]
) -> None:
    async with calling(tmp_path, mcp={"srv": scripted(result=result)}) as caller:
        said = await caller.call(("mcp__srv__ping", {}))
    assert all(words in said for words in read)
