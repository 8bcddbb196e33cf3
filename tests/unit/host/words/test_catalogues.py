"""Whatever the host says is marked so that it can be found, and every language has all of it."""

from __future__ import annotations

import re

import pytest

from host.words.catalogues import parsed, placeholders
from tests.support import words

pytestmark = pytest.mark.xdist_group("sources")
LANGUAGES = sorted(words.PLURALS)


def test_every_marked_sentence_is_a_literal_and_gets_the_values_that_stand_in_it() -> None:
    assert [f"{one.file}:{one.line}: {one.problem}" for one in words.sentences() if one.problem] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_what_is_marked_and_nothing_else(language: str) -> None:
    """`make words` brings it up to date."""
    assert (words.LOCALE / f"{language}.po").read_text("utf-8") == words.written(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated(language: str) -> None:
    found = parsed((words.LOCALE / f"{language}.po").read_text("utf-8"))
    assert [sentence for sentence, translation in found.items() if not translation] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_translation_has_the_values_of_its_sentence(language: str) -> None:
    found = parsed((words.LOCALE / f"{language}.po").read_text("utf-8"))
    differ = {
        sentence: form
        for sentence, translation in found.items()
        if sentence
        for form in translation.split("\0")
        if placeholders(form) | {"count"} != placeholders(sentence.rpartition("\0")[2]) | {"count"}
    }
    assert differ == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_what_is_written_as_code_and_the_sign_in_front(language: str) -> None:
    """What people are told to type is the same in every language."""
    found = parsed((words.LOCALE / f"{language}.po").read_text("utf-8"))
    differ = [
        (sentence, form)
        for sentence, translation in found.items()
        if sentence
        for form in translation.split("\0")
        if sorted(sentence.rpartition("\0")[2].split("`")[1::2]) != sorted(form.split("`")[1::2])
        or (sentence[:1] in "⚠⏸▶🔐✅⏳✓○" and form[:1] != sentence[:1])
    ]
    assert differ == []


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_signs_between_characters_are_as_wide_as_these(language: str) -> None:
    wide = "\u3040-\u30ff\u4e00-\u9fff"
    narrow = re.compile(rf"[{wide}][:,;!?](?:[ {{]|$)|[:,;!?][{wide}]")
    entries = parsed((words.LOCALE / f"{language}.po").read_text("utf-8"))
    assert [text for text in entries.values() if narrow.search(text)] == []
