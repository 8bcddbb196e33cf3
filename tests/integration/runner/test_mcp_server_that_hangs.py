"""One MCP server in this process's hand: one that hangs costs a turn a little patience, and nobody anything else."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.tools import listing, servers
from runner.tools.tool import ToolContext, ToolError
from sessiondb.options import McpServer
from tests.fakes.platform import TIMEOUT

RAW = Path(__file__).resolve().parents[2] / "fakes" / "mcp_server" / "raw.py"
PING = {"name": "ping", "inputSchema": {"type": "object"}}


@asynccontextmanager
async def running(**script: Any) -> AsyncIterator[servers.Servers]:
    told = json.dumps({"pages": [[PING]], **script})
    launch = McpServer("srv", command=sys.executable, args=(str(RAW), told))
    made = servers.Servers([launch], Path("/nowhere"))
    try:
        async with asyncio.timeout(TIMEOUT):
            yield made
    finally:
        await made.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 - another process: there is nothing to wait on
            await asyncio.sleep(0.02)


def context(workspace: Path) -> ToolContext:
    return ToolContext("t", "c", "m", workspace, workspace, ())


@pytest.mark.parametrize("method", ["initialize", "tools/list"])
async def test_a_turn_goes_on_without_a_server_that_hangs_while_it_starts(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "PATIENCE", 0.05)
    async with running(hangs=[method]) as made:
        await made.start()
        [status] = made.tools()
        assert status.name == "mcp_status"
        assert "the MCP server 'srv' is still starting" in status.description


async def test_a_server_that_never_starts_is_given_up_and_tried_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(servers, "START_DEADLINE", 0.3)
    monkeypatch.setattr(servers, "FIRST_PAUSE", 3600.0)
    async with running(hangs=["tools/list"]) as made:
        for _ in range(3):
            await made.start()
        [status] = made.tools()
        assert "the MCP server 'srv' did not start in 0.3 s" in status.description


async def test_a_server_that_was_late_is_there_in_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "PATIENCE", 0.0)
    async with running() as made:
        await made.start()
        await until(lambda: [tool.name for tool in made.tools()] == ["mcp__srv__ping"])


async def test_a_call_that_hangs_ends_in_words_and_the_server_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "ANSWER_DEADLINE", 0.2)
    async with running(hangs=["tools/call"]) as made:
        await made.start()
        [tool] = made.tools()
        with pytest.raises(ToolError, match=r"the MCP server 'srv' failed: no answer in 0\.2 s"):
            await tool.function(context(tmp_path))
        await made.start()
        assert [tool.name for tool in made.tools()] == ["mcp__srv__ping"]


async def test_a_list_is_asked_for_again_after_a_while_for_not_every_server_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(grows=True) as made:
        await made.start()
        [tool] = made.tools()
        await tool.function(context(tmp_path))
        await made.start()
        assert len(made.tools()) == 1
        monkeypatch.setattr(servers, "STALE_AFTER", 0.0)
        await made.start()
        assert [tool.name for tool in made.tools()] == ["mcp__srv__ping", "mcp__srv__new"]


async def test_a_server_that_never_ends_to_change_is_slowed_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "RENEWAL", 0.05)
    log = tmp_path / "lists"
    async with running(restless=True, lists=str(log)) as made:
        await made.start()
        await until(lambda: log.read_text().count("\n") == servers.HASTY + 2)
        [tool] = made.tools()
        assert await tool.function(context(tmp_path)) == "ping was called"
        assert log.read_text().count("\n") == servers.HASTY + 2


async def test_what_a_server_asks_of_its_client_is_declined(tmp_path: Path) -> None:
    """Dovecote neither thinks for a server nor tells it of folders."""
    async with running(asks="roots/list") as made:
        await made.start()
        [tool] = made.tools()
        assert await tool.function(context(tmp_path)) == "ping was called"


def test_the_bounds_are_those_of_the_documentation() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "agents.md").read_text("utf-8")
    assert f"up to {listing.MOST_PAGES} pages and {listing.MOST_TOOLS} tools" in page
