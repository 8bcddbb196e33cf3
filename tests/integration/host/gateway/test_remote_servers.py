"""MCP servers on the web: the host is their client, and a container sees neither where they are nor who the host is to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from host.gateway import remotes
from host.runners.launch.process import ProcessLauncher
from runner.sockets import reachable
from tests.fakes.mcp_server.loopback import LoopbackMCP
from tests.fakes.platform import TIMEOUT
from tests.support.calling import Caller
from tests.support.hosting import config, serving

SECRET = "sesame-of-the-host"
ADD = ("mcp__sums__add", {"a": 2, "b": 3})
STATUS: tuple[str, dict[str, Any]] = ("mcp_status", {})


@asynccontextmanager
async def agent(
    data: Path, environment: dict[str, str] | None = None, **server: Any
) -> AsyncIterator[Caller]:
    options = {"mcp": {"sums": server}}
    settings = config(data, agents={"default": {"options": options}})
    launcher = ProcessLauncher()  # fresh ones: what they have in their environment is looked at
    async with serving(settings, launcher=launcher, environment=environment or {}) as (_, bot):
        yield Caller(bot, data)


def runner_sees(data: Path) -> str:
    """Everything in the environment of the runners on this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if f"DOVECOTE_SESSION_DIR={data}".encode() in environment:
            found.append(environment.decode())
    assert found
    return "\n".join(found)


async def test_a_server_is_used_by_its_url_and_its_changes_are_seen(tmp_path: Path) -> None:
    async with LoopbackMCP() as server, agent(tmp_path, url=server.url) as caller:
        assert await caller.call(ADD, ("mcp__sums__grow", {})) == "5\ngrown"
        said = ""
        while said != "9":  # the server tells of the change by a stream of its own
            said = await caller.call(("mcp__sums__more", {"a": 4, "b": 5}))
        assert server.origin not in runner_sees(tmp_path)
    assert all("cookie" not in seen and "authorization" not in seen for seen in server.seen)


@pytest.mark.parametrize(("header", "sent"), [("Authorization", f"Bearer {SECRET}"), ("X-API-Key", SECRET)])
async def test_a_secret_of_the_hosts_environment_is_added_on_the_way(
    tmp_path: Path, header: str, sent: str
) -> None:
    more = {} if header == "Authorization" else {"header": header}
    async with LoopbackMCP(secret=sent, header=header) as server:
        environment = {"SUMS_TOKEN": f"  {SECRET}\n"}
        async with agent(tmp_path, environment, url=server.url, secret_env="SUMS_TOKEN", **more) as caller:
            assert await caller.call(ADD) == "5"
            assert SECRET not in runner_sees(tmp_path)
    assert all(seen[header.lower()] == sent for seen in server.seen)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "the host's environment has no SUMS_TOKEN"),
        ({"SUMS_TOKEN": "two words"}, "SUMS_TOKEN has a line break or a space in it"),
        ({"SUMS_TOKEN": "wrong"}, "it refuses what SUMS_TOKEN holds (status 401)"),
    ],
)
async def test_what_is_wrong_with_a_secret_is_told_to_the_model(
    tmp_path: Path, environment: dict[str, str], reason: str
) -> None:
    wanted = {"secret_env": "SUMS_TOKEN"}
    async with (
        LoopbackMCP(secret=SECRET) as server,
        agent(tmp_path, environment, url=server.url, **wanted) as caller,
    ):
        said = await caller.call(STATUS)
    assert f"server sums does not answer: {reason}" in said


async def test_no_secret_goes_over_an_open_line(tmp_path: Path) -> None:
    url, environment = "http://mcp.example.com/mcp", {"SUMS_TOKEN": SECRET}
    async with agent(tmp_path, environment, url=url, secret_env="SUMS_TOKEN") as caller:
        assert "its url must begin with https" in await caller.call(STATUS)


async def test_a_server_that_is_away_is_said_to_be_and_is_back_when_it_is(tmp_path: Path) -> None:
    server = LoopbackMCP()  # bound, and not listening yet
    async with agent(tmp_path, url=server.url) as caller:
        said = await caller.call(ADD, STATUS)
        assert "server sums does not answer: it cannot be reached" in said
        async with server:
            assert await caller.call(ADD) == "5"
        assert "server sums does not answer" in await caller.call(ADD)


