"""Which agent a message calls by its name: at the beginning, whole, set off, in every script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.intake.called import agent

NAMES = {
    "ada": ("ada", "Ada Lovelace"),
    "bea": ("bea", ""),
    "hana": ("hana", "花子"),
    "ko": ("花",),
    "ali": ("علي",),
    "jose": ("José",),
    "sophia": ("Σοφία",),
    "somchai": ("สมชาย",),
    "kim": ("지민",),
    "priya": ("प्रिया",),
}


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("Ada, what about it?", "ada"),
        ("ADA: what about it?", "ada"),
        ("Ada!", "ada"),
        ("ada", "ada"),
        ("Ada\nwhat about it?", "ada"),
        ("Ada — what about it?", "ada"),
        ("  Ada , what about it?", "ada"),
        ("@ada what about it?", "ada"),
        ("@Ada: what about it?", "ada"),
        ("@ada. What about it?", "ada"),
        ("@ada", "ada"),
        ("＠ａｄａ what about it?", "ada"),
        ("Ａｄａ、これは？", "ada"),
        ("Ada Lovelace, what about it?", "ada"),
        ("@Ada Lovelace what about it?", "ada"),
        ("\u200eAda, what about it?", "ada"),
        ("Bea, ask Ada.", "bea"),
        ("花子、これはどう？", "hana"),
        ("花子さん、お願いします", "hana"),
        ("花子：これ", "hana"),
        ("花子　これはどう", "hana"),
        ("@花子これはどう", "hana"),
        ("@花子さんこれはどう", "hana"),
        ("花、これ", "ko"),
        ("علي، ما رأيك؟", "ali"),
        ("José, ¿qué tal?", "jose"),
        (unicodedata.normalize("NFD", "JOSÉ! ¿qué tal?"), "jose"),
        ("ΣΟΦΊΑ, τι λες;", "sophia"),
        ("สมชาย ช่วยหน่อย", "somchai"),
        ("지민님, 어때요?", "kim"),
        ("प्रिया, क्या हाल है?", "priya"),
    ],
)
def test_a_name_in_front_that_is_set_off_calls_its_agent(said: str, called: str) -> None:
    assert agent(said, NAMES) == called


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Adam, what about it?",
        "@adam what about it?",
        "Ada is out today",
        "Ada's idea, by the way",
        "@ada's idea",
        "ada-bot, what about it?",
        "@ada-bot what about it?",
        "ada.py, line 3",
        "@ada.example is down",
        "@ada@example.org wrote",
        "ada:8080 does not answer",
        "Adá, what about it?",
        "Jose, what about it?",
        "Hi Ada, what about it?",
        "> Ada, what about it?",
        "`Ada, what`",
        "https://ada.example, look",
        "花子さんが来た",
        "花子たち、どう？",
        "花園、どう？",
        "علياء، ما رأيك؟",
    ],
)
def test_what_is_said_about_somebody_or_in_other_words_calls_nobody(said: str) -> None:
    assert agent(said, NAMES) == ""


def test_two_agents_of_one_name_are_not_told_apart_by_it() -> None:
    both = {"north": ("north", "Clerk"), "south": ("south", "Clerk")}
    assert agent("Clerk, look", both) == ""
    assert agent("South, look", both) == "south"


@given(st.text(), st.sampled_from(sorted(NAMES)))
def test_any_text_is_judged_and_one_agent_at_most_is_called(said: str, name: str) -> None:
    assert agent(said, NAMES) in {"", *NAMES}
    assert agent(f"x{NAMES[name][0]}, {said}", NAMES) == "", "inside another word"
