"""MCP servers are judged where the file is read: what could never work, and secrets that a container would hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from host.config import ConfigError, load
from host.runners.specs import told_of
from sessiondb.options import Options, OptionsError


def judged(**server: Any) -> str:
    """'' for a server that may be."""
    try:
        Options.of({"mcp": {"srv": server}})
    except OptionsError as error:
        return str(error)
    return ""


SECRET_VARIABLES = {
    "GITHUB_PERSONAL_ACCESS_TOKEN": "abc",
    "GITHUB_PAT": "abc",
    "NOTION_API_KEY": "abc",
    "OPENAI_APIKEY": "abc",
    "API_KEYS": "a,b",
    "PGPASSWORD": "hunter",
    "DB_PASS": "hunter",
    "smtp_password": "hunter",
    "AWS_SECRET_ACCESS_KEY": "abc",
    "CLIENT_SECRET": "abc",
    "GOOGLE_CREDENTIALS": "{}",
    "AUTHORIZATION": "abc",
    "X-Api-Key": "abc",
    "SESSION_COOKIE": "abc",
    "TOKEN": "${TOKEN}",
    "DATABASE_URL": "postgres://ada:hunter@db.internal/app",
    "HEADERS": '{"Authorization": "Bearer abc"}',
    "ANYTHING": "secret:vault/github",
    "THE_ONE": "ghp_0123456789abcdefABCDEF",
    "MODEL": "sk-ant-api03-0123456789abcdef",
    "CHAT": "xoxb-1-2-abc",
    "JWT": "eyJhbGciOi.eyJzdWIiOiIx.abc",
    "PEM": "-----BEGIN RSA PRIVATE KEY-----\nabc",
    "CLOUD": "AKIAIOSFODNN7EXAMPLE",
}
PLAIN_VARIABLES = {
    "LOG_LEVEL": "debug",
    "MAX_TOKENS": "4000",
    "KEYBOARD": "us",
    "MONKEY": "business",
    "COMPAT": "strict",
    "TOKEN_FILE": "/run/token",
    "SSH_KEY_PATH": "/run/key",
    "API_URL": "https://api.example.com:443/v1",
    "PATH": "/usr/bin:/bin",
    "DEBUG": "1",
    "PASSWORD_AUTH": "false",
    "API_KEY": "",
    "RISK": "task-and-desk",
}


@pytest.mark.parametrize("name", SECRET_VARIABLES)
def test_a_secret_in_the_environment_of_a_server_is_refused_with_the_remedy(name: str) -> None:
    said = judged(command="server", env={"LOG_LEVEL": "debug", name: SECRET_VARIABLES[name]})
    assert said.startswith(f"options.mcp.srv.env.{name} looks like a secret")
    assert "by its `url`" in said
    assert SECRET_VARIABLES[name] not in said or len(SECRET_VARIABLES[name]) < 4


@pytest.mark.parametrize("name", PLAIN_VARIABLES)
def test_what_is_no_secret_passes(name: str) -> None:
    assert judged(command="server", env={name: PLAIN_VARIABLES[name]}) == ""


@pytest.mark.parametrize(
    "args",
    [
        ["--token", "abc"],
        ["--api-key=abc"],
        ["--header", "Authorization: Bearer abc"],
        ["postgres://a:b@c/d"],
    ],
)
def test_a_secret_among_the_arguments_is_refused_too(args: list[str]) -> None:
    assert "looks like a secret" in judged(command="server", args=args)


@pytest.mark.parametrize(
    "args", [["-y", "@a/server-github@1.2"], ["stdio"], ["--keys", "--verbose"], ["--root=/data"]]
)
def test_arguments_that_are_no_secret_pass(args: list[str]) -> None:
    assert judged(command="server", args=args) == ""


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({}, "srv needs a command or a url"),
        ({"command": "a", "url": "https://a.example/mcp"}, "srv needs a command or a url"),
        ({"command": "a", "secret_env": "X"}, "srv.secret_env goes with a url"),
        ({"url": "https://a.example/mcp", "env": {"A": "b"}}, "srv.env goes with a command"),
        ({"url": "a.example/mcp"}, "srv.url is no address"),
        ({"url": "ftp://a.example/mcp"}, "srv.url is no address"),
        ({"url": "https://ada:pw@a.example/mcp"}, "srv.url holds a secret"),
        ({"url": "https://a.example/mcp?api_key=abc"}, "srv.url holds a secret"),
        ({"url": "https://a.example/mcp", "secret_env": "A", "header": "X Key:"}, "srv.header cannot be"),
        ({"url": "https://a.example/mcp", "secret_env": "A", "header": "Host"}, "srv.header cannot be"),
        ({"url": "https://a.example/mcp", "secret_env": 3}, "srv.secret_env must be text"),
        ({"command": "a", "cwd": "/"}, "srv.cwd is no option"),
        ({"command": 3}, "srv.command must be text"),
        ({"command": "a", "args": "stdio"}, "srv.args must be a list"),
        ({"command": "a", "env": {"A": 1}}, "srv.env must be a table of texts"),
    ],
)
def test_what_could_never_work_is_said_where_it_stands(server: dict[str, Any], said: str) -> None:
    assert f"options.mcp.{said}" in judged(**server)


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "x" * 65])
def test_a_name_has_to_fit_into_a_path(name: str) -> None:
    with pytest.raises(OptionsError, match="is no name for a server"):
        Options.of({"mcp": {name: {"command": "a"}}})


def test_a_container_is_told_of_a_server_on_the_web_where_the_host_is() -> None:
    options: dict[str, Any] = {
        "effort": "high",
        "mcp": {
            "here": {"command": "a", "args": ["b"], "env": {"C": "d"}},
            "over there": {"url": "https://a.example/mcp", "secret_env": "THERE_TOKEN", "header": "X-Key"},
        },
    }
    told = told_of(options)
    there = {"url": "http://gateway/mcp/over%20there"}
    assert told == {**options, "mcp": {"here": options["mcp"]["here"], "over there": there}}
    assert Options.of(told).mcp["over there"].url == there["url"]
    assert told_of({"effort": "high"}) == {"effort": "high"}


def test_the_file_is_refused_with_the_place_and_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "dovecote.toml"
    file.write_text('[agents.default.options.mcp.github]\ncommand = "x"\nenv = { GITHUB_TOKEN = "abc" }\n')
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert "agents.default.options.mcp.github.env.GITHUB_TOKEN" in str(refused.value)
    assert "Name the server by its `url`" in str(refused.value)
