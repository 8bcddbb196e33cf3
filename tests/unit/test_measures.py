"""Small and clear, in figures: what a reader of the tree may count on, over everything that is shipped."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median, quantiles

import pytest

pytestmark = pytest.mark.xdist_group("sources")

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("bots", "host", "runner", "sessiondb")
MIDDLE_MODULE, LARGEST_MODULE = 120, 500  # lines
LONG_FUNCTION = 20  # lines that nine functions of ten have at most
BROAD_PER_THOUSAND = (
    0.8  # `except Exception` in a thousand lines: at the boundaries of tasks and nowhere else
)
TESTS_TO_SOURCE = 1.2  # lines of tests, with the texts that they compare with, to each line that is shipped
TEXTS = {".py", ".md", ".txt", ".json"}
LONGEST_FUNCTION = 60  # lines; a longer one asks for a split
EVERYTHING = {"Exception", "BaseException"}
Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def sources() -> Iterator[tuple[str, str]]:
    """Each module that says something, and its text."""
    for package in SHIPPED:
        for path in sorted((ROOT / package).rglob("*.py")):
            if text := path.read_text("utf-8"):
                yield path.relative_to(ROOT).as_posix(), text


@cache
def parts() -> list[tuple[str, ast.AST]]:
    """Every function and every handler, with its module."""
    return [
        (name, node)
        for name, text in sources()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (*Function, ast.ExceptHandler))
    ]


def test_modules_are_short() -> None:
    lengths = {name: len(text.splitlines()) for name, text in sources()}
    assert {name: length for name, length in lengths.items() if length > LARGEST_MODULE} == {}
    assert median(lengths.values()) <= MIDDLE_MODULE


def test_nine_functions_of_ten_are_seen_at_a_glance() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for _, node in parts()
        if isinstance(node, Function)
    ]
    assert quantiles(lengths, n=10)[-1] <= LONG_FUNCTION


def test_no_function_is_longer_than_a_page() -> None:
    long = [
        f"{name}: {node.name}"
        for name, node in parts()
        if isinstance(node, Function) and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_there_is_more_test_than_source() -> None:
    shipped = sum(len(text.splitlines()) for _, text in sources())
    tested = sum(
        len(path.read_text("utf-8").splitlines())
        for path in (ROOT / "tests").rglob("*")
        if path.suffix in TEXTS and path.is_file()
    )
    assert tested / shipped >= TESTS_TO_SOURCE


def test_few_handlers_catch_everything() -> None:
    broad = [name for name, node in parts() if _is_broad(node)]
    lines = sum(len(text.splitlines()) for _, text in sources())
    assert len(broad) * 1000 / lines <= BROAD_PER_THOUSAND, broad


def _is_broad(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    if isinstance(last := node.body[-1], ast.Raise) and last.exc is None:
        return False  # it only cleans up: nothing is caught
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(one is None or (isinstance(one, ast.Name) and one.id in EVERYTHING) for one in caught)
