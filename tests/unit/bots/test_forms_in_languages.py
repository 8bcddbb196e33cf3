"""Forms and buttons are within what the platforms take, in every language: they refuse the whole of what is longer."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord import ui

from bots.common import judging as common
from bots.common import words
from bots.discord.client import telling
from bots.discord.commands import later as discord_later
from bots.discord.commands.tree import Handlers, Translations, tree_for
from bots.discord.panels import judging as discord_judging
from bots.discord.panels import rules as discord_rules
from bots.discord.questions import questions as discord_questions
from bots.slack.commands import later
from bots.slack.panels import judging, panels, rules
from bots.slack.questions import questions
from bots.slack.questions.questions import Asked
from host.ports.controls import ChannelRules, Overview, TaskList, TaskOrder, TaskView
from host.words import languages, told
from sessiondb import Address

HERE = Address("slack", "T1", "C1")
GROUPS = {f"S{number}": f"@group-{number}" for number in range(130)}
TOOLS = ("bash", "memory", "mcp:github")
LIMITS = {"title": 24, "submit": 24, "close": 24, "label": 2_000, "hint": 2_000}  # of Slack's views
BUTTON, OPTION, CONFIRM_TITLE, CONFIRM_BUTTON, HEADER = 75, 75, 100, 30, 150


def views() -> list[dict[str, Any]]:
    asked = Asked("k", (), HERE, "1.2", True)
    return [
        rules.modal("C1", ChannelRules(), rules.Offered(["default"], ["claude"], TOOLS, GROUPS)),
        judging.modal(judging.Asked("k", "C1", "", 1), ["claude"]),
        later._form("{}"),
        later._asked("words", "{}")["view"],
        questions._modal(asked),
    ]


def blocks() -> list[dict[str, Any]]:
    orders = tuple(TaskOrder)
    task = TaskView("t", "title", "default", HERE, "when", 1, "next", False, orders)
    return [*panels.home(Overview(tasks=TaskList((task,))), "", "help"), judging.block("k")]


def too_long(shown: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(shown, list):
        for one in shown:
            yield from too_long(one, name)
    if not isinstance(shown, dict):
        return
    kind = shown.get("type")
    for field, value in shown.items():
        most = LIMITS.get(field, 0)
        if kind == "button" and field == "text":
            most = BUTTON
        elif kind == "header" and field == "text":
            most = HEADER
        elif name == "confirm":
            most = CONFIRM_TITLE if field == "title" else CONFIRM_BUTTON if field != "text" else 300
        elif name == "options" and field == "text":
            most = OPTION
        text = value.get("text") if isinstance(value, dict) else None
        if most and isinstance(text, str) and len(text) > most:
            yield field, text
        yield from too_long(value, field)


def test_a_menu_of_groups_ends_where_slacks_do_and_says_how_many_have_no_room() -> None:
    held = ChannelRules(askers=("S129", "U1", "S9999"))
    blocks = rules.modal("C1", held, rules.Offered([], [], [], GROUPS))["blocks"]
    [menu] = [block for block in blocks if block["block_id"] == "groups"]
    chosen = [option["value"] for option in menu["element"]["initial_options"]]
    shown = [option["value"] for option in menu["element"]["options"]]
    assert (chosen, shown[:2], len(shown)) == (["S129", "S9999"], ["S129", "S9999"], 100)
    assert "31 more have no room here" in str(menu["hint"]["text"])


@pytest.mark.parametrize("language", languages())
def test_slacks_views_and_buttons_are_short_enough(language: str) -> None:
    assert list(too_long(told([*views(), {"blocks": blocks()}], language))) == []


@pytest.mark.parametrize("language", languages())
async def test_discords_forms_and_buttons_are_short_enough(language: str) -> None:
    now, message = ChannelRules(), discord.Object(1)
    message.channel = discord.Object(2)  # type: ignore[attr-defined]
    forms = [
        discord_rules.form(now, ["default"], ["claude"]),
        discord_rules.limits(now, TOOLS, ()),
        discord_rules.shown(now, ["claude"]),
        discord_judging.form("ab", ["claude"]),
        discord_questions.answer_form("ab"),
        discord_later._form(message),  # type: ignore[arg-type]
    ]
    for form in forms:
        shown = telling.in_language(form, language)
        assert len(shown.title) <= 45, shown.title
        for label in (item for item in shown.walk_children() if isinstance(item, ui.Label)):
            assert len(label.text) <= 45, label.text
            assert len(label.description or "") <= 100, label.description
            for option in getattr(label.component, "options", ()):
                assert len(option.label) <= 100
            assert len(getattr(label.component, "placeholder", None) or "") <= 100
    labels = [*words.ORDERS.values(), common.TRY_AGAIN, *(label for _, label in discord_later.CHOICES)]
    assert [label for label in told(labels, language) if len(label) > 80] == []


async def test_discords_commands_are_described_in_every_language_and_short_enough() -> None:
    client = discord.Client(intents=discord.Intents.none())
    tree = tree_for(client, SimpleNamespace(**dict.fromkeys(Handlers.__dict__)))
    translations = Translations()
    kinds = (discord.AppCommandType.chat_input, discord.AppCommandType.message)
    for command in (one for kind in kinds for one in tree.get_commands(type=kind)):
        payload: dict[str, Any] = await command.get_translated_payload(tree, translations)
        for part in (payload, *payload.get("options", ()), *_choices(payload)):
            for field, most in (("name", 100 if "value" in part else 32), ("description", 100)):
                told = part.get(f"{field}_localizations", {})
                assert all(1 <= len(text) <= most for text in told.values()), (part["name"], told)
            menu = payload["type"] != discord.AppCommandType.chat_input.value
            described = part.get(
                "name_localizations" if menu or "value" in part else "description_localizations"
            )
            assert set(described or {}) == {"de", "es-ES", "es-419", "ja", "zh-CN", "zh-TW"}, part["name"]


def _choices(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for option in payload.get("options", ()):
        yield from option.get("choices", ())
