"""Signing in at MCP servers from a terminal, and what the doctor sees of them."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from host.cli import mcp
from host.cli.mcp import McpError
from host.config import Config
from host.registry.db import open_registry
from tests.fakes.mcp_server.loopback import LoopbackMCP, agree, land
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.calling import Caller
from tests.support.hosting import config, serving

ROOT = Path(__file__).resolve().parents[4]
ADD = ("mcp__sums__add", {"a": 2, "b": 3})


def settings(data: Path, **server: Any) -> Config:
    return config(data, agents={"default": {"options": {"mcp": {"sums": server}}}})


async def ran(told: Config) -> MemoryBot:
    """A host has run on the folder."""
    bot = MemoryBot()
    async with serving(told, bot):
        return bot


def seen(told: Config) -> list[tuple[bool, str]]:
    return [(finding.well, finding.seen) for finding in asyncio.run(mcp.look(told))]


async def doctor(told: Config) -> list[tuple[bool, str]]:
    return await asyncio.to_thread(seen, told)


async def test_who_signs_in_at_a_terminal_lets_the_agent_in_and_out_again(tmp_path: Path) -> None:
    async with asyncio.timeout(2 * TIMEOUT), LoopbackMCP(guarded=True) as server:
        told = settings(tmp_path, url=server.url)
        bot = await ran(told)
        assert await doctor(told) == [(True, "it asks for a sign-in")]
        file = tmp_path / "dovecote.toml"
        file.write_text(f'data = "{tmp_path}"\n[agents.default.options.mcp.sums]\nurl = "{server.url}"\n')
        command = [sys.executable, "-c", "from host.cli.main import main; main()", "mcp"]
        login = await asyncio.create_subprocess_exec(
            *command,
            "login",
            "sums",
            "--config",
            str(file),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert login.stdin is not None
        assert login.stdout is not None
        said = ""
        while not (link := re.search(r"^http\S+$", said, re.MULTILINE)):
            said += (await login.stdout.readline()).decode()
        login.stdin.write(b"what?\n" + (await agree(link[0])).encode() + b"\n")
        rest, _ = await login.communicate()
        assert login.returncode == 0, rest
        assert rest.decode().splitlines()[-1] == "Signed in: agent default can use sums."
        assert await doctor(told) == [(True, f"{server.url} answers")]
        async with serving(told, bot):
            assert await Caller(bot, tmp_path).call(ADD) == "5"
        server.authority.revoke()
        assert await doctor(told) == [(False, "it asks for a sign-in again")]
        logout = await asyncio.create_subprocess_exec(
            *command, "logout", "sums", "--config", str(file), cwd=ROOT
        )
        assert await logout.wait() == 0
        assert await doctor(told) == [(True, "it asks for a sign-in")]
        audit = open_registry(tmp_path).execute("SELECT action, detail FROM audit ORDER BY id").fetchall()
        assert audit == [("mcp_login", "default sums"), ("mcp_logout", "default sums")]


async def test_the_browser_of_the_same_machine_needs_no_pasting(tmp_path: Path) -> None:
    async with asyncio.timeout(TIMEOUT), LoopbackMCP(guarded=True) as server:
        told = settings(tmp_path, url=server.url)
        await ran(told)
        said: asyncio.Queue[str] = asyncio.Queue()
        signing_in = asyncio.create_task(mcp.sign_in(told, "default", "sums", said.put_nowait))
        link = re.findall(r"^http\S+$", await said.get(), re.MULTILINE)[0]
        assert "You can close this page" in await land(await agree(link))
        await signing_in
        assert await said.get() == "Signed in: agent default can use sums."


@pytest.mark.parametrize(
    ("agent", "name", "server", "reason"),
    [
        ("other", "sums", {"url": "https://a.example/mcp"}, "there is no agent 'other' (known: default)"),
        ("default", "wiki", {"url": "https://a.example/mcp"}, "has no MCP server 'wiki' (known: sums)"),
        ("default", "sums", {"command": "server"}, "runs in the container"),
        ("default", "sums", {"url": "https://a.example/", "secret_env": "A_KEY"}, "is sent what A_KEY holds"),
        ("default", "sums", {"url": "http://a.example/mcp"}, "needs a url that begins with https"),
    ],
)
async def test_where_nobody_can_sign_in_the_reason_is_told(
    tmp_path: Path, agent: str, name: str, server: dict[str, str], reason: str
) -> None:
    with pytest.raises(McpError, match=re.escape(reason)):
        await mcp.sign_in(settings(tmp_path, **server), agent, name, print)


async def test_a_server_that_asks_for_nothing_or_is_away_ends_in_words(tmp_path: Path) -> None:
    async with asyncio.timeout(TIMEOUT):
        async with LoopbackMCP() as server:
            told = settings(tmp_path, url=server.url)
            await ran(told)
            with pytest.raises(McpError, match="it asks for no sign-in"):
                await mcp.sign_in(told, "default", "sums", print)
            assert await doctor(told) == [(True, f"{server.url} answers")]
        with pytest.raises(McpError, match="cannot be reached"):
            await mcp.sign_in(told, "default", "sums", print)
        assert await doctor(told) == [(False, f"it cannot be reached: {server.url}")]


async def test_the_doctor_looks_whether_a_secret_is_there_and_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUMS_TOKEN", raising=False)
    async with asyncio.timeout(TIMEOUT), LoopbackMCP(secret="Bearer sesame") as server:
        told = settings(tmp_path, url=server.url, secret_env="SUMS_TOKEN")
        assert await doctor(told) == [(False, "the environment has no SUMS_TOKEN")]
        monkeypatch.setitem(os.environ, "SUMS_TOKEN", "wrong")
        assert await doctor(told) == [(False, "it refuses what SUMS_TOKEN holds")]
        monkeypatch.setitem(os.environ, "SUMS_TOKEN", "sesame\n")
        assert await doctor(told) == [(True, f"{server.url} answers")]
    open_line = settings(tmp_path, url="http://a.example/mcp", secret_env="SUMS_TOKEN")
    assert await doctor(open_line) == [(False, "its secret would go there without encryption")]
    inside = settings(tmp_path, command="mcp-server-filesystem")
    assert await doctor(inside) == [(True, "mcp-server-filesystem, in the containers of agent default")]
