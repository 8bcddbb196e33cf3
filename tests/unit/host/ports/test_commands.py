"""What is an order to the host, what nearly is one, and what is for an agent."""

from __future__ import annotations

import random
import string

import pytest

from host.ports import commands
from host.ports.commands import COMMANDS, Grammar, Order, Slip, distance

GRAMMAR = Grammar({"Halt": "stop", "hilfe": "help", "停止": "stop"})


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("!stop", Order("stop")),
        ("  !stop  ", Order("stop")),
        ("!Stop", Order("stop")),  # a phone begins with a capital
        ("!STOP!", Order("stop")),
        ("!stop.", Order("stop")),
        ("！stop", Order("stop")),  # as some keyboards write it
        ("!ｓｔｏｐ", Order("stop")),
        ("!stop the presses", Order("stop", "the presses")),
        ("!stop\nplease", Order("stop", "please")),
        ("@dovecote !stop", Order("stop")),
        ("@dovecote, !stop", Order("stop")),
        ("!halt", Order("stop")),
        ("!停止", Order("stop")),
        ("!hilfe bitte", Order("help", "bitte")),
        ("!aside what do you think, Bob?", Order("aside", "what do you think, Bob?")),
        ("!aside", Order("aside")),
        ("!queue and\n\nthen this", Order("queue", "and\n\nthen this")),
        (
            "!why https://a.slack.com/archives/C1/p1700000000000100",
            Order("why", "https://a.slack.com/archives/C1/p1700000000000100"),
        ),
        ("!clear", Order("clear")),
    ],
)
def test_an_order_is_the_first_word_however_it_is_written(text: str, order: Order) -> None:
    assert GRAMMAR.typed(text) == order


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "!!",
        "! stop",
        "!important: the printer is on fire",
        "!!stop",
        "!= is not equal",
        "![a picture](https://example.org/p.png)",
        "!42",
        "!stop/!clear",
        "please !stop",
        "stop",
        "/stop",
        "`!stop`",
        "> !stop",
        "@dovecote please !stop",
        "@ann and @bob !stop",
        "@dovecote what does !stop do?",
        "!wichtig",
        "!kommando",
    ],
)
def test_everything_else_is_for_the_agent(text: str) -> None:
    assert GRAMMAR.typed(text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("!stpo", "stop"),
        ("!stopp now", "stop"),
        ("!sotp", "stop"),
        ("!stat", "status"),
        ("!task", "tasks"),
        ("!hlep", "help"),
        ("!clera", "clear"),
        ("!muet", "mute"),
        ("!quue this", "queue"),
        ("!wyh", "why"),
        ("!halted", "halt"),
        ("!usge", "usage"),
        ("!confg", "config"),
    ],
)
def test_what_is_within_two_letters_of_an_order_is_asked_about_and_never_obeyed(
    text: str, meant: str
) -> None:
    found = GRAMMAR.typed(text)
    assert isinstance(found, Slip)
    assert f"Did you mean `!{meant}`?" in found.why


@pytest.mark.parametrize("text", ["!clear the table, please", "!mute the microphone", "!queue", "!queue  "])
def test_an_order_that_its_sentence_does_not_fit_is_asked_about(text: str) -> None:
    assert isinstance(GRAMMAR.typed(text), Slip)


def test_a_short_alias_does_not_make_every_short_word_an_order() -> None:
    short = Grammar({"s": "stop", "停": "stop"})
    assert short.typed("!s") == Order("stop")
    assert short.typed("!停") == Order("stop")
    assert short.typed("!no") is None
    assert short.typed("!好") is None


def test_behind_a_slash_command_the_same_words_hold() -> None:
    assert GRAMMAR.word("Tasks") == Order("tasks")
    assert GRAMMAR.word("halt") == Order("stop")
    assert isinstance(GRAMMAR.word("taks"), Slip)
    assert GRAMMAR.word("gibberish") is None
    assert GRAMMAR.word("") is None


def test_every_order_is_known_by_its_name_and_no_two_are_mistaken_for_each_other() -> None:
    plain = Grammar()
    for name in COMMANDS:
        words = "words" if name in commands.NEEDS_WORDS else ""
        assert plain.typed(f"!{name} {words}") == Order(name, words)


def test_one_or_two_slips_of_a_finger_never_order_anything_by_themselves() -> None:
    """Whatever is typed instead: a slip is asked about, for the agent, or by chance another order's name."""
    chance = random.Random(7)
    plain = Grammar()
    for name in COMMANDS:
        for _ in range(200):
            word = _slipped(name, chance)
            found = plain.typed(f"!{word} now")
            assert not isinstance(found, Order) or found.name == word
            assert found is not None or distance(word, name) > commands.NEAR


def test_the_distance_is_the_same_both_ways_and_nothing_for_the_same_word() -> None:
    chance = random.Random(3)
    for _ in range(500):
        a, b = ("".join(chance.choices("abc", k=chance.randint(0, 5))) for _ in range(2))
        assert distance(a, b) == distance(b, a)
        assert (distance(a, b) == 0) == (a == b)


@pytest.mark.parametrize(
    ("rest", "id_"),
    [
        ("", ""),
        ("m0123", "m0123"),
        ("<https://a.slack.com/archives/C0AB/p1700000000000100?thread_ts=1.2>", "1700000000.000100"),
        ("https://discord.com/channels/11/22/33", "33"),
        ("https://discord.com/channels/@me/22/33", "33"),
    ],
)
def test_a_link_to_a_message_names_it_on_every_platform(rest: str, id_: str) -> None:
    assert commands.message_named(rest) == id_


@pytest.mark.parametrize("platform", ["slack", "discord", "console"])
def test_the_help_names_every_order_and_every_alias(platform: str) -> None:
    text = commands.help_text(GRAMMAR, platform)
    assert all(f"`!{name}`" in text for name in (*COMMANDS, "halt", "hilfe", "停止"))
    assert ("/dovecote" in text) == (platform == "slack")
    assert ("`/ask`" in text) == (platform == "discord")


def _slipped(name: str, chance: random.Random) -> str:
    letters = list(name)
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(letters))
        match chance.randrange(4):
            case 0 if len(letters) > 2:
                del letters[at]
            case 1:
                letters.insert(at, chance.choice(string.ascii_lowercase))
            case 2 if at:
                letters[at - 1], letters[at] = letters[at], letters[at - 1]
            case _:
                letters[at] = chance.choice(string.ascii_lowercase)
    return "".join(letters)


@pytest.mark.parametrize(
    "text",
    [
        "!status quo is bad",
        "!tasks are hard",
        "!usage of doves",
        "!why not?",
        "!why not try it",
        "!help me with this report",
        "!config is hard",
        "!grants are due",
    ],
)
def test_a_sentence_that_begins_like_a_question_to_the_host_is_asked_about(text: str) -> None:
    found = GRAMMAR.typed(text)
    assert isinstance(found, Slip)
    assert "nothing was done" in found.why


@pytest.mark.parametrize(
    "text",
    [
        "!status",
        "!status please?",
        "!usage now",
        "!why",
        "!why m0123456789abcdef",
        "!why 1700000000.000100",
        "!why <https://a.slack.com/archives/C1/p1700000000000100>",
        "!why `m0123456789abcdef`",
        "!tasks try `t1`",
        "!config versions",
        "!config revert to v2",
        "!grants revoke 3",
        "!memory not what you think",
        "!again",
    ],
)
def test_what_stands_behind_such_a_question_and_means_something_is_understood(text: str) -> None:
    assert isinstance(GRAMMAR.typed(text), Order)
