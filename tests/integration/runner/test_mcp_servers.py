"""Tools of MCP servers that an agent lists: on stdio, started by the runner, and on the web, reached by the gateway."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from host.gateway.credentials import EnvironmentCredentials, Equipment
from tests.fakes.internet import PUBLIC, FakeInternet
from tests.fakes.mcp_server.web import MCPWebsite
from tests.support.calling import Caller, calling
from tests.support.hosting import config, serving

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


class Trusting(EnvironmentCredentials):
    """Has runners believe an authority, as a credential vault does."""

    def __init__(self, certificate: Path) -> None:
        super().__init__({})
        self._certificate = certificate

    async def equip(self, agent: str) -> Equipment:
        return Equipment(environment={"SSL_CERT_FILE": str(self._certificate)})


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_server_on_the_web_is_reached_by_the_gateway_where_its_host_is_allowed(
    tmp_path: Path, allowed: bool
) -> None:
    name, internet = "sums.example.com", FakeInternet()
    async with MCPWebsite(name, internet) as website:
        certificate = tmp_path / "authority.pem"
        certificate.write_text(website.authority.pem)
        agent = {
            "options": {"mcp": {"sums": {"url": website.url}}},
            "network": {"allow": [name if allowed else "other.example.com"]},
        }
        settings = config(tmp_path, agents={"default": agent})
        async with serving(settings, reach=internet, credentials=Trusting(certificate)) as (_, bot):
            said = await Caller(bot, tmp_path).call(("mcp__sums__add", {"a": 2, "b": 3}))
    assert said == ("5" if allowed else "there is no tool 'mcp__sums__add'")
    assert set(internet.dialled) == ({(PUBLIC, 443)} if allowed else set())
