"""Questions that wait for a click: kept over a restart, and forgotten with whoever might have answered."""

from __future__ import annotations

from pathlib import Path

from bots.discord.questions.book import Asked, QuestionBook
from sessiondb import Address

EVE, BOB = "200", "300"


def asked(*audience: str, words: str = "Yes") -> Asked:
    return Asked("m1", Address("discord", "10", "20"), (words,), False, audience, 0)


def kept(folder: Path) -> dict[str, Asked | None]:
    book = QuestionBook(folder)
    return {path.stem: book.get(path.stem) for path in sorted(folder.glob("*.json"))}


def test_a_question_is_found_by_its_key_after_a_restart(tmp_path: Path) -> None:
    QuestionBook(tmp_path / "questions").put("ab", asked(EVE))
    assert kept(tmp_path / "questions") == {"ab": asked(EVE)}
    assert QuestionBook(tmp_path / "questions").get("cd") is None


def test_who_is_forgotten_may_answer_nothing_any_more_and_others_still_may(tmp_path: Path) -> None:
    book = QuestionBook(tmp_path)
    book.put("a1", asked(EVE, words="for Eve alone"))
    book.put("a2", asked(EVE, BOB))
    book.put("a3", asked(BOB))
    book.put("a4", asked())  # everybody in the channel
    book.put("a5", asked(words="in her direct messages"))
    book.put("a6", asked(f"{EVE}1"))  # somebody whose id begins with hers
    book.forget(EVE, {"a5"})
    assert kept(tmp_path) == {"a2": asked(BOB), "a3": asked(BOB), "a4": asked(), "a6": asked(f"{EVE}1")}
    book.forget(EVE, set())  # again changes nothing
    assert len(kept(tmp_path)) == 4


def test_what_cannot_be_read_says_nobody_and_goes_with_whoever_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "b1.json").write_text("{cut")
    QuestionBook(tmp_path).forget(EVE, set())
    assert kept(tmp_path) == {}


def test_a_book_that_was_never_written_forgets_nothing(tmp_path: Path) -> None:
    QuestionBook(tmp_path / "none").forget(EVE, {"a"})
    assert not (tmp_path / "none").exists()
