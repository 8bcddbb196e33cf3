import pytest

from bots.markup import clean, discord

ZERO = clean.ZERO


def shown(markdown: str, *, keep: set[str] | None = None) -> str:
    (message,) = discord.render(markdown, keep=keep or ())
    return message


@pytest.mark.parametrize(
    "markdown",
    [
        "# Title\n\nHere is **bold _both_** and `code`.\n\n- done\n  1. inner",
        "Sizes: 2 * 3, snake_case, https://e.org/a_b?c=d&e=f, f(x), [1].",
        "1. First\n   ```sh\n   make\n   ```\n   after\n2. Second",
    ],
)
def test_ordinary_markdown_goes_out_as_it_came(markdown: str) -> None:
    assert shown(markdown) == markdown


def test_a_table_is_aligned_by_what_its_cells_take_on_the_screen() -> None:
    assert shown("| Name | n | 日本 |\n|:--|--:|:-:|\n| é | 10 | x |\n| `a\\|b` | 7 | 日本語 |") == (
        "```\nName   n   日本\n────  ──  ──────\né     10    x\na|b    7  日本語\n```"
    )


def test_a_wide_table_or_one_with_links_becomes_records() -> None:
    assert (
        shown("| repo | at |\n|-|-|\n| a | [x](https://e.org) |")
        == "- **repo**: a\n  **at**: [x](https://e.org)"
    )
    assert shown(f"| a | b |\n|-|-|\n| {'x' * 80} | {'y' * 30} |").startswith("- **a**: xxx")


def test_headings_below_the_third_level_and_in_items_are_bold() -> None:
    assert shown("### a\n\n#### b *c*\n\n- # d") == "### a\n\n**b _c_**\n\n- **d**"


def test_what_only_discord_reads_as_markup_is_escaped() -> None:
    assert shown("||x|| a__b__c <x:e:1>") == r"\|\|x\|\| a\_\_b\_\_c \<x:e:1>"
    assert shown("-# small") == r"\-# small"
    assert shown(r"\# no heading") == r"\# no heading"


def test_mass_and_role_mentions_are_broken_wherever_they_stand() -> None:
    assert shown("@everyone `@here` <@&1>") == f"@{ZERO}everyone `@{ZERO}here` \\<{ZERO}@&1>"
    assert shown("```\n@everyone <@&1>\n```") == f"```\n@{ZERO}everyone <{ZERO}@&1>\n```"
    assert shown("| @here |\n|-|\n| <@&1> |") == f"```\n@{ZERO}here\n─────\n<{ZERO}@&1>\n```"


def test_only_listed_people_and_channels_are_mentioned() -> None:
    assert shown("<@1> <#2> <@3>", keep={"1", "2"}) == f"<@1> <#2> \\<{ZERO}@3>"


def test_links_that_discord_would_not_show_have_their_address_in_words() -> None:
    assert shown("[mail](mailto:a@b.c)") == "mail (mailto:a@b.c)"
    assert shown("[https://bank.com](https://e.org)") == "https://bank.com (https://e.org)"
    assert shown("![cat](https://e.org/a_(b).png)") == "[cat](https://e.org/a_%28b%29.png)"


def test_nested_quotes_are_one_quote_and_boxes_are_drawn() -> None:
    assert shown("> a\n> > b") == "> a\n>\n> b"
    assert shown("- [x] a\n- [ ] b\n  > c") == "- ☑ a\n- ☐ b\n\n  c"


def test_a_long_code_block_is_closed_and_opened_again_with_its_language() -> None:
    messages = discord.render("1. look\n\n   ```py\n" + "   value = 'x'\n" * 300 + "   ```\n   and go on")
    assert len(messages) > 1
    assert all(message.count("```") == 2 for message in messages)
    assert messages[1].startswith("1. …\n   ```py\n   value = 'x'\n")
    assert messages[-1].endswith("```\n   and go on")


def test_backticks_in_a_code_block_do_not_end_it() -> None:
    assert shown("````\n```\n````") == f"```\n`{ZERO}``\n```"


def test_inbound_names_everything_that_has_an_id() -> None:
    text = "<@1> <@!2> <#3> <@&4> <:dove:5> <a:fly:6> <t:0:R> <@7> <t:99999999999999>"
    names = {"1": "dove", "2": "ann", "&4": "team"}
    assert discord.inbound(text, names, {"3": "general"}, "1") == (
        "@dove @ann #general @team :dove: :fly: 1970-01-01 00:00 UTC @7 <t:99999999999999>",
        True,
    )


def test_a_megabyte_is_cut_into_messages() -> None:
    messages = discord.render("word " * 200_000)
    assert sum(message.count("word") for message in messages) == 200_000
    assert max(map(clean.units, messages)) <= 2_000


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("see https://a.example/x?y=1 now", "see <https://a.example/x?y=1> now"),
        ("[a page](https://a.example)", "[a page](<https://a.example>)"),
        ("<https://a.example> and http://b.example", "<https://a.example> and <http://b.example>"),
        ("no address", "no address"),
        ("<https://a.example/(b)>", "<https://a.example/(b)>"),
        (r"\<https://a.example>", r"\<<https://a.example>>"),
        (r"\https://a.example", "\\\u200b<https://a.example>"),
    ],
)
def test_an_address_in_brackets_is_not_fetched(text: str, quiet: str) -> None:
    assert discord.unfetched(text) == quiet


def test_a_text_with_addresses_stays_within_a_message() -> None:
    assert len(discord.unfetched("https://a.example " * 110)) <= discord.CHUNK


def test_what_is_shown_as_it_was_written_calls_nobody_and_hides_no_address() -> None:
    hostile = "*a* @everyone <@&7> <@7> [https://good.example](https://evil.example)"
    [said] = discord.as_written(hostile)
    assert said == (
        "*a* @\u200beveryone <\u200b@&7> <\u200b@7> [https://good.example]\u200b(https://evil.example)"
    )
    assert discord.as_written("") == []
    assert [len(chunk) for chunk in discord.as_written("x" * 5_000, limit=1_900)] == [1_900, 1_900, 1_200]
