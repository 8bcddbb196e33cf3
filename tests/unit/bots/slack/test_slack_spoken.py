"""Blocks as words: as Slack gives them back, with whatever it has made of them."""

from __future__ import annotations

from typing import Any

import pytest

from bots.slack.sending import spoken

Json = dict[str, Any]


def text(words: str, kind: str = "plain_text") -> Json:
    return {"type": kind, "text": words}


def rich(*parts: Json) -> Json:
    return {"type": "rich_text", "elements": list(parts)}


def part(kind: str, *elements: Json) -> Json:
    return {"type": f"rich_text_{kind}", "elements": list(elements)}


def button(label: str) -> Json:
    return {"type": "button", "action_id": "a", "text": text(label), "value": "v"}


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"type": "header", "text": text("Running <now> & then")}, "Running &lt;now&gt; &amp; then"),
        ({"type": "section", "text": text("*bold* <@U1>", "mrkdwn")}, "*bold* <@U1>"),
        (
            {"type": "section", "text": text("who"), "fields": [text("Ada"), text("Bob")]},
            "who\nAda\nBob",
        ),
        ({"type": "section", "fields": [text("Ada")]}, "Ada"),
        (
            {"type": "section", "text": text("with a button"), "accessory": button("Stop")},
            "with a button\n• Stop",
        ),
        (
            {
                "type": "context",
                "elements": [
                    {"type": "image", "image_url": "https://a.example", "alt_text": "an owl"},
                    text("1 of 2"),
                ],
            },
            "an owl 1 of 2",
        ),
        ({"type": "markdown", "text": "1. one\n2. **two**"}, "1. one\n2. two"),
        (rich(part("section", text("some "), text("words", "text"))), "some words"),
        (rich(part("section", text("a <b> & c", "text"))), "a &lt;b&gt; &amp; c"),
        (
            rich(part("list", part("section", text("one")), part("section", text("two")))),
            "one\ntwo",
        ),
        (
            rich(
                part(
                    "section", {"type": "link", "url": "https://a.example"}, {"type": "emoji", "name": "owl"}
                )
            ),
            "https://a.exampleowl",
        ),
        (rich(part("preformatted", text("x = 1", "text"))), "x = 1"),
        ({"type": "divider"}, ""),
        ({"type": "image", "image_url": "https://a.example", "alt_text": "an <owl>"}, "an &lt;owl&gt;"),
        ({"type": "video", "title": text("How to"), "video_url": "https://a.example"}, "How to"),
        ({"type": "input", "label": text("Why?"), "element": {"type": "plain_text_input"}}, "Why?"),
        (
            {
                "type": "section",
                "text": text("with a picture"),
                "accessory": {"type": "image", "image_url": "https://a.example", "alt_text": "an owl"},
            },
            "with a picture\nan owl",
        ),
        (
            {
                "type": "data_table",
                "rows": [
                    [{"type": "raw_text", "text": "what"}, {"type": "raw_text", "text": "many"}],
                    [rich(part("section", text("a & b", "text"))), {"type": "raw_number", "value": 2}],
                ],
            },
            "what | many\na &amp; b | 2",
        ),
        ({"type": "alert", "text": text("Mind this")}, "Mind this"),
        ({"type": "plan", "title": "Plan", "tasks": [{"type": "task_card", "title": "Step"}]}, "Plan\nStep"),
        (
            {"type": "container", "child_blocks": [{"type": "header", "text": text("Inside")}]},
            "Inside",
        ),
        (
            {"type": "carousel", "elements": [{"type": "card", "title": text("One"), "body": text("two")}]},
            "One\ntwo",
        ),
        ({"type": "something_new"}, ""),
    ],
)
def test_each_block_is_said_by_its_words(block: Json, said: str) -> None:
    assert spoken.of([block]) == said


def test_what_can_be_chosen_stands_below_a_line_each_of_buttons_and_of_menus_alike() -> None:
    menu: Json = {"type": "static_select", "placeholder": text("Choose…")}
    menu["options"] = [{"text": text(label), "value": label} for label in ("a & b", "c")]
    asked = [{"type": "section", "text": text("Which?")}]
    buttons: Json = {"type": "actions", "elements": [button("red"), button("green")]}
    assert spoken.of([*asked, buttons]) == "Which?\n• red\n• green"
    assert spoken.of([*asked, {"type": "actions", "elements": [menu]}]) == "Which?\n• a &amp; b\n• c"
    assert spoken.of([*asked, buttons], choices=False) == "Which?"
    groups: Json = {"type": "static_select", "option_groups": []}
    for label in ("red", "green"):
        options = [{"text": text(f"{label} {number}"), "value": label} for number in (1, 2)]
        groups["option_groups"].append({"label": text(label), "options": options})
    for grouped in (
        {"type": "actions", "elements": [groups]},
        {"type": "section", "text": text(" "), "accessory": groups},
    ):
        assert spoken.of([*asked, grouped]) == "Which?\n• red 1\n• red 2\n• green 1\n• green 2"


def test_a_panel_says_its_title_and_what_stands_in_it_and_an_answer_its_own_words() -> None:
    shown = {
        "text": "What runs",
        "blocks": [
            {"type": "section", "text": text("Scribe")},
            {"type": "actions", "elements": [button("Stop")]},
        ],
    }
    assert spoken.panel(shown)["text"] == "What runs\nScribe"
    answer = {"text": "An answer", "blocks": [{"type": "markdown", "text": "**An** answer"}]}
    assert spoken.panel(answer) is answer
    assert spoken.panel({"text": "words alone"}) == {"text": "words alone"}
    assert spoken.panel({}) == {}


@pytest.mark.parametrize("length", [10, 3_899, 3_900, 50_000])
def test_whatever_stands_there_the_words_are_no_longer_than_slack_recommends(length: int) -> None:
    blocks: list[Json] = [{"type": "section", "text": text("x" * length)}]
    buttons: Json = {
        "type": "actions",
        "elements": [button(f"choice {number} {'y' * 60}") for number in range(100)],
    }
    assert len(spoken.of(blocks)) <= spoken.MOST
    assert len(spoken.of([*blocks, buttons])) <= spoken.MOST
    assert "choice 0 " in spoken.of([*blocks, buttons])
