"""MCP servers as they are met: names, pages and results of every kind, each from a real process on stdio."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.tools import offers
from tests.fakes.platform import TIMEOUT
from tests.support.calling import calling

FAKES = Path(__file__).resolve().parents[2] / "fakes" / "mcp_server"
SCRIPTED, RAW = FAKES / "scripted.py", FAKES / "raw.py"
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


# ── what a server does that the protocol does not allow ──────────────────────────────────────────────────────


def raw(**script: Any) -> dict[str, Any]:
    return {"command": sys.executable, "args": [str(RAW), json.dumps({"pages": [[PING]], **script})]}


async def test_one_malformed_tool_or_page_costs_itself_alone_and_the_agent_is_told(tmp_path: Path) -> None:
    """and what a tool says besides name, description and arguments costs nothing at all"""
    tools: list[Any] = [
        PING,
        {"name": "no_schema"},
        {"name": 7, "inputSchema": {"type": "object"}},
        {"name": "array", "inputSchema": {"type": "array"}},
        "a string",
        {"name": "typeless", "inputSchema": {"properties": {}}, "description": 5},
        {
            "name": "decorated",
            "inputSchema": {"type": "object"},
            "outputSchema": 3,
            "annotations": [],
            "icons": 1,
        },
    ]
    strict = {
        "name": "strict",
        "inputSchema": {"type": "object"},
        "outputSchema": {"type": "object", "required": ["x"]},
    }
    servers = {
        "raw": raw(pages=[tools, [strict]], last={"nextCursor": 5}, greeting="Starting…\n"),
    }
    async with calling(tmp_path, mcp=servers) as caller:
        names = ("ping", "typeless", "decorated", "strict")
        said = await caller.call(*((f"mcp__raw__{name}", {}) for name in names), ("mcp_status", {}))
    lines = said.splitlines()
    assert lines[:4] == [f"{name} was called" for name in names]
    assert "raw: no tool 'no_schema': its schema is not an object" in said
    assert "raw: no tool 'array': its arguments are not an object" in said
    assert "raw: a tool without a name is left out" in said


async def test_pieces_of_a_result_that_nobody_knows_are_read_as_they_are(tmp_path: Path) -> None:
    pieces: list[Any] = [
        {"type": "text", "text": "first"},
        {"type": "hologram", "shape": "cube"},
        {"type": "image"},
        {"type": "resource", "resource": {"uri": "x:y"}},
        {"type": "resource_link", "uri": "https://example.com/a", "size": "large"},
        "last",
    ]
    result = {"content": pieces, "structuredContent": [1, 2], "isError": "no"}
    async with calling(tmp_path, mcp={"raw": raw(result=result)}) as caller:
        said = await caller.call(("mcp__raw__ping", {}))
    for words in ("first", '"shape": "cube"', "x:y", "[link to https://example.com/a", "last", "[1, 2]"):
        assert words in said


@pytest.mark.parametrize("make", [scripted, raw])
async def test_a_list_that_changes_is_offered_at_once(tmp_path: Path, make: Any) -> None:
    """by servers that tell unasked, and by those that have to be asked to tell"""
    async with calling(tmp_path, mcp={"srv": make(changes=True)}) as caller:
        assert await caller.call(("mcp__srv__ping", {})) == "ping was called"
        said = ""
        while said != "new was called":  # the newer protocol may tell a little later than the answer
            said = await caller.call(("mcp__srv__new", {}))


async def test_a_flood_of_tools_is_cut_and_says_so(tmp_path: Path) -> None:
    tools = [{"name": f"tool{n}", "inputSchema": {"type": "object"}} for n in range(300)]
    async with calling(tmp_path, mcp={"srv": raw(pages=[tools])}) as caller:
        said = await caller.call(("mcp__srv__tool255", {}), ("mcp__srv__tool256", {}), ("mcp_status", {}))
    first, second, status = said.splitlines()
    assert (first, second) == ("tool255 was called", "there is no tool 'mcp__srv__tool256'")
    assert status == "srv: it lists more than 256 tools; the rest is left out"


async def test_names_that_clash_over_servers_stay_apart(tmp_path: Path) -> None:
    """`a` with the tool `b__ping`, and `a__b` with the tool `ping`, want the same name."""
    servers = {"a": raw(pages=[[{**PING, "name": "b__ping"}]]), "a__b": raw()}
    async with calling(tmp_path, mcp=servers, approve=["mcp:a__b/*"]) as caller:
        assert await caller.call(("mcp__a__b__ping", {})) == "b__ping was called"
        other = _name_of_the_other(caller.data)
        await caller.bot.say("c", f"@@call {other} {{}}\n@@results")
        await caller.bot.until(lambda: "May I run `mcp:a__b/ping`?" in caller.bot.said("c")[-1])


def _name_of_the_other(data: Path) -> str:
    """As `offers.names` makes it of the label, in the process of the runner."""
    [name] = offers.names("", ["mcp:a__b/ping"], {"mcp__a__b__ping"}).values()
    return name


async def test_a_server_that_dies_is_started_again_each_time_later(tmp_path: Path) -> None:
    log = tmp_path / "starts"
    server = raw(pages=[[PING, {**PING, "name": "die"}]], log=str(log))
    async with calling(tmp_path, mcp={"srv": server}) as caller:
        die: tuple[str, dict[str, Any]] = ("mcp__srv__die", {})
        ping: tuple[str, dict[str, Any]] = ("mcp__srv__ping", {})
        said = (await caller.call(die, ping, die, die, die, ping)).splitlines()
    assert "the MCP server 'srv' failed" in said[0]
    assert said[1] == "ping was called"
    assert "failed" in said[2]
    assert "failed" in said[3]
    assert "it is started again in" in said[4]
    assert "it is started again in" in said[5]
    assert len(log.read_text().split()) == 3


async def test_a_server_that_heeds_no_signal_is_gone_when_its_runner_is(tmp_path: Path) -> None:
    log = tmp_path / "starts"
    async with calling(tmp_path, mcp={"srv": raw(deaf=True, log=str(log))}) as caller:
        assert await caller.call(("mcp__srv__ping", {})) == "ping was called"
    [pid] = log.read_text().split()
    async with asyncio.timeout(TIMEOUT):
        while Path(f"/proc/{pid}").exists():  # noqa: ASYNC110 - another process: there is nothing to wait on
            await asyncio.sleep(0.02)
