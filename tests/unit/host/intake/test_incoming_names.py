"""What a stranger calls a file becomes a plain name that every file system takes."""

from __future__ import annotations

import unicodedata

import pytest

from host.intake.incoming import safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a/b\\c.png", "a_b_c.png"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("...", "file"),
        ("", "file"),
        ("a\nb\x00c.png", "a_b_c.png"),
        ("\ud800.png", "_.png"),
        ("日本.png", "日本.png"),
    ],
)
def test_what_is_no_part_of_a_plain_name_is_replaced(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_mac_s_way_of_writing_accents_is_everybody_s() -> None:
    assert safe_name(unicodedata.normalize("NFD", "Résumé.pdf")) == "Résumé.pdf"


@pytest.mark.parametrize("letter", ["x", "日", "𝐁"])
@pytest.mark.parametrize("count", [70, 400])
def test_a_long_name_fits_a_folder_in_bytes_and_keeps_its_ending(letter: str, count: int) -> None:
    made = safe_name(letter * count + ".png")
    assert len(f"12-{made}".encode()) <= 255
    assert made.endswith(f"{letter}.png")
    assert len(f"12-{safe_name('.' + 'a.' + letter * count)}".encode()) <= 255
    assert len(f"12-{safe_name(letter * count)}".encode()) <= 255
