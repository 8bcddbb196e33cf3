"""What a changed file changes, told in lines, and which of it counts at once."""

from __future__ import annotations

from typing import Any

import pytest

from host.config import Config
from host.config.difference import LONGEST_VALUE, between
from host.config.settings import Settings

HERE = {"platform": "slack", "workspace": "T1", "channel": "C1"}


def changed(before: dict[str, Any], after: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    old, new = Config.model_validate(before), Config.model_validate(after)
    found = between(old, new)
    assert between(found.config, new).now == ()  # what counts at once does so at once
    assert between(old, old).config == old
    return found.now, found.later


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (
            {"agents": {"default": {"model": "a"}}},
            {"agents": {"default": {"model": "b"}}},
            ["agents.default.model: a → b"],
        ),
        ({}, {"agents": {"default": {}, "second": {}}}, ["agents.second: nothing → there"]),
        (
            {"agents": {"default": {}, "second": {}}},
            {"agents": {"default": {}}},
            ["agents.second: there → nothing"],
        ),
        (
            {"access": {"owners": ["slack:U1"]}},
            {"access": {"owners": ["slack:U2"]}},
            ["access.owners[0]: slack:U1 → slack:U2"],
        ),
        (
            {"access": {"owners": ["slack:U1"]}},
            {"access": {"owners": ["slack:U1", "slack:U2"]}},
            ["access.owners: +slack:U2"],
        ),
        ({"routes": [{}]}, {"routes": [{"channel": "C1"}, {}]}, ["routes: 1 entries → 2 entries"]),
        ({"routes": [{}]}, {"routes": [{"engage": "always"}]}, ["routes[0].engage: mention → always"]),
        ({}, {"model": {"budget_usd_per_day": 3}}, ["model.budget_usd_per_day: 10.0 → 3.0"]),
        (
            {"budgets": {"people": {"slack:U1": {"budget_usd_per_day": 2}}}},
            {"budgets": {"person": {"budget_usd_per_month": 9}}},
            ["budgets.person.budget_usd_per_month: inf → 9.0", "budgets.people.slack:U1: there → nothing"],
        ),
        ({}, {"commands": {"aliases": {"halt": "stop"}}}, ["commands.aliases.halt: nothing → stop"]),
        (
            {"tasks": [{"name": "a", "prompt": "x", "cron": "@daily", "to": HERE}]},
            {
                "tasks": [
                    {"name": "b", "prompt": "x", "cron": "@daily", "to": HERE},
                    {"name": "a", "prompt": "y", "cron": "@daily", "to": HERE},
                ]
            },
            ["tasks.a (slack/C1).prompt: x → y", "tasks.b (slack/C1): nothing → there"],
        ),
    ],
)
def test_what_people_decide_about_counts_at_once(
    before: dict[str, Any], after: dict[str, Any], lines: list[str]
) -> None:
    assert changed(before, after) == (tuple(lines), ())


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"data": "elsewhere"}, "data: data → elsewhere"),
        ({"host": {"zone": "Europe/Berlin"}}, "host.zone: UTC → Europe/Berlin"),
        ({"runner": {"limits": {"pids": 99}}}, "runner.limits.pids: 256 → 99"),
        ({"web": {}}, "web: None → there"),
        ({"slack": {"port": 3001}}, "slack: None → there"),
        (
            {"discord": {"api_url": "https://discord.com/api/v9"}},
            "discord.api_url: https://discord.com/api/v10 → https://discord.com/api/v9",
        ),
        (
            {"model": {"base_url": "http://127.0.0.1:9"}},
            "model.base_url: https://api.anthropic.com → http://127.0.0.1:9",
        ),
        ({"credentials": {"source": "onecli"}}, "credentials.source: environment → onecli"),
        ({"log": {"level": "DEBUG"}}, "log.level: INFO → DEBUG"),
    ],
)
def test_what_is_worked_into_parts_waits_for_a_restart(section: dict[str, Any], line: str) -> None:
    assert changed({}, section) == ((), (line,))
    both = changed({}, {**section, "access": {"unknown": "deny"}})
    assert both == (("access.unknown: ask → deny",), (line,))  # and keeps nothing else from counting


def test_a_line_is_short_and_shows_nothing_of_a_tools_settings() -> None:
    server = {"mcp": {"wiki": {"command": "wiki", "env": {"WHERE": "hush"}}}}
    other = {"mcp": {"wiki": {"command": "wiki", "env": {"WHERE": "hush hush"}}}}
    now, _ = changed(
        {"agents": {"default": {"options": server}}}, {"agents": {"default": {"options": other}}}
    )
    assert now == ("agents.default.options.mcp.wiki.env.WHERE: … → …",)
    [line], _ = changed({}, {"agents": {"default": {"instructions": "one\ntwo " * 99}}})
    assert "\n" not in line
    assert len(line) < LONGEST_VALUE + 60
    assert line.startswith("agents.default.instructions: '' → one two one")


def test_the_value_is_another_and_the_one_before_is_as_it_was() -> None:
    first = Config()
    settings = Settings(first)
    settings.take(between(first, Config.model_validate({"access": {"unknown": "deny"}})).config)
    assert (settings.version, settings.config.access.unknown, first.access.unknown) == (2, "deny", "ask")
