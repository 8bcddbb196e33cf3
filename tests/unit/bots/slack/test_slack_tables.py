"""Tables of answers as Slack's data tables."""

from __future__ import annotations

import pytest

from bots.slack.reading import blocks
from bots.slack.reading.names import Names
from bots.slack.sending.tables import tabled

LOFTS = "| Loft | Birds | Note |\n| --- | --: | --- |\n| North | 1,204 | **good** |\n| South | 3.5 |  |"


def test_a_table_stands_between_its_words_and_numbers_are_numbers() -> None:
    found = tabled(f"Birds:\n\n{LOFTS}\n\nThat is all.")
    assert found is not None
    before, table, after = found
    assert (before["text"], after["text"]) == ("Birds:", "That is all.")
    assert (table["type"], table["caption"], table["page_size"]) == ("data_table", "Loft, Birds, Note", 2)
    head, north, south = table["rows"]
    assert {cell["type"] for cell in head} == {"raw_text"}
    assert north[:2] == [
        {"type": "raw_text", "text": "North"},
        {"type": "raw_number", "value": 1204, "text": "1,204"},
    ]
    assert north[2]["elements"][0]["elements"] == [{"type": "text", "text": "good", "style": {"bold": True}}]
    assert south[1:] == [
        {"type": "raw_number", "value": 3.5, "text": "3.5"},
        {"type": "raw_text", "text": " "},
    ]


def test_what_an_agent_reads_back_is_the_table() -> None:
    read = blocks.text(tabled(LOFTS), Names({}, {}, "U1"))
    assert read.splitlines()[1:] == [
        "| Loft | Birds | Note |",
        "| --- | --- | --- |",
        "| North | 1,204 | **good** |",
        "| South | 3.5 |  |",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "no table",
        "| a |\n| - |",
        f"{LOFTS}\n\nand\n\n{LOFTS}",
        f"```\n{LOFTS}\n```",
        "> " + LOFTS.replace("\n", "\n> "),
        "| a |\n| --- |\n" + "| 1 |\n" * 101,
        "|" + " a |" * 21 + "\n|" + " --- |" * 21 + "\n|" + " 1 |" * 21,
        "| a |\n| --- |\n| " + "x" * 10_000 + " |",
    ],
)
def test_what_has_no_table_that_fits_stays_as_it_is(text: str) -> None:
    assert tabled(text) is None


def test_no_cell_notifies_anybody() -> None:
    table = tabled("| <!channel> | b |\n| --- | --- |\n| @here | *<!everyone>* |")
    assert table is not None
    assert not any(mass in str(table) for mass in ("<!channel>", "@here", "<!everyone>"))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (("1.234", "950", "12,5"), [1234, 950, 12.5]),
        (("1.234.567", "2.500"), [1234567, 2500]),
        (("1,234", "950", "12.5"), [1234, 950, 12.5]),
        (("1.234", "950"), [1.234, 950]),  # nothing says that it is read otherwise
    ],
)
def test_a_column_is_read_as_its_clearest_number_is_written(
    column: tuple[str, ...], values: list[float]
) -> None:
    lines = "\n".join(f"| x | {text} |" for text in column)
    found = tabled(f"| a | b |\n| - | - |\n{lines}")
    assert found is not None
    cells = [row[1] for row in found[0]["rows"][1:]]
    assert [cell["value"] for cell in cells] == values
    assert [cell["text"] for cell in cells] == list(column)
