"""Patterns of routes: found as Python finds them, and in bounded time, whatever the text."""

from __future__ import annotations

import re
import time

import pytest

from host.config import patterns
from host.config.patterns import PatternError

SLOW = [r"^(\w+\s?)*\?$", r"(a+)+b", r"(a|aa)+$", r"(.*)*x", r".*a.*b.*c.*d.*e", r"(?i)(\s*\S+\s*)+!\?"]


@pytest.mark.parametrize("pattern", SLOW)
def test_no_pattern_takes_longer_than_the_text_is_long(pattern: str) -> None:
    """A look back takes more than the time of the universe for these."""
    patterns.compiled(pattern)
    for text in ("a" * 4_000, "a b " * 1_000, "äb " * 1_300):
        begun = time.thread_time()
        patterns.found(pattern, f"{text}!")
        assert time.thread_time() - begun < 0.5


@pytest.mark.parametrize(
    "pattern",
    [
        "(?i)deploy",
        r"^\w+$",
        r"\W",
        r"[\w-]+@[\w.]+",
        r"\d{3}",
        r"\D\d\D",
        r"a\sb",
        r"\S\s\S",
        r"[^\s\d]x",
        r"\bbug\b",
        r"(?P<n>bug|issue)\s*#?\d+\Z",
        r"[]x]",
        r"[^]x]",
        r"\u00fcber",
        "(?i)ÜBER",
        "(?im)^bug$",
        r"\[x\]",
        "[\\]x]",
        r"a{2,3}",
    ],
)
def test_a_pattern_finds_what_python_finds(pattern: str) -> None:
    texts = [
        "",
        "Deploy it",
        "Übung",
        "über 3",
        "a b",
        "a\u00a0b",
        "a\x0bb",
        "٣٤٥",
        "ada@dove.example",
        "bug #12",
        "a bug!",
    ]
    texts += ["[x]", "]", "x", "日本語", "a_b", "-", "debug", "aaa", "no\nBUG\nhere", "é", "e\u0301"]
    assert [text for text in texts if patterns.found(pattern, text)] == [
        text for text in texts if re.search(pattern, text)
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)",
        "(?<!a)b",
        r"(a)\1",
        "(?P<a>b)(?P=a)",
        "a++",
        "(?>a)",
        "a{2000}",
        r"[\W]",
        r"\bÜ",
        r"\b(?:ошибка|сбой)\b",
        r"\b[а-я]+",
        "a{,3}b",
        "(?x) a",
    ],
)
def test_what_cannot_be_found_in_bounded_time_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        patterns.compiled(pattern)
