"""What an agent's options may say: the same for the host's file and for the runner."""

from __future__ import annotations

from typing import Any

import pytest

from runner.settings import Settings, SettingsError
from sessiondb.options import McpServer, Options, OptionsError

GOOD: dict[str, Any] = {
    "max_tokens": 1000,
    "effort": "max",
    "thinking": True,
    "compact_at": 0,
    "compact": "own",
    "tools": ["bash", "send_message"],
    "approve": ["b*", "mcp:github/*", "mcp:*/write"],
    "approve_within": 60,
    "approvers": ["slack:U1"],
    "mcp": {
        "github": {"command": "github-mcp", "args": ["stdio"], "env": {"A": "1"}},
        "wiki": {"url": "http://127.0.0.1:9/mcp"},
    },
}


def test_what_is_right_is_typed_and_the_rest_has_its_default() -> None:
    made = Options.of(GOOD)
    assert (made.max_tokens, made.tools, made.retries) == (1000, ("bash", "send_message"), 3)
    assert made.mcp == {
        "github": McpServer("github", "github-mcp", ("stdio",), {"A": "1"}),
        "wiki": McpServer("wiki", url="http://127.0.0.1:9/mcp"),
    }
    assert Options.of({}) == Options()
    assert Options().tools is None


@pytest.mark.parametrize(
    ("wrong", "key", "words"),
    [
        ({"max_token": 1}, ("max_token",), 'is no option. Did you mean "max_tokens"?'),
        ({"colour": 1}, ("colour",), "Remove it; there are max_tokens"),
        ({"max_tokens": 0}, ("max_tokens",), "from 1 to 128000"),
        ({"max_tokens": "many"}, ("max_tokens",), "must be a whole number"),
        ({"max_tokens": True}, ("max_tokens",), "must be a whole number"),
        ({"max_tokens": 10**9}, ("max_tokens",), "from 1 to 128000"),
        ({"retries": -1}, ("retries",), "from 0 to 100"),
        ({"thinking": "yes"}, ("thinking",), "must be true or false"),
        ({"effort": "hight"}, ("effort",), 'Did you mean "high"?'),
        ({"effort": 3}, ("effort",), 'Write one of "low", "medium"'),
        ({"compact": "ai"}, ("compact",), '"api"'),
        ({"compact_at": 10}, ("compact_at",), "at least 50000"),
        ({"tools": "bash"}, ("tools",), "must be a list"),
        ({"tools": ["bassh"]}, ("tools",), 'Did you mean "bash"?'),
        ({"tools": [1]}, ("tools",), "must be a list"),
        ({"tools": ["mcp:github/x"]}, ("tools",), "MCP servers are listed under mcp"),
        ({"approve": ["bsh"]}, ("approve",), 'Did you mean "bash"?'),
        ({"approve": ["mcp:github/*"]}, ("approve",), "of a server under mcp"),
        (
            {"approve": ["mcp:gitub/*"], "mcp": {"github": {"url": "http://a"}}},
            ("approve",),
            '"mcp:github/*"',
        ),
        ({"approve_within": 0}, ("approve_within",), "from 1 to"),
        ({"approvers": "slack:U1"}, ("approvers",), "must be a list"),
        ({"approve_by": 2}, ("approve_by",), "asks for 2 people where one may answer"),
        (
            {"approve_by": 2, "approvers": ["slack:U1", "slack:U1", "discord:5", "discord:6"]},
            ("approve_by",),
            "approvers names 1 on slack",
        ),
        ({"approve_by": 21}, ("approve_by",), "from 1 to 20"),
        ({"asker_approves": 1}, ("asker_approves",), "must be true or false"),
        ({"mcp": ["github"]}, ("mcp",), "must be a table of servers"),
        ({"mcp": {"a": "cmd"}}, ("mcp", "a"), "must be a table"),
        ({"mcp": {"a": {}}}, ("mcp", "a"), "needs a command or a url"),
        ({"mcp": {"a": {"command": "x", "url": "http://a"}}}, ("mcp", "a"), "and not both"),
        (
            {"mcp": {"a": {"comand": "x", "url": "http://a"}}},
            ("mcp", "a", "comand"),
            'Did you mean "command"?',
        ),
        ({"mcp": {"a": {"command": "x", "args": "y"}}}, ("mcp", "a", "args"), "must be a list"),
        ({"mcp": {"a": {"command": "x", "env": {"A": 1}}}}, ("mcp", "a", "env"), "table of texts"),
        ({"mcp": {"a": {"url": "ftp://a"}}}, ("mcp", "a", "url"), "https://mcp.example.com/mcp"),
        ({"mcp": {"a": {"url": "http://a:port"}}}, ("mcp", "a", "url"), "is no address"),
    ],
)
def test_what_is_wrong_is_told_with_a_remedy(wrong: dict[str, Any], key: tuple[str, ...], words: str) -> None:
    with pytest.raises(OptionsError) as caught:
        Options.of(wrong)
    told = {fault.key: f"{fault.problem}. {fault.remedy}" for fault in caught.value.faults}
    assert words in told[key]


def test_all_that_is_wrong_is_told_at_once_and_the_sentence_can_be_shown_to_a_person() -> None:
    with pytest.raises(OptionsError) as caught:
        Options.of({"max_tokens": 0, "effort": "hight", "approve": ["bsh"], "thinking": 1, "colour": 1})
    assert len(caught.value.faults) == 5
    assert "options.effort cannot be 'hight'. Did you mean \"high\"? options." in str(caught.value)


@pytest.mark.parametrize("options", [[], "x", 5, None])
def test_options_that_are_no_table_are_refused(options: object) -> None:
    with pytest.raises(OptionsError, match="must be a table"):
        Options.of(options)


def test_a_runner_refuses_by_the_same_words() -> None:
    told = '{"name": "a", "options": {"max_token": 5, "effort": "hight"}}'
    environment = {"DOVECOTE_SESSION_DIR": "/s", "DOVECOTE_INCARNATION": "i", "DOVECOTE_AGENT": told}
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(environment)
    with pytest.raises(OptionsError) as expected:
        Options.of({"max_token": 5, "effort": "hight"})
    assert caught.value.reason == str(expected.value)
