"""A channel takes away of what its agent may do, and never adds."""

from __future__ import annotations

import pytest

from host.config import Agent
from host.gateway.permits import Permit
from host.governance.narrowing import models_of, narrowed, tools_of, within
from host.ports.controls import NO_MODELS, NO_TOOLS, ChannelRules
from sessiondb.options import TOOLS, Options

SERVERS = {"github": {"command": "github-mcp"}, "wiki": {"url": "https://wiki.example.com/mcp"}}
AGENT = Agent(
    options={"web_search": True, "mcp": SERVERS, "approve": ["bash", "mcp:github/*", "mcp:wiki/edit"]},
    server_tools=("code_execution_20250825",),
)


def test_what_an_agent_has_is_named_with_its_servers_and_the_tools_of_the_api() -> None:
    assert tools_of(AGENT) == (*TOOLS, "web_search", "code_execution_20250825", "mcp:github", "mcp:wiki")
    assert tools_of(Agent(options={"tools": ["bash"], "web_fetch": False})) == ("bash",)


def test_a_channel_that_says_nothing_leaves_everything() -> None:
    assert narrowed(AGENT, ChannelRules()) == AGENT
    assert within(ChannelRules()) is None


@pytest.mark.parametrize("tools", [("bash", "mcp:wiki"), (NO_TOOLS,), ("gone",), ("web_search",)])
def test_what_is_left_is_what_is_named_there_and_its_options_can_be_read(tools: tuple[str, ...]) -> None:
    left = narrowed(AGENT, ChannelRules(tools=tools, effort="low"))
    read = Options.of(left.options)
    assert {f"mcp:{name}" for name in read.mcp} == {"mcp:github", "mcp:wiki"} & set(tools)
    assert read.web_search is ("web_search" in tools)
    assert read.effort == "low"
    assert read.tools is None, "which of them are there at all is the container's to say"
    assert within(ChannelRules(tools=tools)) == [name for name in tools if name == "bash"]
    kinds = {"custom"} | ({"web_search_20250305"} if "web_search" in tools else set())
    assert Permit.of(left).tools == kinds, "nor does the gateway let the rest pass"


def test_an_agent_with_few_tools_gets_no_others_by_a_channel() -> None:
    left = narrowed(Agent(options={"tools": ["memory"]}), ChannelRules(tools=("bash", "memory", "web_fetch")))
    assert Options.of(left.options).tools == ("memory",)
    assert not Options.of(left.options).web_fetch


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        (ChannelRules(), ("sonnet", "opus", "haiku")),
        (ChannelRules(models=("opus",)), ("sonnet", "opus")),
        (ChannelRules(models=("opus", "gone")), ("sonnet", "opus")),
        (ChannelRules(models=(NO_MODELS,)), ("sonnet",)),
        (ChannelRules(models=(NO_MODELS,), model="haiku"), ("haiku",)),
        (ChannelRules(models=("opus",), model="gone"), ("sonnet", "opus")),
    ],
)
def test_a_channel_leaves_of_the_models_those_that_it_names_and_the_one_that_answers(
    rules: ChannelRules, left: tuple[str, ...]
) -> None:
    agent = Agent(provider="claude", model="sonnet", models=("opus", "haiku"))
    assert models_of(agent, rules) == left
    passes = Permit.of(narrowed(agent, rules)).models
    assert {"opus", "haiku"} & set(passes) == {"opus", "haiku"} & set(left), (
        "nor does the gateway let the rest pass"
    )
