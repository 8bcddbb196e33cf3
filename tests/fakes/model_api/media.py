"""Pictures and PDFs as the Messages API takes them: what it refuses of their bytes, and how many tokens they are.

As documented: PNG, JPEG, GIF or WebP, said to be what they are, at most 5 MB encoded and 8,000 pixels an edge, 2,000 where
there are more than 20; 100 pictures and 100 pages of PDF a request; width times height by 750 tokens, at most about 1,600.
"""

import base64
import binascii
import io
from collections.abc import Iterator
from functools import lru_cache

from PIL import Image
from pypdf import PdfReader

from tests.fakes.model_api.errors import JSON, Refused, invalid

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
MAX_PICTURE = 5 * 1024 * 1024  # bytes of base64
MAX_EDGE = 8_000  # pixels
MAX_EDGE_OF_MANY = 2_000
MANY = 20
MAX_PICTURES = 100
MAX_PAGES = 100
PIXELS_PER_TOKEN = 750
MAX_PICTURE_TOKENS = 1_600  # larger pictures are scaled down
PAGE_TOKENS = 1_500  # of text, at least


def check_media(messages: list[JSON]) -> None:
    placed = list(_media(messages))
    pictures = [(where, block) for where, block in placed if block["type"] == "image"]
    if len(pictures) > MAX_PICTURES:
        raise invalid(f"messages: too many images: {len(pictures)} > {MAX_PICTURES}")
    most = MAX_EDGE_OF_MANY if len(pictures) > MANY else MAX_EDGE
    pages = 0
    for where, block in placed:
        source = block.get("source")
        if not isinstance(source, dict):
            raise invalid(f"{where}.{block['type']}.source: Input should be a valid dictionary")
        if source.get("type") != "base64":
            continue
        if block["type"] == "image":
            _check_picture(where, source, most)
        else:
            pages += _check_paper(where, source)
    if pages > MAX_PAGES:
        raise invalid(f"A maximum of {MAX_PAGES} PDF pages may be provided.")


def tokens_of(block: JSON) -> int:
    """Of what its text does not show."""
    source = block.get("source")
    if block.get("type") == "tool_result" and isinstance(block.get("content"), list):
        return sum(tokens_of(part) for part in block["content"])
    if not isinstance(source, dict) or source.get("type") != "base64":
        return 0
    data = _decoded(str(source.get("data", "")))
    if block.get("type") == "image":
        _, width, height = _picture(data)
        return min(MAX_PICTURE_TOKENS, -(-width * height // PIXELS_PER_TOKEN))
    return _pages(data) * (PAGE_TOKENS + MAX_PICTURE_TOKENS)


def without_bytes(block: JSON) -> JSON:
    """For counting the tokens of the rest."""
    if block.get("type") == "tool_result" and isinstance(block.get("content"), list):
        return {**block, "content": [without_bytes(part) for part in block["content"]]}
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "base64":
        return {**block, "source": {"type": "base64"}}
    return block


def _media(messages: list[JSON]) -> Iterator[tuple[str, JSON]]:
    for at, message in enumerate(messages):
        content = message["content"] if isinstance(message["content"], list) else []
        for index, block in enumerate(content):
            where = f"messages.{at}.content.{index}"
            if block["type"] in ("image", "document"):
                yield where, block
            elif block["type"] == "tool_result" and isinstance(block.get("content"), list):
                for inner, part in enumerate(block["content"]):
                    if part["type"] in ("image", "document"):
                        yield f"{where}.tool_result.content.{inner}", part


def _check_picture(where: str, source: JSON, most: int) -> None:
    media_type, encoded = source.get("media_type"), source.get("data")
    if media_type not in MEDIA_TYPES.values():
        raise invalid(
            f"{where}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
        )
    if not isinstance(encoded, str) or not encoded:
        raise invalid(f"{where}.image.source.base64: image cannot be empty")
    if len(encoded) > MAX_PICTURE:
        raise invalid(
            f"{where}.image.source.base64: image exceeds 5 MB maximum: {len(encoded)} bytes > {MAX_PICTURE} bytes"
        )
    kind, width, height = _picture(_decoded(encoded))
    if not kind:
        raise invalid("Could not process image")
    if MEDIA_TYPES.get(kind) != media_type:
        raise invalid(
            f"{where}.image.source.base64.data: Image does not match the provided media type {media_type}"
        )
    if max(width, height) > most:
        many = " for many-image requests" if most == MAX_EDGE_OF_MANY else ""
        raise invalid(
            f"{where}.image.source.base64.data: At least one of the image dimensions exceed max allowed size{many}: {most} pixels"
        )


def _check_paper(where: str, source: JSON) -> int:
    if source.get("media_type") != "application/pdf":
        raise invalid(f"{where}.document.source.base64.media_type: Input should be 'application/pdf'")
    pages = _pages(_decoded(str(source.get("data") or "")))
    if pages == LOCKED:
        raise invalid(f"{where}.document.source.base64.data: The PDF specified is password protected.")
    if pages == 0:
        raise invalid(f"{where}.document.source.base64.data: The PDF specified was not valid.")
    return pages


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "source.base64.data: invalid base64 data") from error


LOCKED = -1


@lru_cache(maxsize=256)
def _picture(data: bytes) -> tuple[str, int, int]:
    """Format, width and height; no format where it cannot be decoded."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            size = image.size
            if max(size) <= MAX_EDGE:
                image.load()
            return str(image.format), *size
    except Exception:  # noqa: BLE001 - the API says no more of it either
        return "", 0, 0


@lru_cache(maxsize=256)
def _pages(data: bytes) -> int:
    try:
        reader = PdfReader(io.BytesIO(data))
        return LOCKED if reader.is_encrypted else len(reader.pages)
    except Exception:  # noqa: BLE001 - the API says no more of it either
        return 0
