"""Tools of MCP servers that an agent lists, on stdio, started by the runner."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.calling import calling

FAKE = Path(__file__).resolve().parents[2] / "fakes" / "mcp_server" / "serve.py"
FAKES = {"sums": {"command": sys.executable, "args": [str(FAKE)]}}


async def test_a_servers_tools_are_the_agents_and_its_refusals_reach_the_model(tmp_path: Path) -> None:
    async with calling(tmp_path, mcp=FAKES) as caller:
        said = await caller.call(
            ("mcp__sums__add", {"a": 2, "b": 3}),
            ("mcp__sums__refuse", {}),
            ("mcp__sums__add", {"a": "two"}),
        )
        first, second, *_ = said.splitlines()
        assert first == "5"
        assert "not on a Sunday" in second


async def test_a_server_that_dies_in_a_call_fails_that_call_and_is_started_again(tmp_path: Path) -> None:
    async with calling(tmp_path, mcp=FAKES) as caller:
        said = await caller.call(("mcp__sums__die", {}), ("mcp__sums__add", {"a": 2, "b": 3}))
        assert "the MCP server 'sums' failed" in said
        assert said.endswith("5")


async def test_a_server_that_does_not_start_leaves_the_agent_at_work(tmp_path: Path) -> None:
    broken = {"command": "/no/such/server"}
    async with calling(tmp_path, mcp={**FAKES, "broken": broken}) as caller:
        assert await caller.call(("mcp__sums__add", {"a": 1, "b": 1})) == "2"


async def test_a_servers_tool_can_need_approval_by_its_label(tmp_path: Path) -> None:
    async with calling(tmp_path, mcp=FAKES, approve=["mcp:sums/*"]) as caller:
        assert (await caller.call(("mcp__sums__add", {"a": 2, "b": 3}))).startswith(
            "May I run `mcp:sums/add`?"
        )
        await caller.answer("Allow")
        await caller.bot.until(lambda: len(caller.bot.said("c")) == 2)
        assert caller.bot.said("c")[1] == "5"
