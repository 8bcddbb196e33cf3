"""The form of what a channel allows, as Discord shows it."""

from __future__ import annotations

from typing import Any

from bots.discord.panels import rules
from host.ports.controls import ChannelRules


def chosen(now: ChannelRules, tools: list[str]) -> list[str]:
    parts: list[Any] = rules.limits(now, tools, ()).to_dict()["components"]
    menus = [part["component"] for part in parts if part["component"]["custom_id"] in ("tools", "servers")]
    assert all(len(menu["options"]) <= 25 for menu in menus)
    return [option["value"] for menu in menus for option in menu["options"] if option.get("default")]


def test_what_is_allowed_is_shown_as_chosen_however_many_there_are_to_choose_from() -> None:
    servers = [f"mcp:{number}" for number in range(40)]
    assert chosen(ChannelRules(tools=("mcp:39",)), ["bash", *servers]) == ["mcp:39"]
    assert chosen(ChannelRules(tools=("bash",)), ["bash", *servers]) == ["bash"]
    assert chosen(ChannelRules(), ["bash", *servers]) == []
    assert chosen(ChannelRules(tools=("mcp:gone",)), ["bash", *servers]) == ["none"], "and never all of them"
