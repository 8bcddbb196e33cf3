"""Text files are read in whatever encoding people's programs wrote them."""

from __future__ import annotations

import codecs

import pytest

from runner.tools.files import decoded
from runner.tools.tool import ToolError

GERMAN = "Größe;Länge\nStraße über die Brücke;3\nÄpfel, Öl und süße Früchte\n" * 5
JAPANESE = "こんにちは、世界。売上の報告書をお送りします。\n鳩は平和の象徴です。\n" * 5
RUSSIAN = "Привет, голуби летят над городом. Отчёт о продажах приложен.\n" * 5


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-32"),
        (GERMAN, "cp1252"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        ("", "utf-8"),
    ],
)
def test_a_text_is_read_in_its_encoding(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding), "a.txt")[0] == text


def test_a_mark_alone_and_a_cut_text_are_no_trouble() -> None:
    assert decoded(codecs.BOM_UTF16_LE, "a.txt")[0] == ""
    assert decoded(GERMAN.encode("utf-16")[:-1], "a.txt")[0].startswith("Größe")


@pytest.mark.parametrize(
    "data", [b"\x7fELF\0\0\1\xff\xfe\0" * 50, b"PK\x03\x04\x14\0\0\0\x08\0\xff\xfa\x9b" * 50]
)
def test_what_is_no_text_is_called_so(data: bytes) -> None:
    with pytest.raises(ToolError, match="is not a text file"):
        decoded(data, "a.bin")
