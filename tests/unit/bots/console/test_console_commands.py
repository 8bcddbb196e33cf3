"""What is a command in the terminal, what is a slip, and what is to be said."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from bots.console import commands
from bots.console.commands import COMMANDS, OF_THE_HOST, Command, Completing, Refused
from host.ports.commands import COMMANDS as HOST_COMMANDS


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("/help", Command("help")),
        ("  /HELP  ", Command("help")),
        ("/new my garden", Command("new", "my garden")),
        ("/switch\tmain", Command("switch", "main")),
        ("hello", "hello"),
        ("what is /help?", "what is /help?"),
        ("/etc/hosts is empty", "/etc/hosts is empty"),
        ("/ 2", "/ 2"),
        ("//help", "/help"),
        ("/", "/"),
        ("a\n/stop", "a\n/stop"),
    ],
)
def test_only_a_first_word_behind_a_slash_is_a_command(typed: str, read: object) -> None:
    assert commands.read(typed) == read


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("/stpo", "/stop"),
        ("/sesions", "/sessions"),
        ("/q", "/quit"),
        ("/hepl", "/help"),
        ("/swich x", "/switch"),
    ],
)
def test_a_slip_is_refused_with_the_nearest(typed: str, near: str) -> None:
    refused = commands.read(typed)
    assert isinstance(refused, Refused)
    assert f"Did you mean {near}?" in refused.why


def test_what_is_near_nothing_is_refused_with_where_the_list_is() -> None:
    refused = commands.read("/frobnicate")
    assert isinstance(refused, Refused)
    assert "/help lists them" in refused.why


def test_what_is_passed_on_is_an_order_of_the_host_s() -> None:
    assert set(OF_THE_HOST) <= set(HOST_COMMANDS)


def test_the_list_names_each_command_once_with_what_it_does() -> None:
    listed = commands.listed()
    assert [written.split()[0] for written, _ in listed] == [f"/{name}" for name in COMMANDS]
    assert all(does for _, does in listed)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/s", ["/switch", "/sessions", "/stop", "/status"]),
        ("/SES", ["/sessions"]),
        ("/switch g", ["garden", "gate"]),
        ("/switch ", ["garden", "gate", "main"]),
        ("hello", []),
        ("/new x", []),
        ("say /s", []),
    ],
)
def test_tab_completes_commands_and_conversations(typed: str, offered: list[str]) -> None:
    completing = Completing(lambda: ["garden", "gate", "main"])
    found = completing.get_completions(Document(typed), CompleteEvent())
    assert [one.text for one in found] == offered
