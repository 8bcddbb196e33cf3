"""Markdown as a person reads it, where CommonMark would bend or drop it."""

import pytest

from bots.markup import discord, slack, tree


def bold(markdown: str) -> list[str]:
    (block,) = tree.parse(markdown)
    assert isinstance(block, tree.Paragraph)
    return [run.text for run in block.inline if run.bold or run.strike or run.italic]


@pytest.mark.parametrize(  # markup_cjk_1
    ("markdown", "styled"),
    [
        ("**注意：**请先备份。", ["注意："]),
        ("他说**「重要」**的事", ["「重要」"]),
        ("~~删除的文字（带括号）。~~这个句子是正确的。", ["删除的文字（带括号）。"]),
        ("这是**“重点”**内容，请看**注意：**以下。", ["“重点”", "注意："]),
        ("これは*（強調）*です", ["（強調）"]),
        ("이것은**(중요)**입니다", ["(중요)"]),
        ("**Warning:**text", []),
        ("snake_case_name 和 a*b*c", ["b"]),
    ],
)
def test_emphasis_beside_chinese_japanese_and_korean_punctuation(markdown: str, styled: list[str]) -> None:
    assert bold(markdown) == styled


def test_emphasis_beside_cjk_is_stated_to_slack_and_not_left_to_its_reader() -> None:
    (chunk,) = slack.render("**注意：**请先备份。")
    (block,) = chunk.blocks
    assert block["type"] == "rich_text"
    (section,) = block["elements"]
    assert section["elements"] == [
        {"type": "text", "text": "注意：", "style": {"bold": True}},
        {"type": "text", "text": "请先备份。"},
    ]


def test_a_pipe_in_code_inside_a_table_ends_no_cell() -> None:  # markup_table_code_pipe
    (table,) = tree.parse(
        "| cmd | what |\n|---|---|\n| `a | b` | pipes a into b |\n| `grep -E 'x|y'` | either |\n| `|` | a pipe |"
    )
    assert isinstance(table, tree.Table)
    assert [[tree.said(cell) for cell in row] for row in table.rows] == [
        ["a | b", "pipes a into b"],
        ["grep -E 'x|y'", "either"],
        ["|", "a pipe"],
    ]
    assert [row[0][0].code for row in table.rows] == [True, True, True]


def test_cells_without_a_column_stand_in_the_last_and_missing_ones_are_empty() -> None:
    (table,) = tree.parse("| a | b |\n|---|---|\n| 1 | 2 | 3 | 4 |\n| 5 |\n| 6 \\| 7 | 8 |")
    assert isinstance(table, tree.Table)
    assert [[tree.said(cell) for cell in row] for row in table.rows] == [
        ["1", "2 | 3 | 4"],
        ["5", ""],
        ["6 | 7", "8"],
    ]


FENCES = "Here:\n\n```markdown\n# Title\n```bash\nmake\n```\ndone\n```\n\nafter **bold**"


def test_a_fence_in_a_fence_of_the_same_length_is_part_of_it() -> None:  # markup_fence_in_fence
    _, code, after = tree.parse(FENCES)
    assert isinstance(code, tree.Code)
    assert code.text == "# Title\n```bash\nmake\n```\ndone"
    assert tree.visible("after **bold**") == tree.visible(str(after.source))


@pytest.mark.parametrize(
    "markdown",
    [
        "```py\n1\n```\n\ntext\n\n```sh\n2\n```",
        "```py\n1\n\n```sh\n2\n```\n\ntext",
        "> ```md\n> ```sh\n> 1\n> ```\n\ntext",
    ],
)
def test_fences_that_do_not_pair_are_read_as_commonmark_reads_them(markdown: str) -> None:
    codes = [block for block in tree.parse(markdown.replace("> ", "")) if isinstance(block, tree.Code)]
    assert all(code.text.count("```") <= 1 for code in codes)


def test_a_long_source_is_not_cut_within_a_fence_in_a_fence() -> None:
    before = "word " * 100 + "\n\n"
    inner = "```markdown\n# Title\n```bash\nmake\n```\n\n" + "more\n\n" * 8_000 + "done\n```\n\nafter"
    found = tree.parse(before + inner)
    [code] = [block for block in found if isinstance(block, tree.Code)]
    assert (code.text.startswith("# Title\n```bash\nmake\n```\n"), code.text.endswith("done")) == (True, True)
    assert isinstance(found[-1], tree.Paragraph)
    assert found[-1].source == "after"


def test_a_long_source_is_cut_between_code_blocks_that_are_closed() -> None:
    found = tree.parse("```py\n1\n```\n\ntext\n\n" * 3_000)
    assert [type(block) for block in found] == [tree.Code, tree.Paragraph] * 3_000


def test_harmless_html_is_what_it_means_and_other_html_is_text() -> None:
    (block,) = tree.parse(
        'H<sub>2</sub>O <b>x</b> a<b>c List<String> <kbd>Q</kbd><br/>z <a href="https://e.org">l</a>'
    )
    assert isinstance(block, tree.Paragraph)
    assert tree.said(block.inline) == "H₂O x a<b>c List<String> Q\nz l"
    assert [run.text for run in block.inline if run.bold] == ["x"]
    assert [run.text for run in block.inline if run.code] == ["Q"]
    assert [(run.text, run.href) for run in block.inline if run.href] == [("l", "https://e.org")]


def test_the_frame_of_a_folded_part_vanishes_and_its_words_stay() -> None:
    assert tree.visible("<details>\n<summary>More</summary>\n\nhi\n\n</details>") == "Morehi"


def test_discords_own_emoji_times_and_silent_links_stay_what_they_are() -> None:  # markup_discord_emoji
    text = "Nice <:party:123456789012345678>, starts <t:1764288000:R>, see <https://example.org/no-preview>"
    assert discord.render(text) == [text]
    assert discord.render("**<a:p_a:123456789012345678>**") == ["**<a:p_a:123456789012345678>**"]


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("[bank.com](https://evil.org/x)", "bank.com (https://evil.org/x)"),
        ("[https://e.org/a](https://e.org/b)", "https://e.org/a (https://e.org/b)"),
        ("[www.bank.com/login](https://evil.org)", "www.bank.com/login (https://evil.org)"),
        ("[README.md](https://e.org/r)", "[README.md](https://e.org/r)"),
        ("[e.org](https://www.e.org/r)", "[e.org](https://www.e.org/r)"),
        ("[the bank](https://e.org)", "[the bank](https://e.org)"),
    ],
)
def test_a_link_whose_label_looks_like_another_address_shows_its_own(markdown: str, shown: str) -> None:
    assert discord.render(markdown) == [shown]
    address = markdown.partition("(")[2].rstrip(")")
    (chunk,) = slack.render(markdown)
    if not shown.startswith("["):
        assert chunk.blocks[0]["text"] == f"[{shown}]({address})"
