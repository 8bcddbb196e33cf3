"""What is shown of a find: the part around the first word, every word marked, as it was written."""

from __future__ import annotations

import time

import pytest

from host.web import search


def shown(said: str, *words: str) -> str:
    return "".join(f"[{piece}]" if asked else piece for piece, asked in search._pieces(said, words))


@pytest.mark.parametrize(
    ("said", "words", "expected"),
    [
        ("the kestrel is here", ("kestrel",), "the [kestrel] is here"),
        ("Kestrel, KESTREL", ("kestrel",), "[Kestrel], [KESTREL]"),
        ("the café opens", ("CAFE",), "the [café] opens"),
        ("Straße", ("strasse",), "[Straße]"),
        ("日本語のテスト", ("テスト",), "日本語の[テスト]"),
        ("a b c", ("c", "a"), "[a] b [c]"),
        ("<script>x</script>", ("script",), "<[script]>x</[script]>"),
        ("no such word", ("kestrel",), "no such word"),
        ("", ("kestrel",), ""),
        ("kestrels", ("kest", "kestrels"), "[kestrels]"),
        ("I\u0307stanbul", ("istanbul",), "[I\u0307stanbul]"),
        ("ﬁne", ("fine",), "[ﬁne]"),
        ("nach Łódź", ("lodz",), "nach [Łódź]"),
        ("대한민국", ("민국",), "대한[민국]"),
        ("ガラス", ("カ",), "[ガ]ラス"),
        ("대한민국", ("한민구",), "대[한민국]"),
    ],
)
def test_words_are_marked_as_they_were_written(said: str, words: tuple[str, ...], expected: str) -> None:
    assert shown(said, *words) == expected


def test_of_a_long_message_the_part_around_the_first_word_is_shown() -> None:
    said = "é" * 5_000 + " kestrel " + "ü" * 5_000
    told = shown(said, "kestrel")
    assert told.startswith("… é")
    assert told.endswith("ü …")
    assert " [kestrel] " in told
    assert len(told) < 3 * search.AROUND


def test_a_megabyte_costs_no_more_than_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    plain = search._plain

    def counted(text: str) -> object:
        looked.append(len(text))
        return plain(text)

    monkeypatch.setattr(search, "_plain", counted)
    said = "x " * 500_000 + "kestrel" + " y" * 500_000
    began = time.thread_time()
    assert "[kestrel]" in shown(said, "kestrel")
    assert sum(looked) <= search.LONG + 20
    assert time.thread_time() >= began


@pytest.mark.parametrize("said", ["\ud800 kestrel", "kestrel\x00", "\u202ekestrel\u202c", "k\u0301estrel"])
def test_odd_characters_stand_where_they_stood(said: str) -> None:
    assert shown(said, "kestrel").replace("[", "").replace("]", "") == said
    assert "[" in shown(said, "kestrel")


def page(*ids: int, older: int = 0) -> search.Result:
    return search.Result([search.Found(id_, "s", id_, 0, "", "", []) for id_ in ids], older)


@pytest.mark.parametrize(
    ("results", "ids", "older"),
    [
        ([page(), page()], [], 0),
        ([page(5, 3), page(4)], [5, 4, 3], 0),
        ([page(9, 7, older=7), page(8, 6, 1)], [9, 8, 7], 7),  # below 7 the first may have more
        ([page(*range(80, 40, -2), older=42), page(*range(79, 39, -2), older=41)], [*range(80, 60, -1)], 61),
        ([page(*range(60, 40, -1), older=41), page(99)], [99, *range(60, 41, -1)], 42),
    ],
)
def test_one_page_of_what_several_nodes_found_leaves_nothing_out_between_two(
    results: list[search.Result], ids: list[int], older: int
) -> None:
    merged = search.merged(results)
    shown = [one.id for one in merged.found]
    assert shown == ids
    assert merged.older == older
