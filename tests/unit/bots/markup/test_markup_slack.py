import pytest

from bots.markup import clean, slack, tree

ZERO = clean.ZERO


def shown(markdown: str, **options: set[str]) -> str:
    (chunk,) = slack.render(markdown, **options)
    return str(chunk.blocks[0]["text"])


@pytest.mark.parametrize(
    "markdown",
    [
        "# Title\n\nHere is **bold _both_** and `code`.\n\n- [x] done\n- [ ] open\n  1. inner",
        "Sizes: 2 * 3, snake_case, https://e.org/a_b?c=d&e=f, f(x), [1].",
        "> quoted\n>\n> > inner",
        "| a | b |\n| --- | --: |\n| `x\\|y` | 2 |",
        "1. First\n   ```sh\n   make\n   ```\n   after\n2. Second",
    ],
)
def test_ordinary_markdown_goes_out_as_it_came(markdown: str) -> None:
    assert shown(markdown) == markdown


def test_html_and_entities_are_shown_and_not_interpreted() -> None:
    assert shown("List<String> &lt;b&gt; a<br>b") == "List&lt;String> &lt;b> a\nb"


def test_mass_mentions_are_broken_wherever_they_stand() -> None:
    assert shown("<!here> @channel") == f"&lt;{ZERO}!here> @{ZERO}channel"
    assert shown("`<!channel>`") == f"`<{ZERO}!channel>`"
    assert shown("```\n<!subteam^S1>\n```") == f"```\n<{ZERO}!subteam^S1>\n```"
    assert shown("[@here](https://e.org/@here)") == f"[@{ZERO}here](https://e.org/%40here)"
    assert shown("< !HERE>") == f"&lt;{ZERO} !HERE>"


def test_only_listed_people_and_channels_are_mentioned() -> None:
    assert shown("<@U1> <#C1|general> <@U2>", keep={"U1", "C1"}) == "<@U1> <#C1|general> &lt;@U2>"
    assert shown("`<@U1>`", keep={"U1"}) == "`<@U1>`"


def test_code_that_only_looks_like_a_command_is_left_alone() -> None:
    assert shown("```html\n<!DOCTYPE html>\n<!-- x -->\n```") == "```html\n<!DOCTYPE html>\n<!-- x -->\n```"


def test_a_table_leaves_its_list_item_which_is_taken_up_again() -> None:
    assert shown("1. one\n\n   | a |\n   |---|\n   | 1 |\n\n   more") == (
        "1. one\n\n| a |\n| --- |\n| 1 |\n\n1. …\n   more"
    )


def test_a_long_table_repeats_its_head_and_stays_below_slacks_rows() -> None:
    table = "| n | name |\n| --- | --- |\n" + "".join(f"| {i} | x |\n" for i in range(250))
    chunks = [str(chunk.blocks[0]["text"]).split("\n") for chunk in slack.render(table)]
    assert [lines[:2] for lines in chunks] == [["| n | name |", "| --- | --- |"]] * 3
    assert [len(lines) for lines in chunks] == [101, 101, 54]


def test_a_table_with_too_many_columns_becomes_records() -> None:
    table = f"|{'h|' * 21}\n|{'-|' * 21}\n|{'c|' * 21}"
    assert shown(table).startswith("- **h**: c\n  **h**: c\n")


def test_the_notice_is_the_words_escaped_and_short() -> None:
    (chunk,) = slack.render("**a** < `b & c` @here " + "word " * 1_500)
    assert chunk.text.startswith(f"a &lt; b &amp; c @{ZERO}here word")
    assert clean.units(chunk.text) <= 4_000


def test_plain_has_words_markers_and_no_blocks() -> None:
    (chunk,) = slack.plain("# T\n\n- **a** & <@U1>\n  - b\n\n```py\nx < 1\n```", keep={"U1"})
    assert chunk == slack.SlackChunk("T\n\n• a &amp; <@U1>\n  • b\n\nx &lt; 1")


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        (
            "see [the docs](https://example.com/a?b=1&c=2).",
            "see the docs (https://example.com/a?b=1&amp;c=2).",
        ),
        ("[a **bold** label](https://x.io)", "a bold label (https://x.io)"),
        ("<https://x.io/y> and https://x.io/z", "https://x.io/y and https://x.io/z"),
        ("[ann@x.io](mailto:ann@x.io), [write](mailto:bob@x.io)", "ann@x.io, write (mailto:bob@x.io)"),
        (
            "- [one](https://x.io/1)\n- [two](https://x.io/2)",
            "• one (https://x.io/1)\n• two (https://x.io/2)",
        ),
        ("# [title](https://x.io/t)", "title (https://x.io/t)"),
    ],
)
def test_plain_says_where_each_link_leads_once(markdown: str, words: str) -> None:
    assert [chunk.text for chunk in slack.plain(markdown)] == [words]


def test_plain_keeps_the_addresses_of_a_table() -> None:
    (chunk,) = slack.plain("| what | where |\n| --- | --- |\n| a | [there](https://x.io/1) |")
    assert chunk.text.count("there (https://x.io/1)") == 1


def test_nothing_to_say_makes_no_message() -> None:
    assert slack.render(" \n\n") == slack.plain("") == []


def test_inbound_names_people_and_channels_and_links() -> None:
    text = (
        "<@B1> ask <@U1> or <@U9> in <#C1|gen> &lt;b&gt; "
        "<https://e.org|the [site]> <https://e.org> <!here> <mailto:a@b|a@b>"
    )
    assert slack.inbound(text, {"U1": "ann", "B1": "dove"}, {"C1": "general"}, "B1") == (
        "@dove ask @ann or @U9 in #general <b> [the \\[site\\]](https://e.org) https://e.org @here a@b",
        True,
    )


def test_an_escaped_mention_in_a_persons_text_is_no_mention() -> None:
    assert slack.inbound("&lt;@B1&gt; &amp;lt;", {}, {}, "B1") == ("<@B1> &lt;", False)


@pytest.mark.parametrize("unit", ["> ", "- ", "[", "![", "*", "_*", "`a", "<", "((", "[a](", "\\"])
def test_a_deeply_nested_answer_of_many_marks_arrives(unit: str) -> None:
    markdown = unit * (4_000 // len(unit)) + "end"
    chunks = slack.render(markdown)
    assert tree.visible(str(chunks[-1].blocks[0]["text"])).endswith("end")


def test_what_is_shown_as_it_was_written_calls_nobody_and_hides_no_address() -> None:
    hostile = "*a* @channel <!here> <@U1|you> <https://evil.example|https://good.example> & [a](b)"
    [said] = slack.as_written(hostile)
    assert said == (
        "*a* @\u200bchannel &lt;\u200b!here&gt; &lt;\u200b@U1|you&gt; "
        "&lt;https://evil.example|https://good.example&gt; &amp; [a](b)"
    )
    assert slack.as_written(" \n") == []
    assert len(slack.as_written("word " * 4_000)) == 5
