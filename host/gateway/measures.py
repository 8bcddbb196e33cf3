"""How many tokens a picture or a PDF may be, by its bytes: rather too many than too few. Pure.

The API makes large pictures smaller, so that each has a most; a page of a PDF is its text and a picture of it.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
import zlib

PIXELS_PER_TOKEN = 750
PICTURE_LEAST = 100  # tokens
PICTURE_MOST = 4_800  # tokens of a picture that was scaled to what the largest models look at
PAGE = 4_600  # tokens: the most that is documented for its text, and for its picture
PAGES_MOST = 600  # of PDFs in a request
PAGE_BYTES = 100_000  # of a PDF whose pages cannot be counted, a page
HEAD = 262_144  # characters of base64 in which a picture says how large it is
INFLATED_MOST = 4_000_000  # bytes of packed objects that are looked through
_PAGE = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
_COUNT = re.compile(rb"/Count\s+(\d{1,6})(?!\d)")
_PACKED = re.compile(rb"/ObjStm\b.{0,400}?stream\r?\n", re.DOTALL)


def tokens(kind: str, data: str) -> int:
    """`kind` is the block's, `data` its base64."""
    if kind == "image":
        return picture_tokens(_decoded(data[:HEAD]))
    return pages(_decoded(data)) * PAGE


def picture_tokens(head: bytes) -> int:
    size = _size(head)
    if size is None:
        return PICTURE_MOST
    return max(PICTURE_LEAST, min(PICTURE_MOST, math.ceil(size[0] * size[1] / PIXELS_PER_TOKEN)))


def pages(data: bytes) -> int:
    """At least one, and what the largest of its own statements says."""
    texts = [data, _unpacked(data)]
    found = sum(len(_PAGE.findall(text)) for text in texts)
    said = max((int(count) for text in texts for count in _COUNT.findall(text)), default=0)
    if not found and not said:
        found = math.ceil(len(data) / PAGE_BYTES)
    return max(1, min(PAGES_MOST, max(found, said)))


def _unpacked(data: bytes) -> bytes:
    """The packed objects of a PDF, in which newer ones keep their pages."""
    made = bytearray()
    for packed in _PACKED.finditer(data):
        room = INFLATED_MOST - len(made)
        if room <= 0:
            break
        try:
            made += zlib.decompressobj().decompress(data[packed.end() :], room)
        except zlib.error:
            continue
    return bytes(made)


def _decoded(data: str) -> bytes:
    whole = data[: len(data) // 4 * 4]
    try:
        return base64.b64decode(whole)
    except (binascii.Error, ValueError):
        return b""


def _size(head: bytes) -> tuple[int, int] | None:
    """Width and height, where the head says them."""
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack(">II", head[16:24])
        if head.startswith((b"GIF87a", b"GIF89a")):
            return struct.unpack("<HH", head[6:10])
        if head.startswith(b"\xff\xd8"):
            return _jpeg_size(head)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp_size(head)
    except (struct.error, IndexError):
        pass
    return None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        at += 2 + max(2, struct.unpack(">H", head[at + 2 : at + 4])[0])
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = struct.unpack("<I", head[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
