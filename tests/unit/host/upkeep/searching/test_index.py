"""The index of one scope: what is found, in which order, by which questions; and what is not any more."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from host.upkeep.searching import index
from host.upkeep.searching.index import Hit, Index, Marks, Said, TooMuch

S1, S2 = "s" + "1" * 20, "s" + "2" * 20


def filled(path: Path, *texts: str) -> None:
    with closing(Index(path)) as found:
        found.put(S1, Marks(9, 8, 7), [Said(2 * n, 1_000 + n, text) for n, text in enumerate(texts, 1)])


def seqs(path: Path, question: str, before: int = 0, most: int = 10) -> list[int]:
    return [hit.seq for hit in index.find([path], index.asked(question), before, most)]


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("Deploy the café to production", "cafe"),
        ("Deploy the café to production", "PRODUCTION deploy"),
        ("an e-mail to ada@example.com", "ada@example.com"),
        ("the file host/web/page.py", "page.py"),
        ("日本語のテストを書く", "テスト"),
        ("日本語のテストを書く", "日本"),
        ("我们明天部署", "部署"),
        ("ภาษาไทยง่ายมาก", "ไทย"),
        ("Straße nach Łódź", "straße"),
        ("Straße nach Łódź", "strasse lodz"),
        ("STRASSE", "straße"),
        ("Smørrebrød på Ærø", "smorrebrod aero"),
        ("cafe\u0301 with a mark of its own", "café"),
        ("Ａ ﬁne ＦＵＬＬ ｶﾞﾗｽ", "fine full ガラス"),
        ("the kestrel is here", "kes"),
        ("the kestrel is here", "he kestr"),
        ("invoices.pdf", "invoices.p"),
        ("人々が東京へ", "人々"),
        ("人々が東京へ", "京へ"),
        ("ガギグ", "ギ"),
        ("대한민국에서 만나요", "민국"),
        ("대한민국에서 만나요", "한민구"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8어", "한국"),
        ("हिन्दी में लिखो", "हिन्दी"),
        ("İstanbul ve Iğdır", "istanbul igdir"),
        ("Ελλάδα, ΟΔΟΣ", "οδος ελλαδα"),
        ("Tiếng Việt", "tieng viet"),
        ("привет, мир", "МИР"),
        ("مرحبا بالعالم", "مرحبا"),
        ("it is 10 % of C++ and #general", "C++ #general 10"),
        ("a \x00 b", "a b"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
    ],
)
def test_words_are_found_whatever_their_script(tmp_path: Path, said: str, question: str) -> None:
    filled(tmp_path / "a.db", "something else", said)
    assert seqs(tmp_path / "a.db", question) == [4]


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("kestrel", "estrel"),
        ("kestrel", "kestrels"),
        ("はた", "はだ"),
        ("国中", "中国"),
        ("x-ray", "x-rays"),
        ("kestrel", "k"),
    ],
)
def test_what_only_looks_alike_is_not_found(tmp_path: Path, said: str, question: str) -> None:
    filled(tmp_path / "a.db", said)
    assert seqs(tmp_path / "a.db", question) == []


@pytest.mark.parametrize(
    "question",
    [
        'said: "x"',
        "NEAR(kestrel osprey)",
        "kestrel NOT osprey",
        "kestrel AND",
        "OR",
        '"kestrel',
        'kest"rel',
        "kestrel*",
        "^kestrel",
        "-kestrel",
        "{said}: kestrel",
        "(kestrel",
        "kestrel)",
        "kestrel + osprey + wren",
        "'; DROP TABLE docs; --",
        "kestrel\x00osprey",
        "\\",
        "words MATCH 'x'",
    ],
)
def test_the_language_of_the_index_is_plain_words(tmp_path: Path, question: str) -> None:
    """Nothing of it is an operator, none is an error, and each is found where it was said."""
    path = tmp_path / "a.db"
    filled(path, "osprey", f"before {question} behind", "kestrel")
    if index.asked(question):
        assert 4 in seqs(path, question)
        assert 2 not in seqs(path, question)


@pytest.mark.parametrize("question", ["", " ", "***", '"" "', "- - -", "🙂", "\x00", "()"])
def test_what_has_no_word_asks_for_nothing(question: str) -> None:
    assert index.asked(question) == ""


def test_a_question_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    filled(path, " ".join(f"w{n}" for n in range(1_000)))
    assert index.asked("w " * 10_000).count('"') == 2 * index.MOST_WORDS
    assert seqs(path, " ".join(f"w{n}" for n in range(1_000))) == [2]


def test_the_latest_is_first_and_pages_by_key_hold_each_once(tmp_path: Path) -> None:
    paths = [tmp_path / "a.db", tmp_path / "b.db"]
    for number, path in enumerate(paths):
        with closing(Index(path)) as found:
            found.put(S1, Marks(), [Said(2 * n, 5_000 + n // 7, "same words") for n in range(1, 40 + number)])
    got: list[Hit] = []
    before = 0
    while hits := index.find(paths, index.asked("words same"), before, 7):
        got += hits
        before = hits[-1].id
    assert len(got) == len({(hit.scope, hit.seq) for hit in got}) == 79
    times = [hit.id >> index.PLACES for hit in got]
    assert times == sorted(times, reverse=True)
    assert {hit.scope for hit in got} == {"a", "b"}


def test_what_is_put_again_is_replaced_and_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    filled(path, "kestrel", "osprey")
    with closing(Index(path)) as found:
        assert found.marks(S1) == Marks(9, 8, 7)
        assert found.marks(S2) == Marks()
        found.put(S1, Marks(1, 2, 3), [Said(2, 1_001, "wren"), Said(2, 1_001, "heron")])
        found.put(S2, Marks(1, 2, 3), [Said(2, 9_000, "wren")])
        assert found.sessions() == [S1, S2]
    assert (seqs(path, "kestrel"), seqs(path, "wren"), seqs(path, "heron")) == ([], [2, 2], [2])
    with closing(Index(path)) as found:
        found.forget(S1)
        assert found.sessions() == [S2]
    assert seqs(path, "osprey") == []
    assert [hit.session for hit in index.find([path], index.asked("wren"), 0, 9)] == [S2]


def test_what_is_older_than_is_kept_goes_in_portions(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(Index(path)) as found:
        found.put(S1, Marks(), [Said(2 * n, n, "word") for n in range(1, 1_200)])
        portions = 1
        while found.forget_before(1_100):
            portions += 1
        assert portions == 3
    assert len(seqs(path, "word", most=2_000)) == 100


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4_000])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(damage)
    assert seqs(path, "word") == []
    filled(path, "a word")
    assert seqs(path, "word") == [2]
    assert seqs(tmp_path / "none.db", "word") == []
    index.remove(path)
    index.remove(path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_version_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    filled(path, "word")
    with closing(Index(path)) as found:
        found._connection.pragma("user_version", index.VERSION + 1)
    assert seqs(path, "word") == []
    filled(path, "words", "other")
    assert (seqs(path, "words"), seqs(path, "other")) == ([2], [4])


def test_a_question_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    filled(path, *["many words are here"] * 20_000)
    monkeypatch.setattr(index, "LONGEST", -1.0)
    with pytest.raises(TooMuch):
        index.find([path], index.asked("many words"), 0, 100_000)