async def test_a_redirect_is_followed_on_the_same_server_only(tmp_path: Path) -> None:
    async with LoopbackMCP() as server, LoopbackMCP() as other, agent(tmp_path, url=server.url) as caller:
        server.moved_to = "/moved"
        assert await caller.call(ADD) == "5"
        server.moved_to = other.url
        said = await caller.call(ADD)
        assert f"it sends to another address, {other.url}" in said
    assert other.seen == []


# ── the socket itself ────────────────────────────────────────────────────────────────────────────────────────


def socket_of(data: Path) -> httpx2.AsyncClient:
    [path] = data.glob("sessions/*/gateway/gateway.sock")
    way = httpx2.AsyncHTTPTransport(uds=reachable(path))
    return httpx2.AsyncClient(base_url="http://gateway", transport=way, timeout=TIMEOUT)


def message_of(answer: httpx2.Response) -> str:
    return str(json.loads(answer.text)["error"]["message"])


async def test_hostile_requests_are_bounded_and_reach_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remotes, "LARGEST_REQUEST", 1_000)
    async with LoopbackMCP() as server, agent(tmp_path, url=server.url) as caller:
        assert await caller.call(ADD) == "5"
        async with asyncio.timeout(TIMEOUT), socket_of(tmp_path) as client:
            before = len(server.seen)
            for path in ("/mcp/other", "/mcp/", "/mcp/sums/x", "/mcp/sums%2Fadmin", "/mcp/sums/..%2F..%2Fx"):
                answer = await client.post(path, content=b"{}")
                assert answer.status_code == 404, path
                assert "no MCP server" in message_of(answer)
            assert (await client.put("/mcp/sums")).status_code == 405
            assert (await client.post("/mcp/sums", content=b"x" * 1_001)).status_code == 413
            assert len(server.seen) == before
            smuggled = {
                "authorization": "Bearer x",
                "cookie": "a=b",
                "x-forwarded-for": "1.2.3.4",
                "mcp-name": "add",
            }
            await client.post("/mcp/sums", content=b"{}", headers=smuggled)
    seen = server.seen[before]
    assert {name for name in smuggled if name in seen} == {"mcp-name"}


async def test_a_container_cannot_send_another_secret_beside_the_hosts(tmp_path: Path) -> None:
    """and a server may be called as people like"""
    async with LoopbackMCP(secret=SECRET, header="Mcp-Key") as server:
        told = {"url": server.url, "secret_env": "A_KEY", "header": "Mcp-Key"}
        options = {"mcp": {"Sums & more 50%": told}}
        settings = config(tmp_path, agents={"default": {"options": options}})
        async with serving(settings, environment={"A_KEY": SECRET}) as (_, bot):
            assert await Caller(bot, tmp_path).call(("mcp__Sums___more_50___add", {"a": 1, "b": 1})) == "2"
            async with asyncio.timeout(TIMEOUT), socket_of(tmp_path) as client:
                path = f"/mcp/{quote('Sums & more 50%')}"
                await client.post(path, content=b"{}", headers={"mcp-key": "another", "MCP-KEY": "third"})
    assert {seen["mcp-key"] for seen in server.seen} == {SECRET}


async def test_a_conversation_has_so_many_requests_under_way_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remotes, "TURNED_AWAY", 0.0)
    async with LoopbackMCP() as server, agent(tmp_path, url=server.url) as caller:
        assert await caller.call(ADD) == "5"
        monkeypatch.setattr(remotes, "REQUESTS_AT_A_TIME", 0)
        async with asyncio.timeout(TIMEOUT), socket_of(tmp_path) as client:
            answer = await client.post("/mcp/sums", content=b"{}")
            assert answer.status_code == 429
            monkeypatch.setattr(remotes, "REQUESTS_AT_A_TIME", 8)
            statuses = [(await client.post("/mcp/none", content=b"{}")).status_code for _ in range(70)]
    assert statuses[:30] == [404] * 30  # what cannot be had costs the host something too
    assert 429 in statuses


async def test_an_answer_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with LoopbackMCP() as server, agent(tmp_path, url=server.url) as caller:
        assert await caller.call(ADD) == "5"
        monkeypatch.setattr(remotes, "LARGEST_ANSWER", 10)
        said = await caller.call(ADD)
    assert "the MCP server 'sums'" in said
    assert "5" not in said.splitlines()
