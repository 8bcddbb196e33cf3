"""The table of what Slack and Discord have: each row is tried by tests that exist, and says why where the two differ."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "alike.md"
LINK = re.compile(r"\[(Slack|Discord)\]\(\.\./(tests/[\w/]+\.py)#(\w+)\)")
LACKS = ("no", "not yet")


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def functions_of(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text("utf-8")))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_table_has_rows_and_no_row_twice() -> None:
    names = [row[0] for row in rows()]
    assert len(names) > 20
    assert len(set(names)) == len(names)
    assert {len(row) for row in rows()} == {5}


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row[0])[:40])
def test_each_row_names_a_test_for_each_platform_that_has_it(row: list[str]) -> None:
    _, slack, discord, _, tried = row
    links = {platform: (file, name) for platform, file, name in LINK.findall(tried)}
    has = {name for name, cell in (("Slack", slack), ("Discord", discord)) if cell not in LACKS}
    assert set(links) == has
    for file, name in links.values():
        assert name in functions_of(ROOT / file)


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row[0])[:40])
def test_where_the_two_differ_the_row_says_why_and_nowhere_else(row: list[str]) -> None:
    _, slack, discord, why, _ = row
    assert bool(why) == (slack != discord)


def test_both_sides_pages_lead_to_the_table() -> None:
    for page in ("slack.md", "discord.md"):
        assert "(alike.md)" in (ROOT / "docs" / page).read_text("utf-8")
