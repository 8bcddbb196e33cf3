"""What pictures and PDFs cost at most, by their bytes."""

from __future__ import annotations

import io
from base64 import b64encode

import pytest
from pypdf import PdfReader, PdfWriter

from host.gateway import measures, prices
from tests.support.files import noise, pdf, picture


def tokens(kind: str, data: bytes) -> int:
    return measures.tokens(kind, b64encode(data).decode())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("size", [(1_000, 750), (300, 1_200), (3, 3), (9_000, 6_000)])
def test_a_picture_is_its_pixels_with_a_floor_and_a_most(kind: str, size: tuple[int, int]) -> None:
    expected = max(measures.PICTURE_LEAST, min(measures.PICTURE_MOST, -(-size[0] * size[1] // 750)))
    assert tokens("image", picture(*size, kind)) == expected


def test_webp_says_its_size_in_three_ways() -> None:
    for more in ({"lossless": True}, {"quality": 50}, {"lossless": True, "exif": b"Exif\0\0"}):
        assert tokens("image", picture(750, 100, "WEBP", **more)) == 100


def test_a_heavy_photo_costs_cents_not_dollars() -> None:
    photo = noise(1_060, 1_060)
    assert len(photo) > 3_300_000
    assert tokens("image", photo) == 1_499
    assert prices.upper_bound(1_499, 0, prices.UNKNOWN) < 15_000  # millionths of a dollar


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF0000WEBPVP8 ", b"no picture", b"\xff\xd8\xff"]
)
def test_what_does_not_say_its_size_is_as_large_as_can_be(data: bytes) -> None:
    assert tokens("image", data) == measures.PICTURE_MOST


def test_pages_are_counted_plain_and_packed() -> None:
    assert measures.pages(pdf(7)) == 7
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(7))))
    made = io.BytesIO()
    writer.write(made)
    assert measures.pages(made.getvalue()) == 7
    assert tokens("document", pdf(1)) == measures.PAGE


def test_a_document_has_at_least_a_page_and_what_cannot_be_counted_goes_by_its_bytes() -> None:
    assert measures.pages(b"") == 1
    assert measures.pages(b"%PDF-1.7 " + bytes(1_000_000)) == 11
    assert measures.pages(b"/Count 999999") == measures.PAGES_MOST


def test_pages_in_packed_objects_are_seen() -> None:
    import zlib

    packed = zlib.compress(b"<</Type/Page>> <</Type/Page>> <</Type/Pages/Count 2>>")
    assert measures.pages(b"%PDF-1.7\n1 0 obj<</Type/ObjStm/N 3/Filter/FlateDecode>>stream\n" + packed) == 2
